"""Images from files: arrays and folders of pictures, and one clear error for each kind of bad one."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from firstspike.images import load_images
from firstspike_spec import InputError, InputTypeError


def save(path, pixels, mode="L"):
    Image.fromarray(pixels).convert(mode).save(path)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    return path


def test_pictures_come_in_the_order_of_their_names(folder, network):
    rng = np.random.default_rng(0)
    made = {name: rng.integers(0, 256, (4, 4)).astype(np.uint8) for name in ("b.png", "a.bmp", "C.PGM")}
    for name, pixels in made.items():
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    images, names = load_images(folder, network)
    assert names == ["C.PGM", "a.bmp", "b.png"]
    np.testing.assert_array_equal(images, [made[name] for name in names])
    assert images.dtype == np.uint8


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_pictures_become_grey(folder, network, mode):
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 15
    save(folder / "one.png", pixels, mode)
    images, _ = load_images(folder, network)
    np.testing.assert_allclose(images[0], pixels, atol=1)


def test_an_array(tmp_path, network, images):
    path = tmp_path / "images.npy"
    np.save(path, images)
    loaded, names = load_images(path, network)
    np.testing.assert_array_equal(loaded, images)
    assert names is None


def test_pictures_that_cannot_be_used_are_named(folder, network):
    with pytest.raises(InputError, match="has no pictures: put some in"):
        load_images(folder, network)
    good = folder / "a.png"
    save(good, np.zeros((4, 4), np.uint8))
    save(folder / "wide.png", np.zeros((4, 5), np.uint8))
    with pytest.raises(InputError, match=r"wide.png has 5 x 4 pixels; the network takes 4 x 4: scale it"):
        load_images(folder, network)
    (folder / "wide.png").unlink()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(folder / "deep.png")
    with pytest.raises(InputError, match=r"deep.png is of the kind I;16; save it with 8 bits a channel"):
        load_images(folder, network)
    (folder / "deep.png").unlink()
    for content in (b"", b"no picture", good.read_bytes()[:45]):
        (folder / "torn.png").write_bytes(content)
        with pytest.raises(InputError, match=r"cannot read the picture .*torn.png"):
            load_images(folder, network)


def test_a_network_that_takes_no_pictures(folder, network):
    save(folder / "one.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"not pictures; give a \.npy file"):
        load_images(folder, replace(network, input_shape=(16,)))


def test_arrays_that_cannot_be_used(tmp_path, network):
    with pytest.raises(InputError, match=r"cannot read the images .*none.npy"):
        load_images(tmp_path / "none.npy", network)
    np.save(tmp_path / "floats.npy", np.zeros((2, 16)))
    with pytest.raises(InputTypeError, match="uint8"):
        load_images(tmp_path / "floats.npy", network)
    np.save(tmp_path / "wide.npy", np.zeros((2, 17), np.uint8))
    with pytest.raises(InputError, match="images must have the shape"):
        load_images(tmp_path / "wide.npy", network)
