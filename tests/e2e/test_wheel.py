"""The wheel and the sdist: what is in them, and that the demo runs where nothing but the wheel is installed."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from ..levels import THOROUGH

ROOT = Path(__file__).parents[2]

#: Where the files of each folder lie in the wheel. Whatever else git knows is not in it: no benches, no tests.
PLACES = {
    "model/firstspike_spec": "firstspike_spec",
    "model/firstspike_model": "firstspike_model",
    "hw/firstspike_hw": "firstspike_hw",
    "hw/bitstreams": "firstspike_hw/bitstreams",
    "sw/firstspike": "firstspike",
    "networks": "firstspike_spec/networks",
}


def run(*command, cwd: Path, **environment: str) -> str:
    """Run a program, which must succeed, and return its output. It finds no packages but its own environment's."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    finished = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, f"{command}: {finished.stdout[-2000:]}\n{finished.stderr[-4000:]}"
    return finished.stdout


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files that git knows and that are there, as they are when the first test begins."""
    names = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def build(source: Path, kind: str, into: Path) -> Path:
    """Build a wheel or an sdist of what lies in a folder, as pip does."""
    run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", into, cwd=source)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tracked, tmp_path_factory) -> Path:
    """The sdist, of the files that git knows, as they are now."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; it comes with the extra dev")
    folder = tmp_path_factory.mktemp("sdist")
    for name in tracked:
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    return build(folder / "source", "sdist", folder / "dist")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """The wheel, of what is in the sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    return build(source, "wheel", folder / "dist")


def test_the_wheel_has_the_packages_and_the_networks_and_nothing_else(wheel, tracked):
    expected = {
        f"{place}/{name.removeprefix(folder + '/')}"
        for name in tracked
        for folder, place in PLACES.items()
        if name.startswith(f"{folder}/")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    found = {name for name in names if ".dist-info/" not in name}
    assert found == expected
    kinds = ("py.typed", ".toml", "fitted.json", ".cc", ".h", "digits-images-idx3-ubyte.gz", "mnist-mlp.safetensors")
    assert {kind for kind in kinds if not any(name.endswith(kind) for name in found)} == set()
    assert sum(name.endswith("/py.typed") for name in found) == 4
    assert not any("test" in Path(name).name for name in found if name.endswith(".py") and not name.endswith("selftest.py"))


def test_the_sdist_has_what_a_developer_needs(sdist, tracked):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "constraints.txt", "tests/e2e/test_wheel.py"} <= names
    assert set(tracked) <= names | {".gitignore"}


def test_the_demo_runs_where_only_the_wheel_is_installed(wheel, tmp_path):
    """In a fresh environment, in a folder with a space and a letter outside ASCII.

    The libraries that firstspike needs are those of this environment; the thorough test installs them, too, with the extra
    that the simulated engine needs.
    """
    home = tmp_path / "Größe 1"
    run(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=tmp_path)
    python = home / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", python, "install"]
    if THOROUGH:
        run(*pip, "-c", ROOT / "constraints.txt", f"firstspike[hw] @ {wheel.as_uri()}", cwd=home)
    else:
        run(*pip, "--no-deps", "--no-index", wheel, cwd=home)
        (packages,) = (home / "venv").glob("lib/python*/site-packages")
        (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    here = home / "here"
    here.mkdir()
    program = python.with_name("firstspike")
    device = "sim" if THOROUGH else "golden"
    cache = {"XDG_CACHE_HOME": str(home / "cache")}
    shown = json.loads(run(program, "demo", "--device", device, "--json", cwd=here, **cache))
    assert (shown["mismatches"], shown["images"]) == (0, 256)
    assert Path(shown["network"]).is_relative_to(home / "venv")
    assert sorted(str(path.relative_to(here)) for path in here.rglob("*.*")) == [
        "build/demo/digits.png",
        "build/demo/results.csv",
    ]
    assert "0 mismatches" in run(program, "demo", "--device", device, cwd=here, **cache)
    assert "bitstream" in run(program, "build", "--help", cwd=here)
