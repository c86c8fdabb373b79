"""How a knob changes over a training."""

import math

from firstspike_spec import InputError


def _sine(done: float) -> float:
    return (1 + math.sin(math.pi * (done - 0.5))) / 2


#: Each course by name: the share of the final value, 0 .. 1, as a function of the share of the training that is done.
SCHEDULES = {
    "constant": lambda done: 1.0,
    "linear": lambda done: done,  # STDS's linear course
    "sine": _sine,  # STDS's sine course: slow, fast, slow
    "cubic": lambda done: 1 - (1 - done) ** 3,  # fast at first, as Zhu and Gupta 2017 prune (arXiv 1710.01878)
    "falling": lambda done: 1 - done,
    "cosine": lambda done: 1 - _sine(done),  # as learning rates fall
}


def schedule(name: str, done: float) -> float:
    """Return the share of its final (or first) value that a knob has when the share ``done`` of a training is over.

    Parameters
    ----------
    name : str
        One of `SCHEDULES`.
    done : float
        0 .. 1.

    Raises
    ------
    InputError
        If there is no schedule of that name.
    """
    if name not in SCHEDULES:
        raise InputError(f"schedule must be one of {', '.join(SCHEDULES)}, not {name!r}")
    return SCHEDULES[name](min(1.0, max(0.0, done)))
