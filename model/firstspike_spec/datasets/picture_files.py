"""Picture files: each page as an array of pixels. Pillow is imported only when a file is read."""

import io
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import InputError
from ..common.files import read_file
from ..common.text import reason
from ..network.maps import MAX_NEURONS

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

#: Suffixes of picture files.
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm")

#: Backgrounds behind transparent pixels: name and pixel value.
BACKGROUNDS = {"black": 0, "white": 255}

#: Most bytes of a picture file, and most pages in it.
MOST_PICTURE_BYTES, MOST_PAGES = 1 << 28, 1 << 16

#: Pillow's names for modes with 8 bits per channel: without and with transparency.
_OPAQUE, _TRANSPARENT = ("1", "L", "P", "RGB"), ("LA", "PA", "RGBA")

#: Pillow's names for the formats that are read, regardless of the file's suffix. For other formats the bits per channel are
#: not known, and some of them run programs. WebP has 8 bits, and such files are often called .jpg or .png.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP")

#: The TIFF tag with the bits of each channel.
_BITS_PER_SAMPLE = 258


def picture_names(folder: Path) -> list[str]:
    """Return the sorted names of a folder's pictures, without hidden files, such as ``._a.png``.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """
    try:
        return sorted(
            entry.name
            for entry in folder.iterdir()
            if entry.suffix.lower() in PICTURES and not entry.name.startswith(".") and not entry.is_dir()
        )
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror}; name another one") from error


@dataclass(frozen=True)
class PictureRules:
    """What pictures must be like, and how they are converted.

    Attributes
    ----------
    colour : bool, optional
        Whether pages become colour or grey (luma by ITU-R 601, ``0.299 R + 0.587 G + 0.114 B``); ``None`` keeps each as it
        is.
    size : tuple of int, optional
        The required height and width.
    size_of : str
        What requires that size, for errors.
    background : str, optional
        One of `BACKGROUNDS`, for pictures with transparent pixels. Without it, they are refused.
    advice : str
        What to do about transparent pictures, for errors.
    """

    colour: bool | None = False
    size: tuple[int, int] | None = None
    size_of: str = "the network takes"
    background: str | None = None
    advice: str = "save it without transparency"


def read_picture(path: Path, rules: PictureRules) -> list[np.ndarray]:
    """Return all pages of a picture file, rotated by its EXIF orientation.

    Parameters
    ----------
    path : path
    rules : PictureRules

    Returns
    -------
    list of ndarray of uint8, each of shape (height, width), or (3, height, width) in colour

    Raises
    ------
    InputError
        If the file is damaged, does not have 8 bits per channel, or a page has another size or is transparent; the message
        names the page.
    """
    content = read_file(path, MOST_PICTURE_BYTES, "save the picture again, or remove it")
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # for Pillow, a picture that is far too large is only worth a warning
            with Image.open(io.BytesIO(content), formats=_FORMATS) as file:
                return [_pixels(file, name, rules) for name in _pages(file, path)]
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"cannot read the picture {path}: it is damaged or of an unknown format; save it again, as PNG, or remove it"
        ) from error
    except Exception as error:  # Pillow raises errors of any kind for damaged files
        raise InputError(f"cannot read the picture {path}: {reason(error)}; save it again, or remove it") from error


def _pages(file: "ImageFile", path: Path) -> Iterator[str]:
    """Select the pages of an open picture one after the other, and yield the name of each."""
    for page in itertools.count():
        try:
            file.seek(page)
        except EOFError:
            return
        if page == MOST_PAGES:
            raise InputError(f"{path} has more than {MOST_PAGES:,} pages; split them into several files")
        yield f"{path}[{page}]" if page else str(path)


def _pixels(file: "ImageFile", name: str, rules: PictureRules) -> np.ndarray:
    """Return the selected page of an open picture."""
    from PIL import ImageOps

    if file.mode not in _OPAQUE + _TRANSPARENT:
        raise InputError(f"{name} is of the kind {file.mode}; save it with 8 bits a channel, as grey or RGB")
    if _is_deep(file):
        raise InputError(f"{name} has more than 8 bits a channel; save it with 8 bits a channel, as grey or RGB")
    _check_size(file.size, name, rules, rotated=True)  # before its pixels are unpacked
    in_colour = file.mode in ("P", "PA", "RGB", "RGBA")
    page = ImageOps.exif_transpose(file) if file.getexif() else file
    _check_size(page.size, name, rules)
    page = _opaque(page, name, rules)
    if rules.colour or (rules.colour is None and in_colour):
        return np.asarray(page.convert("RGB")).transpose(2, 0, 1)
    return np.asarray(page.convert("L"))


def _is_deep(page: "ImageFile") -> bool:
    """Return whether a page that is not unpacked yet has more than 8 bits per channel, of which Pillow would keep only 8."""
    bits = np.max(getattr(page, "tag_v2", {}).get(_BITS_PER_SAMPLE, 0), initial=0)
    for tile in page.tile:
        args: tuple[Any, ...] = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if tile.codec_name in ("ppm", "ppm_plain") and args[-1] > 255:  # the largest value
            return True
        if isinstance(args[0], str) and ";16" in args[0]:
            return True
    return bits > 8


def _check_size(size: tuple[int, int], name: str, rules: PictureRules, rotated: bool = False) -> None:
    """Raise `InputError` unless a page has the required size, or with ``rotated`` that size rotated by 90 degrees."""
    width, height = size
    if rules.size is None:
        if width * height > MAX_NEURONS:
            raise InputError(f"{name} has {width} x {height} pixels, a network at most {MAX_NEURONS:,} inputs: scale it down")
    elif rules.size != (height, width) and not (rotated and rules.size == (width, height)):
        wanted = f"{rules.size[1]} x {rules.size[0]}"
        raise InputError(f"{name} has {width} x {height} pixels; {rules.size_of} {wanted}: scale it, or remove it")


def _opaque(page: "Image", name: str, rules: PictureRules) -> "Image":
    """Return a page without transparency, drawn on the background."""
    from PIL import Image

    if page.mode not in _TRANSPARENT and "transparency" not in page.info:
        return page
    page = page.convert("RGBA")
    if np.asarray(page.getchannel("A")).min() < 255:
        if rules.background is None:
            raise InputError(f"{name} is transparent in places, and its background is not known: {rules.advice}")
        ground = Image.new("RGBA", page.size, (BACKGROUNDS[rules.background],) * 3 + (255,))
        page = Image.alpha_composite(ground, page)
    return page.convert("RGB")
