"""Images from files: arrays and folders of pictures, and one clear error for each kind of bad one."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from firstspike.images import doubts, load_images
from firstspike_spec import InputError, InputTypeError, LatencyEncoder, profile

from ..spec.random_networks import random_network


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
    with pytest.raises(InputError, match="has no pictures: put some there"):
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
    for shape, advice in (((16,), r"import it again with --input-shape HEIGHT,WIDTH"), ((2, 2, 4), r"give a \.npy file")):
        with pytest.raises(InputError, match=rf"not pictures; {advice}"):
            load_images(folder, replace(network, input_shape=shape))


# Pages, transparency, and files that are no pictures.


@pytest.mark.parametrize("name", ["three.tif", "three.gif", "three.png"])
def test_every_page_is_an_image(folder, network, name):
    pages = [np.full((4, 4), value, np.uint8) for value in (0, 85, 255)]
    first, *others = map(Image.fromarray, pages)
    first.save(folder / name, save_all=True, append_images=others)
    save(folder / "b.png", pages[1])
    images, names = load_images(folder, network)
    assert sorted(names) == sorted(["b.png", *(f"{name}[{page}]" for page in range(3))])
    np.testing.assert_array_equal([images[names.index(f"{name}[{page}]")] for page in range(3)], pages)


def test_a_page_of_another_size_is_named(folder, network):
    pages = [Image.new("L", size) for size in ((4, 4), (2, 2))]
    pages[0].save(folder / "two.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"two.tif\[1\] has 2 x 2 pixels; the network takes 4 x 4"):
        load_images(folder, network)


def transparent(folder, kind):
    """Save ink of the value 200 in the first row, on transparent ground."""
    ink, alpha = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    ink[0], alpha[0] = 200, 255
    grey, mask = Image.fromarray(ink), Image.fromarray(alpha)
    Image.merge("LA" if kind == "LA" else "RGBA", [grey, mask] if kind == "LA" else [grey, grey, grey, mask]).save(
        folder / "ink.png"
    )
    return ink


@pytest.mark.parametrize("kind", ["LA", "RGBA"])
@pytest.mark.parametrize(("background", "ground"), [("black", 0), ("white", 255)])
def test_transparent_pixels_need_a_background(folder, network, kind, background, ground):
    ink = transparent(folder, kind)
    with pytest.raises(
        InputError, match=r"ink.png is transparent in places, .*: give --background black or --background white"
    ):
        load_images(folder, network)
    images, _ = load_images(folder, network, background=background)
    np.testing.assert_array_equal(images[0], np.where(ink, ink, ground))


def test_a_colour_that_stands_for_transparent_is_noticed(folder, network):
    """A palette's or a grey picture's transparent colour, as PNG has it beside the pixels."""
    pixels = np.zeros((4, 4), np.uint8)
    pixels[0] = 200
    for name, mode in (("grey.png", "L"), ("palette.png", "P")):
        Image.fromarray(pixels).convert(mode).save(folder / name, transparency=0)
        with pytest.raises(InputError, match="is transparent in places"):
            load_images(folder / name, network)
        images, _ = load_images(folder / name, network, background="white")
        assert (images[0][1:] == 255).all(), name


def test_pictures_that_only_could_be_transparent_need_no_background(folder, network):
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    save(folder / "opaque.png", pixels, "RGBA")
    np.testing.assert_array_equal(load_images(folder, network)[0][0], pixels)


def test_a_background_that_is_none(folder, network):
    with pytest.raises(InputError, match="background must be one of black, white, not 'grey'"):
        load_images(folder, network, background="grey")


def test_a_picture_is_turned_as_its_orientation_says(folder, network):
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(pixels).save(folder / "a.png", exif=exif)
    tall = replace(random_network(1, (24, 3)), input_shape=(6, 4))
    np.testing.assert_array_equal(load_images(folder, tall)[0][0], np.rot90(pixels, -1))


def test_hidden_files_and_folders_are_no_pictures(folder, network):
    save(folder / "a.png", np.zeros((4, 4), np.uint8))
    for name in ("._a.png", ".hidden.png", "Thumbs.db"):
        (folder / name).write_bytes(b"not a picture")
    (folder / "folder.png").mkdir()
    assert load_images(folder, network)[1] == ["a.png"]


def test_a_picture_by_itself(folder, network):
    save(folder / "a.png", np.full((4, 4), 9, np.uint8))
    images, names = load_images(folder / "a.png", network)
    assert (images.shape, names) == ((1, 4, 4), ["a.png"])


def test_colour_becomes_grey_by_its_luma_or_stays(folder, network):
    """ITU-R 601, 0.299 R + 0.587 G + 0.114 B, in whole numbers."""
    colours = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    Image.fromarray(colours).save(folder / "a.png")
    grey = load_images(folder, network)[0][0]
    np.testing.assert_allclose(grey, colours @ [0.299, 0.587, 0.114], atol=1)
    in_colour = replace(random_network(1, (48, 3)), input_shape=(3, 4, 4))
    np.testing.assert_array_equal(load_images(folder, in_colour)[0][0], colours.transpose(2, 0, 1))


@pytest.mark.parametrize(("mode", "name"), [("CMYK", "a.jpg"), ("F", "a.tif"), ("I", "a.tif")])
def test_other_kinds_of_pixels_are_refused_with_what_to_do(folder, network, mode, name):
    Image.new(mode, (4, 4)).save(folder / name)
    with pytest.raises(InputError, match=rf"{name} is of the kind {mode}; save it with 8 bits a channel, as grey or RGB"):
        load_images(folder, network)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_and_devices_are_not_read(folder, network):
    os.mkfifo(folder / "a.png")
    os.mkfifo(folder / "a.npy")
    for path in (folder, folder / "a.png", folder / "a.npy"):
        with pytest.raises(InputError, match="it is a pipe, not a file"):
            load_images(path, network)
    with pytest.raises(InputError, match="it is a device, not a file"):
        load_images(Path("/dev/zero"), network)


def test_names_are_fit_to_be_shown(folder, network):
    name = os.fsdecode(b"\x1b[31m\xff[bold].png")
    save(folder / name, np.zeros((4, 4), np.uint8))
    (shown,) = load_images(folder, network)[1]
    assert shown == r"\x1b[31m\udcff[bold].png"


# Arrays.


def test_an_archive_with_one_array_or_one_called_images(tmp_path, network, images):
    path, told = tmp_path / "images.npz", []
    for arrays in ({"whatever": images}, {"images": images, "labels": np.zeros(40)}, {"x": images, "y": np.zeros(40)}):
        np.savez(path, **arrays)
        np.testing.assert_array_equal(load_images(path, network, note=told.append)[0], images)
    assert told == [f"{path}: images are the array {name}" for name in ("whatever", "images", "x")]
    for arrays in ({"a": images, "b": images}, {"images": images, "x": images}, {}):
        np.savez(path, **arrays)
        names = ", ".join(map(repr, arrays)) or "none"
        with pytest.raises(
            InputError, match=f"has the arrays {names}; the images must be the only array, or one .* images or x"
        ):
            load_images(path, network)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.uint8(3), InputError, r"images must have the shape \(batch, 4, 4\) or \(batch, 16\), not \(\)"),
        (np.zeros((20, 5, 5), np.uint8), InputError, r"not \(20, 5, 5\)"),
        (np.zeros((4, 4), np.uint8), InputError, r"not \(4, 4\); if it is one image, give images\[None\]"),
        (np.zeros(16, np.uint8), InputError, r"not \(16,\); if it is one image"),
        (np.zeros((2, 16)), InputTypeError, r"uint8 .*, not of float64; multiply them by 255 if they are 0 \.\. 1"),
        (np.zeros((2, 16), bool), InputTypeError, r"not of bool; make false and true 0 and 255"),
        (np.zeros((2, 16), np.int32), InputTypeError, r"not of int32; convert values in 0 \.\. 255 with"),
        (np.zeros((2, 16), complex), InputTypeError, "not of complex128; scale and convert them"),
        (np.full((2, 16), "a"), InputTypeError, "not of <U1"),
        (np.zeros(2, [("a", "u1"), ("b", "f4")]), InputError, "is not a .npy file of numbers .*; save a plain uint8 array"),
        (np.array([[object()] * 16]), InputError, "is not a .npy file of numbers .*; save a plain uint8 array"),
    ],
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_an_array_of_another_kind_is_refused_with_what_to_do(tmp_path, network, suffix, array, error, message):
    path = tmp_path / f"a{suffix}"
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=True) if suffix == ".npy" else np.savez(file, array)
    with pytest.raises(error, match=message):
        load_images(path, network)


def test_a_network_without_a_shape_names_the_way_to_give_it_one(tmp_path, network):
    np.save(tmp_path / "a.npy", np.zeros((20, 4, 4), np.uint8))
    message = (
        r"images must have the shape \(batch, 16\), not \(20, 4, 4\); .* import it again with --input-shape 4,4, or give "
        r"images.reshape\(len\(images\), 16\)"
    )
    with pytest.raises(InputError, match=message):
        load_images(tmp_path / "a.npy", replace(network, input_shape=(16,)))


@pytest.mark.parametrize("shape", [(5, 4, 4, 3), (5, 3, 4, 4)])
def test_colour_in_an_array_becomes_grey_and_that_is_told(tmp_path, network, shape):
    colours, told = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8), []
    np.save(tmp_path / "a.npy", colours)
    grey = load_images(tmp_path / "a.npy", network, note=told.append)[0]
    weights = [0.299, 0.587, 0.114]
    expected = colours @ weights if shape[-1] == 3 else np.einsum("nchw,c->nhw", colours, weights)
    np.testing.assert_allclose(grey, expected, atol=0.51)
    assert told == ["colour images become grey, 0.299 R + 0.587 G + 0.114 B (ITU-R 601)"]


def test_channels_that_come_last_are_put_in_front(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)
    network = replace(random_network(1, (72, 3)), input_shape=(3, 4, 6))
    np.save(tmp_path / "a.npy", colours)
    np.testing.assert_array_equal(load_images(tmp_path / "a.npy", network)[0], colours.transpose(0, 3, 1, 2))


# Images of a right shape that are probably wrong ones.


@pytest.mark.parametrize(
    ("lowest", "brightest", "message"),
    [
        (52, 51, "no pixel of 5 images reaches the lowest threshold 52: nothing spikes"),
        (52, 0, "no pixel of 5 images reaches the lowest threshold 52: nothing spikes"),
        (52, 1, "no pixel of 5 images reaches the lowest threshold 52: nothing spikes; are the values 0 and 1? multiply"),
        (1, 1, "no pixel of 5 images is above 1; are the values 0 and 1? multiply them by 255"),
        (52, 52, ""),
        (1, 2, ""),
    ],
)
def test_images_that_spike_nowhere_are_told(network, lowest, brightest, message):
    dark = np.zeros((5, 4, 4), np.uint8)
    dark[3, 1, 2] = brightest
    told = doubts(replace(network, encoder=LatencyEncoder([200, 100, 90, lowest])), dark)
    assert "".join(told).startswith(message)
    assert len(told) == bool(message)


def test_bright_ground_is_told_unless_the_network_is_used_to_it(network):
    paper = np.full((5, 4, 4), 255, np.uint8)
    paper[:, 0] = 0
    (told,) = doubts(network, paper)
    assert "most pixels are bright (their median is 255)" in told
    assert "--invert" in told
    assert doubts(profile(network, 255 - paper), paper) == [told]
    assert doubts(profile(network, paper), paper) == []
    assert doubts(network, 255 - paper) == []


def test_arrays_that_cannot_be_used(tmp_path, network):
    with pytest.raises(
        InputError, match=r"cannot read .*none.npy: No such file .*; name a .npy or .npz file, a picture or a folder"
    ):
        load_images(tmp_path / "none.npy", network)
    np.save(tmp_path / "floats.npy", np.zeros((2, 16)))
    with pytest.raises(InputTypeError, match="uint8"):
        load_images(tmp_path / "floats.npy", network)
    np.save(tmp_path / "wide.npy", np.zeros((2, 17), np.uint8))
    with pytest.raises(InputError, match="images must have the shape"):
        load_images(tmp_path / "wide.npy", network)


@pytest.mark.parametrize("name", ["a.webp", "a.ico", "a.eps", "a.pdf", "a.icns", "a.txt"])
def test_files_of_other_kinds_are_refused_with_what_is_taken(tmp_path, network, name):
    (tmp_path / name).write_bytes(b"RIFF....WEBP")
    with pytest.raises(InputError, match=rf"{name} has no known format: save it as \.png .*, or as an array in a \.npy"):
        load_images(tmp_path / name, network)


def test_images_of_as_many_sides_as_a_network_can_have(tmp_path):
    network, shape = random_network(3, (6, 4, 3)), (3, 1, 1, 1, 1, 1, 1, 2)
    network = replace(network, input_shape=shape)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    np.testing.assert_array_equal(load_images(tmp_path / "a.npy", network)[0], pixels)
    with pytest.raises(InputError, match=r"number of input_shape's sides must be in 0 \.\. 8, not 9"):
        replace(network, input_shape=(*shape, 1))
