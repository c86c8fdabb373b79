"""Images from a user's files."""

import warnings
from pathlib import Path

import numpy as np

from firstspike_spec.errors import InputError
from firstspike_spec.network import Network

#: Pictures, by the ends of their names.
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm")

#: Pillow's names for pictures of 8 bits a channel; all become grey.
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")


def load_images(path: Path, network: Network) -> tuple[np.ndarray, list[str] | None]:
    """Return the images in a file or a folder.

    Parameters
    ----------
    path : path
        A ``.npy`` file of uint8, shape (batch, \\*input_shape) or (batch, inputs); or a folder of pictures, which are taken in
        the order of their names and become grey.
    network : Network
        Says what shape an image has.

    Returns
    -------
    images : ndarray
    names : list of str, or None
        The pictures' files.

    Raises
    ------
    InputError, InputTypeError
        If the file or the folder cannot be read, or an image is of another shape or format.
    """
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir() if entry.suffix.lower() in PICTURES)
        if not names:
            raise InputError(f"{path} has no pictures: put some in, with names that end with {', '.join(PICTURES)}")
        return np.stack([_picture(path / name, network) for name in names]), names
    images = _array(path)
    network.spike_times(images[:0])  # a wrong type or shape should not wait for the device
    return images, None


def _array(path: Path) -> np.ndarray:
    """Return the array in a ``.npy`` file, without running any code in it."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)[...]
    except OSError as error:
        raise InputError(
            f"cannot read the images {path}: {error.strerror or error}; name a .npy file or a folder of pictures"
        ) from error
    except (ValueError, EOFError, TypeError, IndexError) as error:
        raise InputError(f"{path} is no .npy file of numbers ({error}); save a uint8 array with numpy.save") from error


def _picture(path: Path, network: Network) -> np.ndarray:
    if len(network.input_shape) != 2:
        raise InputError(f"the network takes images of the shape {network.input_shape}, not pictures; give a .npy file")
    height, width = network.input_shape
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a picture that is far too large is only a warning
            with Image.open(path) as picture:
                size, mode = picture.size, picture.mode
                right = size == (width, height) and mode in _MODES
                pixels = np.asarray(picture.convert("L")) if right else None
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        raise InputError(f"cannot read the picture {path}: {error}; save it again, or take it away") from error
    if size != (width, height):
        raise InputError(
            f"{path} has {size[0]} x {size[1]} pixels; the network takes {width} x {height}: scale it, or take it away"
        )
    if pixels is None:
        raise InputError(f"{path} is of the kind {mode}; save it with 8 bits a channel, grey or in colour")
    return pixels
