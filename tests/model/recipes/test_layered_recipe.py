"""Layered recipes are read completely, or refused with a message that names the place."""

import json

import pytest

from firstspike_model.recipes.files import load_recipe, parse_change, parse_recipe
from firstspike_model.recipes.layered_recipe import LayeredRecipe
from firstspike_model.recipes.settings import recipe_of, settings_of
from firstspike_spec import InputError, InputTypeError

TEXT = """
kind = "layered"
dataset = "mnist"
convolution_channels = [8]
kernel_sizes = [3]
sparse_epochs = 4
"""


@pytest.mark.parametrize("name", ["mnist-conv-layered", "fashion-conv-layered", "cifar10-100k"])
def test_shipped_recipes_are_layered_and_survive_json(name):
    recipe = load_recipe(name)
    assert isinstance(recipe, LayeredRecipe)
    assert recipe_of(name, json.loads(json.dumps(settings_of(recipe)))) == recipe


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ("budget = 0.1", InputError, "settings unknown: budget; the settings are"),
        ("time_steps = 33", InputError, r"time_steps must be in 2 \.\. 32, not 33"),
        ('kernel = "cubic"', InputError, "kernel must be one of linear, base-two, not 'cubic'"),
        ('kernel = "base-two"\ntime_steps = 17', InputError, "at most 16 time_steps, not 17"),
        ("strides = [1, 1]", InputError, "strides must be 1 numbers for 1 convolutions, not 2"),
        ("max_poolings = [9]", InputError, r"max_poolings must be in 1 \.\. 8, not 9"),
        ("connections = [10]", InputError, "connections must be one number, or one for each of 2 layers, not 1"),
        ("connections = 1.5", InputTypeError, "connections must be a whole number or a list of whole numbers, not 1.5"),
        ("prune_by = 0.9", InputError, "cut_at must be at least prune_by, 0.9, not 0.85"),
        ("distillation = 0.5", InputError, "distillation needs a dense phase"),
    ],
)
def test_refusals(more, error, message):
    with pytest.raises(error, match=message):
        parse_recipe("mine", TEXT + more)


def test_an_unknown_kind():
    with pytest.raises(InputError, match=r"kind must be one of step-by-step, layered, not 'spiky'"):
        parse_recipe("mine", TEXT.replace("layered", "spiky"))


def test_changes_know_the_settings_of_both_kinds():
    assert parse_change("connections=[1, 2]") == ("connections", [1, 2])
    assert parse_change("budget=0.1") == ("budget", 0.1)
