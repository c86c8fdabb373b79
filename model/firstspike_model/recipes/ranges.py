"""The values that each setting of a recipe may have."""

from collections.abc import Mapping
from typing import Any

from firstspike_spec import InputError

#: The words that a setting may be, by its name. The modules behind these words need PyTorch, which a recipe must not; tests
#: keep both equal.
CHOICES = {
    "initialisation": ("ettfs", "kaiming"),
    "surrogate": ("fast-sigmoid", "triangle", "arctan", "sigmoid"),
    "decoding": ("temporal", "count"),
    "pruning": ("gradr", "stds", "magnitude"),
    "decision": ("early", "late"),
    "alpha_schedule": ("constant", "linear", "sine", "cubic", "falling", "cosine"),
    "threshold_schedule": ("constant", "linear", "sine", "cubic", "falling", "cosine"),
}

#: The lowest and the highest number that a setting may be, or contain, by its name.
RANGES: dict[str, tuple[float, float]] = {
    "validation_images": (1, 1 << 20),
    "largest_shift": (0, 8),
    "convolution_channels": (1, 1 << 12),
    "kernel_sizes": (1, 31),
    "strides": (1, 2),
    "poolings": (1, 8),
    "hidden": (1, 1 << 16),
    "largest_rotation": (0, 90),
    "largest_scaling": (0, 0.9),
    "time_steps": (2, 256),
    "dimmest": (1, 255),
    "budget": (0.0001, 1),
    "brightness": (0, 2),
    "dropout": (0, 0.95),
    "batch": (1, 1 << 16),
    "surrogate_width": (0.001, 1000),
    "potential_weight": (0, 1000),
    "last_step_weight": (1, 1000),
    "spike_weight": (0, 1000),
    "sharpness": (0.001, 1000),
    "prune_epochs": (0, 10000),
    "prune_learning_rate": (1e-9, 1),
    "alpha": (0, 1000),
    "threshold": (0, 1000),
    "operations_share": (0, 1),
    "output_part": (0, 1),
    "budget_by": (0, 1),
    "refine_epochs": (0, 10000),
    "refine_learning_rate": (1e-9, 1),
    "decision_tolerance": (0, 1),
    "latest_step": (0, 255),
}

#: The same for layered recipes.
LAYERED_CHOICES: dict[str, tuple[str, ...]] = {"kernel": ("linear", "base-two"), "pruning": ("magnitude", "stds", "gradr")}
LAYERED_RANGES: dict[str, tuple[float, float]] = {
    "convolution_channels": (1, 1 << 12),
    "kernel_sizes": (1, 31),
    "strides": (1, 2),
    "max_poolings": (1, 8),
    "hidden": (1, 1 << 16),
    "dense_epochs": (0, 10000),
    "sparse_epochs": (1, 10000),
    "whitened_channels": (0, 1 << 12),
    "input_steps": (2, 32),
    "time_steps": (2, 32),
    "weight_bits": (2, 8),
    "first_weight_bits": (2, 8),
    "connections": (0, 1 << 24),
    "spread": (0, 4),
    "prune_by": (0, 1),
    "cut_at": (0, 1),
    "quantise_at": (0, 1),
    "distillation": (0, 1),
    "temperature": (0.1, 100),
    "operations_penalty": (0, 10),
    "learning_rate": (1e-9, 100),
    "sparse_learning_rate": (1e-9, 100),
    "others_rate": (1e-3, 1000),
    "momentum": (0, 0.999),
    "weight_decay": (0, 1),
    "label_smoothing": (0, 0.9),
    "batch": (2, 1 << 16),
    "warm_up": (0, 1),
    "highest_level": (0.01, 1000),
    "validation_images": (1, 1 << 20),
    "largest_shift": (0, 8),
    "largest_rotation": (0, 90),
    "largest_scaling": (0, 0.9),
    "brightness": (0, 2),
    "cutout": (0, 64),
}

#: The numbers of bits that weights may have; 32 stands for float weights.
WEIGHT_BITS = (*range(2, 9), 32)


def check_ranges(
    settings: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    choices: Mapping[str, tuple[str, ...]] = CHOICES,
) -> None:
    """Check each setting by itself.

    Parameters
    ----------
    settings : mapping of str to bool, str, int, float, or tuple of int or float
        All settings of a recipe by name.
    ranges, choices : mapping
        The lowest and the highest number, or the words, that a setting may be, by its name.

    Raises
    ------
    InputError
        If a number is out of range, or a word is not one of the choices.
    """
    for name, (low, high) in ranges.items():
        value = settings[name]
        for number in value if isinstance(value, tuple) else (value,):
            if not low <= number <= high:
                raise InputError(f"{name} must be in {low} .. {high}, not {number}")
    for name, words in choices.items():
        if settings[name] not in words:
            raise InputError(f"{name} must be one of {', '.join(words)}, not {settings[name]!r}")
    if "weight_bits" not in ranges and settings["weight_bits"] not in WEIGHT_BITS:
        raise InputError(f"weight_bits must be in 2 .. 8, or 32 for float weights, not {settings['weight_bits']}")
