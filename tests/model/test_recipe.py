"""Recipes are read whole, or refused with the place."""

from importlib import resources

import pytest

from firstspike_model.recipe import load_recipe, parse_recipe, recipe_names
from firstspike_spec import InputError, InputTypeError

TEXT = (resources.files("firstspike_model") / "recipes" / "mnist-mlp.toml").read_text("utf-8")


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid(name):
    assert load_recipe(name).name == name


def test_an_unknown_recipe_lists_those_that_exist():
    with pytest.raises(InputError, match=r"unknown recipe 'mnist': name one of .*mnist-mlp"):
        load_recipe("mnist")


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("batch = 128", "batches = 128", InputError, "unknown: batches; missing: batch;"),
        ("batch = 128", "batch = 128.0", InputTypeError, "batch must be a whole number, not 128.0"),
        ("batch = 128", "batch = true", InputTypeError, "batch must be a whole number, not True"),
        (
            "batch = 128",
            "batch = 0",
            InputError,
            r"batch must be in 1 \.\. 65536, not 0",
        ),
        ("batch = 128", "batch = 128\nalpha = 1", InputError, "alpha stands there twice"),
        ("batch = 128", "batch =", InputError, "not TOML"),
        ("hidden = [512]", "hidden = 512", InputTypeError, "hidden must be a list of whole numbers, not 512"),
        ("hidden = [512]", "hidden = [512, 0]", InputError, r"hidden must be in 1 \.\. 65536, not 0"),
        ('dataset = "mnist"', "dataset = 3", InputTypeError, "dataset must be a text, not 3"),
        ("alpha =", "alpha = nan #", InputError, "alpha must be in 0"),
        ("dimmest =", "dimmest = 254 #", InputError, r"dimmest must be in 1 \.\. 253, not 254"),
    ],
)
def test_a_wrong_setting_is_named(old, new, error, message):
    assert old in TEXT
    with pytest.raises(error, match=f"^recipe mine: .*({message})"):
        parse_recipe("mine", TEXT.replace(old, new, 1))


def test_whole_numbers_are_numbers():
    assert parse_recipe("mine", TEXT.replace("alpha =", "alpha = 1 #")).alpha == 1.0
