"""How much is tried: little enough for every change, or, with ``FIRSTSPIKE_THOROUGH=1`` (``make verify``), all of it."""

import os
from itertools import product

import pytest

THOROUGH = os.environ.get("FIRSTSPIKE_THOROUGH") == "1"

#: For cases that take minutes.
thorough = pytest.mark.skipif(not THOROUGH, reason="FIRSTSPIKE_THOROUGH=1 runs it")


def each_choice(*choices):
    """Return combinations in which each choice stands at least once, or, if it may take long, all there are.

    The choices come round, those of the longest list once: ``each_choice("ab", [1, 2, 3])`` is a1, b2, a3.
    """
    if THOROUGH:
        return list(product(*choices))
    return [tuple(some[number % len(some)] for some in choices) for number in range(max(map(len, choices)))]
