"""Which room may import which: what every side agrees on depends on no side, and no room depends on one that rests on it."""

import pytest

from .imports import FOLDERS, ROOT, cycles, import_graph, imported, modules, room_of

_SPEC = "firstspike_spec"
_ALL_SPEC = {
    _SPEC,
    *(f"{_SPEC}.{room}" for room in ["common", "terminal", "network", "layered", "artefact", "inference"]),
    *(f"{_SPEC}.{room}" for room in ["compiler", "protocol", "processor", "datasets"]),
}


def _rooms(package: str, **rooms: str) -> dict[str, set[str]]:
    """Return what the rooms of a package may import: those named, of the same package, and all of the contract's package."""
    allowed = _ALL_SPEC if package != _SPEC else set()
    return {f"{package}.{room}": {f"{package}.{name}" for name in names.split()} | allowed for room, names in rooms.items()}


#: What each room may import. A package's own name stands for the modules that lie beside its rooms.
ALLOWED = {
    _SPEC: _ALL_SPEC,
    **_rooms(
        _SPEC,
        common="",
        terminal="common",
        network="common",
        layered="common network",
        artefact="common network layered",
        inference="common network layered",
        compiler="common network",
        protocol="common network layered inference compiler processor",
        processor="common network layered compiler",
        datasets="common network",
    ),
    "firstspike_model": set(),
    **_rooms(
        "firstspike_model",
        layers="",
        pruning="",
        recipes="",
        inference="",
        calibration="inference",
        nn="layers pruning inference",
        training="layers pruning recipes inference calibration nn",
        layered="pruning recipes calibration nn training",
        workflow="layers recipes inference calibration training layered",
        importing="layers inference calibration",
        commands="recipes inference calibration training workflow importing",
    ),
    "firstspike_hw": set(),
    **_rooms(
        "firstspike_hw",
        lib="",
        memory="lib",
        lane="lib memory",
        layer="lib memory lane",
        chain="lib memory lane layer",
        processor="lib memory chain",
        link="lib memory chain processor",
        cycles="lib memory lane layer chain processor",
        boards="memory link",
        flow="boards",
        simulation="chain processor link boards flow",
        planning="lib memory lane layer chain cycles boards flow",
        benchmark="memory chain cycles boards flow simulation",
        commands="chain boards flow simulation planning benchmark",
    ),
    "firstspike": {"firstspike.devices", *_ALL_SPEC},
    **_rooms("firstspike", link="", devices="link"),
    "firstspike.plots": {"firstspike", *_ALL_SPEC},
    "firstspike.commands": {"firstspike", "firstspike.devices", "firstspike.plots", *_ALL_SPEC},
}
#: The modules in which the host's side meets the gateware's, and PyTorch's.
EXCEPTIONS = {
    "firstspike.devices.simulated": {"firstspike_hw.simulation", "firstspike_hw.boards"},
    "firstspike.devices.plans": {"firstspike_hw.boards"},
    "firstspike.nn": {"firstspike_model.nn"},
    "firstspike.reference": {"firstspike_model.nn", "firstspike_model.inference"},
}

#: So many modules in one folder are as many as one can look over.
MOST_MODULES = 12


def forbidden(module: str, names: set[str]) -> set[str]:
    """Return which of the modules that a module imports it may not import. The benches may import everything."""
    room = room_of(module)
    if room.split(".")[0] == "firstspike_sim":
        return set()
    allowed = {room} | ALLOWED[room] | EXCEPTIONS.get(module, set())
    return {name for name in names if room_of(name) not in allowed}


def test_a_room_imports_only_what_it_may():
    graph = import_graph()
    assert len(graph) > 200
    found = {module: forbidden(module, names) for module, names in graph.items()}
    assert {module: names for module, names in found.items() if names} == {}


def test_the_rooms_are_those_that_there_are():
    assert {room_of(module) for module in modules() if not module.startswith("firstspike_sim")} == set(ALLOWED)


def test_no_rule_allows_a_circle():
    assert cycles(ALLOWED | {_SPEC: set(), "firstspike": set()}) == []


def test_no_module_imports_itself_in_a_circle():
    assert cycles(import_graph()) == []


@pytest.mark.parametrize("package", FOLDERS)
def test_no_folder_has_too_many_modules(package):
    for folder in (ROOT / FOLDERS[package] / package).rglob("__init__.py"):
        files = sorted(path.name for path in folder.parent.glob("*.py") if path.name != "__init__.py")
        assert len(files) <= MOST_MODULES, f"{folder.parent}: {files}"


def test_tests_mirror_the_sources():
    """Each room of a package that tests have a folder for has one of the same name below it."""
    for package, tests in {_SPEC: "spec", "firstspike_model": "model", "firstspike_hw": "hw", "firstspike": "sw"}.items():
        rooms = {path.parent.name for path in (ROOT / FOLDERS[package] / package).glob("*/__init__.py")}
        folders = {path.name for path in (ROOT / "tests" / tests).iterdir() if path.is_dir() and any(path.glob("*.py"))}
        assert folders - rooms <= {"formal"}, tests


@pytest.mark.parametrize(
    "source",
    [
        "import firstspike_hw.chain.engine",
        "import numpy, firstspike_hw.chain.engine as engine",
        "from firstspike_hw.chain.engine import Engine",
        "def late():\n    from firstspike_hw.chain import engine",
        "if TYPE_CHECKING:\n    import firstspike_hw.chain.engine",
        "importlib.import_module('firstspike_hw.chain.engine')",
    ],
)
def test_the_check_finds_every_form_of_import(source):
    for module in ("firstspike_spec.network.layer", "firstspike.devices.device", "firstspike_hw.lane.lane"):
        names = imported(source, module, known=modules()) & set(modules())
        assert names == {"firstspike_hw.chain.engine"}
        assert forbidden(module, names) == names
    assert forbidden("firstspike_hw.link.linked_engine", {"firstspike_hw.chain.engine"}) == set()
    assert forbidden("firstspike.devices.simulated", {"firstspike_hw.simulation.build"}) == set()
    assert forbidden("firstspike.devices.golden", {"firstspike_hw.simulation.build"}) != set()


@pytest.mark.parametrize(
    ("source", "is_package", "names"),
    [
        ("from . import bank", False, {"firstspike_hw.layer.bank"}),
        ("from .bank import Bank", False, {"firstspike_hw.layer.bank"}),
        ("from ..lib import trees, delays", False, {"firstspike_hw.lib.trees", "firstspike_hw.lib.delays"}),
        ("from .bank import Bank", True, {"firstspike_hw.layer.layer.bank"}),
    ],
)
def test_relative_imports(source, is_package, names):
    assert imported(source, "firstspike_hw.layer.layer", is_package=is_package, known=modules()) == names


def test_circles_are_found():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}}) == [["a", "b", "c"], ["e"]]
    assert cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
