"""Picture files: every page of one as an array of pixels. Pillow is imported only when one is read."""

import io
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..common.errors import InputError
from ..common.files import read_file
from ..common.text import reason
from ..network.maps import MAX_NEURONS

if TYPE_CHECKING:
    from PIL.Image import Image

#: Pictures, by the ends of their names.
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".pgm")

#: What may lie behind transparent pixels, by name.
BACKGROUNDS = {"black": 0, "white": 255}

#: Bytes of a picture file, and pages of one.
MOST_PICTURE_BYTES, MOST_PAGES = 1 << 28, 1 << 16

#: Pillow's names for pictures of 8 bits a channel: without and with transparency.
_OPAQUE, _TRANSPARENT = ("1", "L", "P", "RGB"), ("LA", "PA", "RGBA")

#: Pillow's names for the formats that are read, whatever a file is called; of others the bits a channel are not known, and
#: some run programs. WebP has 8, and is often called .jpg or .png.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "PPM", "WEBP")

#: The tag of a TIFF that holds the bits of each channel.
_BITS_PER_SAMPLE = 258


def picture_names(folder: Path) -> list[str]:
    """Return the names of a folder's pictures in their order: hidden files, such as ``._a.png``, and folders are none.

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
    """What pictures must be, and what is made of them.

    Attributes
    ----------
    colour : bool, optional
        Whether pages become colour or grey (the luma of ITU-R 601, ``0.299 R + 0.587 G + 0.114 B``); ``None`` leaves them what
        they are.
    size : tuple of int, optional
        The height and width wanted.
    size_of : str
        Who wants that size, in an error.
    background : str, optional
        One of `BACKGROUNDS`, for pictures with transparent pixels, which are refused without it.
    advice : str
        What to do with transparent pictures, in an error.
    """

    colour: bool | None = False
    size: tuple[int, int] | None = None
    size_of: str = "the network takes"
    background: str | None = None
    advice: str = "save it without transparency"


def read_picture(path: Path, rules: PictureRules) -> list[np.ndarray]:
    """Return all pages of a picture file, turned as its EXIF orientation says.

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
        If the file is damaged or not of 8 bits a channel, a page has another size or is transparent; the message names it.
    """
    content = read_file(path, MOST_PICTURE_BYTES, "save the picture again, or take it away")
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a picture that is far too large is only a warning
            with Image.open(io.BytesIO(content), formats=_FORMATS) as file:
                return [_pixels(file, name, rules) for name in _pages(file, path)]
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"cannot read the picture {path}: it is damaged, or no picture of a kind that is taken; save it again, as PNG, or "
            "take it away"
        ) from error
    except Exception as error:  # of damaged files, Pillow raises anything
        raise InputError(f"cannot read the picture {path}: {reason(error)}; save it again, or take it away") from error


def _pages(file: "Image", path: Path) -> Iterator[str]:
    """Go through the pages of an open picture, and give the name of each."""
    for page in itertools.count():
        try:
            file.seek(page)
        except EOFError:
            return
        if page == MOST_PAGES:
            raise InputError(f"{path} has more than {MOST_PAGES:,} pages; share them out to several files")
        yield f"{path}[{page}]" if page else str(path)


def _pixels(page: "Image", name: str, rules: PictureRules) -> np.ndarray:
    from PIL import ImageOps

    if page.mode not in _OPAQUE + _TRANSPARENT:
        raise InputError(f"{name} is of the kind {page.mode}; save it with 8 bits a channel, as grey or RGB")
    if _is_deep(page):
        raise InputError(f"{name} has more than 8 bits a channel; save it with 8 bits a channel, as grey or RGB")
    _check_size(page.size, name, rules, turned=True)  # before its pixels are unpacked
    in_colour = page.mode in ("P", "PA", "RGB", "RGBA")
    if page.getexif():
        page = ImageOps.exif_transpose(page)
    _check_size(page.size, name, rules)
    page = _opaque(page, name, rules)
    if rules.colour or (rules.colour is None and in_colour):
        return np.asarray(page.convert("RGB")).transpose(2, 0, 1)
    return np.asarray(page.convert("L"))


def _is_deep(page: "Image") -> bool:
    """Return whether a page that is not unpacked yet has more than 8 bits a channel, of which Pillow would keep 8."""
    bits = np.max(getattr(page, "tag_v2", {}).get(_BITS_PER_SAMPLE, 0), initial=0)
    for tile in page.tile:
        kind = tile.args[0] if isinstance(tile.args, tuple) else tile.args
        if tile.codec_name in ("ppm", "ppm_plain") and tile.args[-1] > 255:  # the largest value
            return True
        if isinstance(kind, str) and ";16" in kind:
            return True
    return bits > 8


def _check_size(size: tuple[int, int], name: str, rules: PictureRules, turned: bool = False) -> None:
    """Raise `InputError` unless a page has the size wanted; with ``turned``, it may still lie on its side."""
    width, height = size
    if rules.size is None:
        if width * height > MAX_NEURONS:
            raise InputError(f"{name} has {width} x {height} pixels, a network at most {MAX_NEURONS:,} inputs: scale it down")
    elif rules.size != (height, width) and not (turned and rules.size == (width, height)):
        wanted = f"{rules.size[1]} x {rules.size[0]}"
        raise InputError(f"{name} has {width} x {height} pixels; {rules.size_of} {wanted}: scale it, or take it away")


def _opaque(page: "Image", name: str, rules: PictureRules) -> "Image":
    """Return a page without transparency, what is transparent on the background."""
    from PIL import Image

    if page.mode not in _TRANSPARENT and "transparency" not in page.info:
        return page
    page = page.convert("RGBA")
    if page.getchannel("A").getextrema()[0] < 255:
        if rules.background is None:
            raise InputError(f"{name} is transparent in places, and what lies behind is not known: {rules.advice}")
        ground = Image.new("RGBA", page.size, (BACKGROUNDS[rules.background],) * 3 + (255,))
        page = Image.alpha_composite(ground, page)
    return page.convert("RGB")
