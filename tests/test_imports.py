"""Which package may import which: what every side agrees on depends on no side."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "firstspike_spec": ROOT / "model" / "firstspike_spec",
    "firstspike_model": ROOT / "model" / "firstspike_model",
    "firstspike_hw": ROOT / "hw" / "firstspike_hw",
    "firstspike": ROOT / "sw" / "firstspike",
    "firstspike_sim": ROOT / "sim" / "firstspike_sim",
}
ALLOWED = {
    "firstspike_spec": set(),
    "firstspike_model": {"firstspike_spec"},
    "firstspike_hw": {"firstspike_spec"},
    "firstspike": {"firstspike_spec"},
    "firstspike_sim": set(PACKAGES),
}
#: The one place where the host's side meets the gateware's.
EXCEPTIONS = {PACKAGES["firstspike"] / "devices" / "simulated.py": {"firstspike_hw"}}


def imported(source: str) -> set[str]:
    """Return the top-level packages that a file imports, also inside functions and by ``import_module("...")``."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = getattr(node.func, "id", getattr(node.func, "attr", None))
            if function in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                names.add(node.args[0].value)
    return {name.split(".")[0] for name in names}


def forbidden(package: str, path: Path, source: str) -> set[str]:
    return (imported(source) & set(PACKAGES)) - {package} - ALLOWED[package] - EXCEPTIONS.get(path, set())


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_it_may(package):
    files = sorted(PACKAGES[package].rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): forbidden(package, path, path.read_text()) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import firstspike_hw",
        "import numpy, firstspike_hw.chain.engine as engine",
        "from firstspike_hw.chain.engine import Engine",
        "def late():\n    from firstspike_hw import engine",
        "if False:\n    import firstspike_hw",
        "importlib.import_module('firstspike_hw.chain.engine')",
    ],
)
def test_the_check_finds_every_form_of_import(source):
    assert forbidden("firstspike_spec", PACKAGES["firstspike_spec"] / "x.py", source) == {"firstspike_hw"}
    assert forbidden("firstspike", PACKAGES["firstspike"] / "x.py", source) == {"firstspike_hw"}
    assert forbidden("firstspike", PACKAGES["firstspike"] / "devices" / "simulated.py", source) == set()
    assert forbidden("firstspike_sim", PACKAGES["firstspike_sim"] / "x.py", source) == set()


def test_relative_imports_and_own_modules_are_free():
    assert forbidden("firstspike_spec", PACKAGES["firstspike_spec"] / "x.py", "from .words import Word") == set()
    assert forbidden("firstspike_hw", PACKAGES["firstspike_hw"] / "x.py", "import firstspike_hw.lane.lane") == set()
