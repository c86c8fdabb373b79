"""How much is tried: little enough for every change, or, with ``FIRSTSPIKE_THOROUGH=1`` (``make formal``), all of it."""

import os

import pytest

THOROUGH = os.environ.get("FIRSTSPIKE_THOROUGH") == "1"

#: For cases that take minutes.
thorough = pytest.mark.skipif(not THOROUGH, reason="FIRSTSPIKE_THOROUGH=1 runs it")
