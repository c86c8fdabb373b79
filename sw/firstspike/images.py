"""Images from a user's files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from firstspike_spec.common.arrays import MOST_ARRAY_BYTES, NPY_MAGIC, Archive, parse_npy
from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import read_file
from firstspike_spec.common.text import printable, quoted
from firstspike_spec.datasets import fit_images
from firstspike_spec.datasets.picture_files import BACKGROUNDS, PICTURES, PictureRules, picture_names, read_picture
from firstspike_spec.network.base import BaseNetwork
from firstspike_spec.network.connections import FULL_ACTIVITY
from firstspike_spec.network.layer import Layer
from firstspike_spec.network.network import Network

from .devices.kinds import AnyNetwork, check_takes_images

#: Names of the images' array in an archive with several arrays.
IMAGE_ARRAYS = ("images", "x")

#: Median from which the pixels count as a bright ground such as paper, and the most images used to find it.
BRIGHT, SAMPLES = 192, 1000

#: Advice on a file that cannot be read.
_ADVICE = "name a .npy or .npz file, a picture or a folder of pictures"


def load_images(
    path: Path, network: BaseNetwork, *, background: str | None = None, note: Callable[[str], None] = lambda text: None
) -> tuple[np.ndarray, list[str] | None]:
    """Return the images in a file or a folder.

    Parameters
    ----------
    path : path
        A ``.npy`` file of uint8, shape (batch, \\*input_shape) or (batch, inputs); an ``.npz`` file with such an array; a
        picture; or a folder of pictures, in the order of their names. Each page of a picture is an image. Pictures become
        grey, unless the network takes three channels.
    network : BaseNetwork
        Defines the shape of an image.
    background : str, optional
        Colour behind transparent pixels, one of `firstspike_spec.datasets.picture_files.BACKGROUNDS`. Without it,
        pictures with transparent pixels are refused.
    note : callable
        Called with a text about each choice or change that was made.

    Returns
    -------
    images : ndarray
    names : list of str, or None
        The pictures' file names, made printable; ``three.tif[0]`` for a page of a picture with several.

    Raises
    ------
    InputError, InputTypeError
        If the file or the folder cannot be read, an image is of another shape or format, or the network takes spike times
        only.
    """
    check_takes_images(network)
    if background not in (None, *BACKGROUNDS):
        raise InputError(f"background must be one of {', '.join(BACKGROUNDS)}, not {quoted(background)}")
    try:
        if path.is_dir() or path.suffix.lower() in PICTURES:
            return _pictures(path, network, background)
    except OSError as error:  # in a folder above it
        raise InputError(f"cannot read the images {path}: {error.strerror}; {_ADVICE}") from error
    images = fit_images(_array(path, note), network, note)
    network.check_images(images)  # before the device is opened, which may take minutes
    return images, None


def doubts(network: AnyNetwork, images: np.ndarray) -> list[str]:
    """Return signs that images of the right type and shape are not what was meant, as texts.

    Parameters
    ----------
    network : Network or LayeredNetwork
        One that takes images.
    images : ndarray of uint8
    """
    if not images.size:
        return []
    lowest, brightest, found = _lowest_threshold(network), int(images.max()), []
    hint = "are the values 0 and 1? multiply them by 255"
    if brightest < lowest:
        text = f"no pixel of {len(images):,} images reaches the lowest threshold {lowest}: nothing spikes"
        found.append(f"{text}; {hint}" if brightest == 1 else text)
    elif brightest == 1:
        found.append(f"no pixel of {len(images):,} images is above 1; {hint}")
    activity = _input_activity(network)
    usually_dark = activity is None or activity.mean() < FULL_ACTIVITY / 2
    median = np.median(images[:: 1 + len(images) // SAMPLES])
    if usually_dark and median >= BRIGHT:
        found.append(
            f"most pixels are bright (their median is {median:.0f}), and bright pixels spike early: if the images are dark on "
            "a bright ground, invert them, 255 - images; run does so with --invert"
        )
    return found


def _lowest_threshold(network: AnyNetwork) -> int:
    """Return the lowest pixel value that spikes, in any channel."""
    thresholds = network.encoder.thresholds if isinstance(network, Network) else network.input_code.thresholds
    return 0 if thresholds is None else int(thresholds.min())


def _input_activity(network: AnyNetwork) -> np.ndarray | None:
    """Return how often each input usually spikes, if that was measured."""
    first = network.layers[0]
    return first.activity if isinstance(first, Layer) else first.projections[0].activity


def _pictures(path: Path, network: BaseNetwork, background: str | None) -> tuple[np.ndarray, list[str]]:
    """Return the pages of a picture or of all pictures in a folder, and their names."""
    shape = network.input_shape if len(network.input_shape) > 2 else (1, *network.input_shape)
    if len(shape) != 3 or shape[0] not in (1, 3):
        advice = (
            "import it again with --input-shape HEIGHT,WIDTH, or give a .npy file" if len(shape) == 2 else "give a .npy file"
        )
        raise InputError(f"the network takes images of the shape {network.input_shape}, not pictures; {advice}")
    files = [path]
    if path.is_dir():
        files = [path / name for name in picture_names(path)]
        if not files:
            raise InputError(
                f"{path} has no pictures: put some there, with names that end with {', '.join(PICTURES)}; folders in it are "
                "not searched"
            )
    rules = PictureRules(
        colour=shape[0] == 3,
        size=shape[1:],
        background=background,
        advice="give --background black or --background white, or save it without transparency",
    )
    pages, names = [], []
    for file in files:
        found, name = read_picture(file, rules), printable(file.name)
        pages += found
        names += [name] if len(found) == 1 else [f"{name}[{number}]" for number in range(len(found))]
        if len(pages) * network.inputs > MOST_ARRAY_BYTES:
            raise InputError(f"{path} has pictures of more than {MOST_ARRAY_BYTES:,} bytes; split them into several folders")
    return np.stack(pages).reshape(len(pages), *network.input_shape), names


def _array(path: Path, note: Callable[[str], None]) -> np.ndarray:
    """Return the array in a ``.npy`` or ``.npz`` file."""
    content = read_file(path, MOST_ARRAY_BYTES, _ADVICE)
    if not content.startswith((b"PK", NPY_MAGIC)) and path.suffix.lower() not in (".npy", ".npz"):
        raise InputError(
            f"{path} has no known format: save it as .png (or {', '.join(PICTURES[1:])}), or as an array in a .npy or "
            ".npz file"
        )
    if not content.startswith(b"PK"):
        return parse_npy(content, str(path))
    archive = Archive(content, str(path))
    chosen = list(archive) if len(archive) == 1 else [name for name in IMAGE_ARRAYS if name in archive]
    if len(chosen) != 1:
        raise InputError(
            f"{path} has the arrays {archive.names() or 'none'}; the images must be the only array, or one that is called "
            f"{' or '.join(IMAGE_ARRAYS)}"
        )
    note(f"{path}: images are the array {printable(chosen[0], 80)}")
    return archive[chosen[0]]
