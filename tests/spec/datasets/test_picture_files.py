"""Picture files are read or refused, whatever they contain. The pixels of good ones are tested in tests/sw/test_images.py."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from firstspike_spec import InputError
from firstspike_spec.datasets import picture_files
from firstspike_spec.datasets.picture_files import PictureRules, read_picture

FORMATS = {"png": "PNG", "gif": "GIF", "tif": "TIFF", "jpg": "JPEG", "bmp": "BMP", "pgm": "PPM"}


def saved(kind):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    picture, content = Image.fromarray(pixels), io.BytesIO()
    pages = {"save_all": True, "append_images": [picture.rotate(90)]} if kind in ("gif", "tif") else {}
    (picture.convert("L") if kind == "pgm" else picture).save(content, FORMATS[kind], **pages)
    return content.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_pictures_are_read_or_refused(tmp_path, kind):
    content, path, chance = saved(kind), tmp_path / f"a.{kind}", random.Random(1)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 1, 2, 5])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        try:
            pages = read_picture(path, PictureRules(size=(8, 8), background="black"))
        except InputError:
            continue
        assert {(page.shape, page.dtype.name) for page in pages} == {((8, 8), "uint8")}


def test_sizes_and_pages_are_bounded(tmp_path, monkeypatch):
    (tmp_path / "a.gif").write_bytes(saved("gif"))
    assert len(read_picture(tmp_path / "a.gif", PictureRules())) == 2
    monkeypatch.setattr(picture_files, "MOST_PAGES", 1)
    with pytest.raises(InputError, match=r"a\.gif has more than 1 pages; split them into several files"):
        read_picture(tmp_path / "a.gif", PictureRules())
    monkeypatch.setattr(picture_files, "MOST_PICTURE_BYTES", 100)
    with pytest.raises(InputError, match=r"more than 100; save the picture again, or remove it"):
        read_picture(tmp_path / "a.gif", PictureRules())
    Image.new("1", (30_000, 10_000)).save(tmp_path / "b.png")
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"cannot read the picture .*b\.png: Image size \(300000000 pixels\) exceeds limit"):
        read_picture(tmp_path / "b.png", PictureRules())


def deep_png(colour_type, channels):
    """A PNG of 2 x 2 pixels with 16 bits a channel, made by hand: Pillow writes none in colour."""

    def chunk(kind, content):
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    header = (2).to_bytes(4, "big") * 2 + bytes([16, colour_type, 0, 0, 0])
    rows = zlib.compress(2 * (b"\0" + 2 * channels * b"\x80\x01"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def deep_tiff(planar):
    """A TIFF of 1 x 1 pixels with three channels of 16 bits, all in one strip or one strip each."""
    tags, after = 10, 8 + 2 + 10 * 12 + 4
    bits, strips, sizes, pixels = after, after + 6, after + 18, after + 30
    split = planar == 2
    entries = [
        (256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 3 if split else 1, strips if split else pixels), (277, 3, 1, 3), (278, 3, 1, 1),
        (279, 4, 3 if split else 1, sizes if split else 6), (284, 3, 1, planar),
    ]  # fmt: skip
    content = struct.pack("<2sHIH", b"II", 42, 8, tags) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    places = struct.pack("<3I3I", pixels, pixels + 2, pixels + 4, 2, 2, 2)
    return content + bytes(4) + struct.pack("<3H", 16, 16, 16) + places + struct.pack("<3H", 1, 40000, 60000)


DEEP = {
    "rgb.png": deep_png(2, 3),
    "grey-alpha.png": deep_png(4, 2),
    "rgb-alpha.png": deep_png(6, 4),
    "together.tif": deep_tiff(1),
    "apart.tif": deep_tiff(2),
    "raw.pgm": b"P6 1 1 65535\n\x80\x01\x80\x01\x80\x01",
    "plain.pgm": b"P3 1 1 1023\n1 2 1023\n",
}


@pytest.mark.parametrize("name", DEEP)
def test_more_than_8_bits_a_channel_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(DEEP[name])
    with pytest.raises(InputError, match=rf"{name} has more than 8 bits a channel; save it with 8 bits a channel"):
        read_picture(tmp_path / name, PictureRules(background="black"))


@pytest.mark.parametrize("kind", ["ICO", "EPS", "JPEG2000", "TGA", None])
def test_pictures_of_other_kinds_are_refused_in_plain_words(tmp_path, kind):
    """Regardless of their suffix: their bits per channel are not known, and some formats run programs."""
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16)).save(path, kind) if kind else path.write_bytes(b"no picture")
    with pytest.raises(InputError) as refused:
        read_picture(path, PictureRules())
    told = "it is damaged or of an unknown format; save it again, as PNG, or remove it"
    assert str(refused.value) == f"cannot read the picture {path}: {told}"
