"""Recipes are read completely, or refused with a message that names the place."""

import json

import pytest

from firstspike_model.recipes.files import load_recipe, parse_change, parse_recipe, recipe_names
from firstspike_model.recipes.settings import recipe_of, settings_of
from firstspike_spec import InputError, InputTypeError, LatencyEncoder

TEXT = """
dataset = "mnist"
largest_shift = 1

[network]
hidden = [800]
time_steps = 4
weight_bits = 4
budget = 0.05

[prune]
prune_epochs = 30
alpha = 0.04

[refine]
refine_epochs = 30
"""


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid(name):
    assert load_recipe(name).name == name


def test_an_unknown_recipe_lists_those_that_exist():
    with pytest.raises(InputError, match=r"unknown recipe 'mnist': name one of .*mnist-mlp"):
        load_recipe("mnist")


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("time_steps = 4", "timesteps = 4", InputError, "unknown: timesteps; missing: time_steps;"),
        ("weight_bits = 4", "weight_bits = 4.0", InputTypeError, "weight_bits must be a whole number, not 4.0"),
        ("weight_bits = 4", "weight_bits = true", InputTypeError, "weight_bits must be a whole number, not True"),
        (
            "weight_bits = 4",
            "weight_bits = 16",
            InputError,
            r"weight_bits must be in 2 \.\. 8, or 32 for float weights, not 16",
        ),
        ("largest_shift = 1", "largest_shift = 9", InputError, r"largest_shift must be in 0 \.\. 8, not 9"),
        ("alpha =", "weight_bits = 4\nalpha =", InputError, "weight_bits is set twice"),
        ("time_steps = 4", "time_steps =", InputError, "not TOML"),
        ("hidden = [800]", "hidden = 512", InputTypeError, "hidden must be a list of whole numbers, not 512"),
        ("hidden = [800]", "hidden = [512, 0]", InputError, r"hidden must be in 1 \.\. 65536, not 0"),
        ('dataset = "mnist"', "dataset = 3", InputTypeError, "dataset must be a string, not 3"),
        ("alpha =", "alpha = nan #", InputError, "alpha must be in 0"),
        ("alpha =", "dimmest = 254 #", InputError, r"dimmest must be in 1 \.\. 253, not 254"),
        (
            "alpha =",
            "encoder_thresholds = [9, 8, 7] #",
            InputError,
            "encoder_thresholds must be one for each of 4 steps, not 3",
        ),
        ("alpha =", "encoder_thresholds = [9, 8, 9, 7] #", InputError, "encoder thresholds must not rise"),
        ("alpha =", "mirrored = 1 #", InputTypeError, "mirrored must be true or false, not 1"),
        ("alpha =", 'pruning = "random" #', InputError, "pruning must be one of gradr, stds, magnitude, not 'random'"),
        ("budget =", "budget = 'few' #", InputTypeError, "budget must be a number or a list of numbers"),
        (
            "budget =",
            "budget = [0.1] #",
            InputError,
            "budget must be one number, or one for each of 2 layers, not 1",
        ),
        (
            "hidden = [800]",
            "hidden = [800]\nconvolution_channels = [8, 9]\nkernel_sizes = [3]",
            InputError,
            "kernel_sizes must be 2 numbers for 2 convolutions, not 1",
        ),
        (
            "hidden = [800]",
            "hidden = [800]\nconvolution_channels = [8]\nkernel_sizes = [3]\npoolings = [2]",
            InputError,
            "poolings must be 2 numbers for 1 convolutions, not 1",
        ),
        (
            "budget =",
            "convolution_channels = [8]\nkernel_sizes = [3]\nbudget = [0.1, 0.2] #",
            InputError,
            "budget must be one number, or one for each of 3 layers, not 2",
        ),
        (
            "hidden = [800]",
            "hidden = [800]\npoolings = [2]",
            InputError,
            "poolings must be 0 numbers for 0 convolutions, not 1",
        ),
        ("hidden = [800]", "hidden = [800]\nstrides = [3]", InputError, r"strides must be in 1 \.\. 2, not 3"),
        ("budget =", "budget = [0.1, 2] #", InputError, r"budget must be in 0.0001 \.\. 1, not 2.0"),
        ("alpha =", "potential_weight = 0\nspike_weight = 0 #", InputError, "must not both be 0"),
        ("alpha =", 'pruning = "magnitude"\nbudget_by = 0.5 #', InputError, "budget_by needs the pruning gradr or stds"),
        ("alpha =", 'pruning = "stds"\noperations_share = 0.5 #', InputError, "operations_share needs the pruning gradr"),
        ("alpha =", "normalised = true\nrescaled = true #", InputError, "rescaled changes nothing"),
        ("alpha =", 'decision = "late" #', InputError, "needs a latest_step below 3, not 255.0"),
        ("budget =", "output_part = 0.5\nbudget = [0.1, 0.2] #", InputError, "give it or a budget for each layer"),
    ],
)
def test_a_wrong_setting_is_named(old, new, error, message):
    assert old in TEXT
    with pytest.raises(error, match=f"^recipe mine: .*({message})"):
        parse_recipe("mine", TEXT.replace(old, new, 1))


def test_whole_numbers_are_numbers():
    assert parse_recipe("mine", TEXT.replace("alpha =", "alpha = 1 #")).alpha == 1.0


def test_settings_come_back_as_they_were():
    recipe = parse_recipe("mine", TEXT, {"budget": [0.02, 0.5]})
    assert recipe.budget == (0.02, 0.5)
    assert recipe_of("mine", json.loads(json.dumps(settings_of(recipe)))) == recipe


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("alpha=0.5", ("alpha", 0.5)),
        (" hidden = [3, 4] ", ("hidden", [3, 4])),
        ("mirrored=true", ("mirrored", True)),
        ("surrogate=fast-sigmoid", ("surrogate", "fast-sigmoid")),
        ("surrogate='arctan'", ("surrogate", "arctan")),
    ],
)
def test_changes_are_read_as_toml_or_as_bare_words(text, wanted):
    assert parse_change(text) == wanted


def test_the_encoder_is_linear_unless_its_table_is_given():
    linear, table = {"dimmest": 8}, {"encoder_thresholds": [9, 8, 5, 2]}
    encoders = [parse_recipe("mine", TEXT, changes).encoder().thresholds.tolist() for changes in (linear, table)]
    assert encoders == [LatencyEncoder.linear(4, 8).thresholds.tolist(), [9, 8, 5, 2]]


def test_a_recipe_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    recipe = load_recipe(path, {"time_steps": 8})
    assert (recipe.name, recipe.time_steps) == ("mine", 8)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="cannot read the recipe"):
        load_recipe(path)
