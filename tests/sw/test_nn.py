"""`firstspike.nn` offers all of the model's room, and says what to install where PyTorch is missing."""

import subprocess
import sys

import firstspike.nn
import firstspike_model.nn

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # as if it were not installed
import firstspike.nn
"""


def test_all_names_are_there():
    assert firstspike.nn.__all__ == firstspike_model.nn.__all__
    for name in firstspike.nn.__all__:
        assert getattr(firstspike.nn, name) is getattr(firstspike_model.nn, name)


def test_without_pytorch_the_error_says_what_to_install():
    run = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False)
    assert run.returncode
    assert "firstspike.nn needs PyTorch, which is not installed: run pip install 'firstspike[model]'" in run.stderr
