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
from firstspike_spec.network.layer import FULL_ACTIVITY
from firstspike_spec.network.network import Network

#: Names of an archive's array with images, where it has others too.
IMAGE_ARRAYS = ("images", "x")

#: The median from which on pixels are bright like paper, and images that are looked at to know it.
BRIGHT, SAMPLES = 192, 1000

#: What to do about a file that cannot be read.
_ADVICE = "name a .npy or .npz file, a picture or a folder of pictures"


def load_images(
    path: Path, network: Network, *, background: str | None = None, note: Callable[[str], None] = lambda text: None
) -> tuple[np.ndarray, list[str] | None]:
    """Return the images in a file or a folder.

    Parameters
    ----------
    path : path
        A ``.npy`` file of uint8, shape (batch, \\*input_shape) or (batch, inputs); an ``.npz`` file with such an array; a
        picture; or a folder of pictures, which are taken in the order of their names. Each page of a picture is an image.
        Pictures become grey, unless the network takes three channels.
    network : Network
        Says what shape an image has.
    background : str, optional
        What lies behind transparent pixels, one of `firstspike_spec.datasets.picture_files.BACKGROUNDS`; without it, pictures that
        have any are refused.
    note : callable
        Told of what was chosen or changed.

    Returns
    -------
    images : ndarray
    names : list of str, or None
        The pictures' files, fit to be shown; pages of a picture with several as ``three.tif[0]``.

    Raises
    ------
    InputError, InputTypeError
        If the file or the folder cannot be read, or an image is of another shape or format.
    """
    if background not in (None, *BACKGROUNDS):
        raise InputError(f"background must be one of {', '.join(BACKGROUNDS)}, not {quoted(background)}")
    try:
        if path.is_dir() or path.suffix.lower() in PICTURES:
            return _pictures(path, network, background)
    except OSError as error:  # of a folder above it
        raise InputError(f"cannot read the images {path}: {error.strerror}; {_ADVICE}") from error
    images = fit_images(_array(path, note), network, note)
    network.check_images(images)  # a wrong type or shape should not wait for the device
    return images, None


def doubts(network: Network, images: np.ndarray) -> list[str]:
    """Return what makes images of a right type and shape look like wrong ones, in words.

    Parameters
    ----------
    network : Network
    images : ndarray of uint8
    """
    if not images.size:
        return []
    lowest, brightest, found = int(min(network.encoder.thresholds)), int(images.max()), []
    hint = "are the values 0 and 1? multiply them by 255"
    if brightest < lowest:
        told = f"no pixel of {len(images):,} images reaches the lowest threshold {lowest}: nothing spikes"
        found.append(f"{told}; {hint}" if brightest == 1 else told)
    elif brightest == 1:
        found.append(f"no pixel of {len(images):,} images is above 1; {hint}")
    activity = network.layers[0].activity
    usually_dark = activity is None or activity.mean() < FULL_ACTIVITY / 2
    median = np.median(images[:: 1 + len(images) // SAMPLES])
    if usually_dark and median >= BRIGHT:
        found.append(
            f"most pixels are bright (their median is {median:.0f}), and bright pixels spike early: if what is to be seen is "
            "dark on a bright ground, turn the values round, 255 - images; run does with --invert"
        )
    return found


def _pictures(path: Path, network: Network, background: str | None) -> tuple[np.ndarray, list[str]]:
    """Return the pages of a picture, or of all pictures in a folder, and their names."""
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
                f"{path} has no pictures: put some in, with names that end with {', '.join(PICTURES)}; folders in it are not "
                "searched"
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
            raise InputError(f"{path} has pictures of more than {MOST_ARRAY_BYTES:,} bytes; share them out to several folders")
    return np.stack(pages).reshape(len(pages), *network.input_shape), names


def _array(path: Path, note: Callable[[str], None]) -> np.ndarray:
    """Return the array in a ``.npy`` or ``.npz`` file."""
    content = read_file(path, MOST_ARRAY_BYTES, _ADVICE)
    if not content.startswith((b"PK", NPY_MAGIC)) and path.suffix.lower() not in (".npy", ".npz"):
        raise InputError(
            f"{path} is of no kind that is taken: save it as .png (or {', '.join(PICTURES[1:])}), or as an array in a .npy or "
            ".npz file"
        )
    if not content.startswith(b"PK"):
        return parse_npy(content, str(path))
    archive = Archive(content, str(path))
    chosen = list(archive) if len(archive) == 1 else [name for name in IMAGE_ARRAYS if name in archive]
    if len(chosen) != 1:
        raise InputError(
            f"{path} has the arrays {archive.names() or 'none'}; the images must be alone, or in one that is called "
            f"{' or '.join(IMAGE_ARRAYS)}"
        )
    note(f"{path}: images are the array {printable(chosen[0], 80)}")
    return archive[chosen[0]]
