"""Picture files: whatever is in them, they are read or refused. What is made of good ones is in tests/sw/test_images.py."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from firstspike_spec import InputError, picture_files
from firstspike_spec.picture_files import PictureRules, read_picture

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
    with pytest.raises(InputError, match=r"a\.gif has more than 1 pages; share them out to several files"):
        read_picture(tmp_path / "a.gif", PictureRules())
    monkeypatch.setattr(picture_files, "MOST_PICTURE_BYTES", 100)
    with pytest.raises(InputError, match=r"more than 100; save the picture again, or take it away"):
        read_picture(tmp_path / "a.gif", PictureRules())
    Image.new("1", (30_000, 10_000)).save(tmp_path / "b.png")
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"cannot read the picture .*b\.png: Image size \(300000000 pixels\) exceeds limit"):
        read_picture(tmp_path / "b.png", PictureRules())
