"""``firstspike run`` on pictures: what it takes them for, and what it tells."""

import csv

import numpy as np
import pytest
from PIL import Image

from firstspike_spec import infer

from ..test_command_line import assert_refused


@pytest.fixture
def pictures(images, tmp_path):
    """A folder with eleven of the images as pictures, their names in another order than their numbers."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(images[:11]):
        Image.fromarray(image.reshape(4, 4)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def names():
    return sorted(f"{number}.png" for number in range(11))


def cells(table):
    return [line.replace("│", " ").split() for line in table.splitlines() if line.startswith("│")]


def test_pictures_are_named_wherever_their_results_are(firstspike, network_file, network, images, pictures, names, tmp_path):
    classes = infer(network, images[:11]).classes
    expected = [[name, str(classes[int(name.removesuffix(".png"))])] for name in names]
    common = ("run", network_file, "--input", pictures)
    assert [row[:2] for row in cells(firstspike(*common).out)] == expected
    assert [[row["image"], row["class"]] for row in firstspike(*common, "--json").json["images"]] == expected
    firstspike(*common, "--output", tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(newline="") as file:
        assert [[row["image"], row["class"]] for row in csv.DictReader(file)] == expected


def test_a_picture_s_name_is_shown_as_it_is(firstspike, network_file, tmp_path):
    name = "[red]\x1b[31m.png"
    Image.new("L", (4, 4)).save(tmp_path / name)
    shown = firstspike("run", network_file, "--input", tmp_path / name)
    assert shown.code == 0
    assert cells(shown.out)[0][0] == r"[red]\x1b[31m.png"


def test_dark_ink_on_white_paper(firstspike, network_file, network, images, tmp_path):
    ink = np.where(np.arange(16).reshape(1, 4, 4) == 5, images[:1].reshape(1, 4, 4), 0).astype(np.uint8)
    np.save(tmp_path / "paper.npy", 255 - ink)
    common = ("run", network_file, "--input", tmp_path / "paper.npy", "--json")
    plain, inverted = firstspike(*common), firstspike(*common, "--invert")
    assert "give --invert" in plain.err or "with --invert" in plain.err
    assert plain.json["notes"] == [plain.err.removeprefix("note: ").strip()]
    assert (inverted.err, inverted.json["notes"]) == ("", [])
    expected = infer(network, ink)
    assert inverted.json["images"][0]["decision_step"] == expected.decision_steps[0]
    assert inverted.json["images"][0]["class"] == str(expected.classes[0])


def test_ink_on_transparent_ground(firstspike, network_file, network, tmp_path):
    ink = np.zeros((4, 4), np.uint8)
    ink[1] = 250
    Image.merge("LA", [Image.fromarray(ink), Image.fromarray(ink // 250 * 255)]).save(tmp_path / "ink.png")
    common = ("run", network_file, "--input", tmp_path / "ink.png", "--json")
    assert_refused(firstspike(*common), "ink.png is transparent in places", "--background black or --background white")
    assert_refused(firstspike(*common, "--background", "grey"), "background must be one of black, white, not 'grey'")
    for background, ground in (("black", 0), ("white", 255)):
        shown = firstspike(*common, "--background", background).json["images"][0]
        assert shown["class"] == str(infer(network, np.where(ink, ink, ground).astype(np.uint8)[None]).classes[0])


def test_images_in_which_nothing_spikes_are_told_but_run(firstspike, network_file, tmp_path):
    np.save(tmp_path / "dark.npy", np.zeros((3, 4, 4), np.uint8))
    shown = firstspike("run", network_file, "--input", tmp_path / "dark.npy")
    assert shown.code == 0
    assert shown.err == "note: no pixel of 3 images reaches the lowest threshold 1: nothing spikes\n"
    assert len(cells(shown.out)) == 3


def test_help_says_what_becomes_of_pictures(firstspike):
    told = " ".join(firstspike("run", "--help").out.replace("│", " ").split())
    for part in ("Bright pixels spike early", "ITU-R 601", "Each page of a picture is an image", "--invert", "--background"):
        assert part in told
