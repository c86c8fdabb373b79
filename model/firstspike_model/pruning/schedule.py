"""Schedules: how a setting changes during a training."""

import math
from collections.abc import Callable

from firstspike_spec import InputError


def _sine(done: float) -> float:
    return (1 + math.sin(math.pi * (done - 0.5))) / 2


#: Each schedule by name: the share of the full value, 0 .. 1, as a function of the share of the training that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: done,  # STDS's linear schedule (Chen et al. 2022)
    "sine": _sine,  # STDS's sine schedule: slow, fast, slow
    "cubic": lambda done: 1 - (1 - done) ** 3,  # fast at first: the pruning schedule of Zhu and Gupta 2017 (arXiv 1710.01878)
    "falling": lambda done: 1 - done,
    "cosine": lambda done: 1 - _sine(done),  # a common schedule of learning rates
}


def schedule(name: str, done: float) -> float:
    """Return the share of its full value that a setting has when the share ``done`` of a training is over.

    Parameters
    ----------
    name : str
        One of `SCHEDULES`.
    done : float
        Numbers below 0 count as 0, above 1 as 1.

    Raises
    ------
    InputError
        If there is no schedule of that name.
    """
    if name not in SCHEDULES:
        raise InputError(f"schedule must be one of {', '.join(SCHEDULES)}, not {name!r}")
    return SCHEDULES[name](min(1.0, max(0.0, done)))
