"""The networks that come with firstspike are found in a clone and in an installed wheel."""

from pathlib import Path

import pytest

import firstspike_spec
from firstspike_spec import InputError, load_network
from firstspike_spec.artefact import shipped
from firstspike_spec.artefact.shipped import shipped_network

ROOT = Path(__file__).parents[3]


def test_all_networks_of_the_clone_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [path.stem for path in (ROOT / "networks").glob("*.safetensors")]
    assert len(names) >= 8
    for name in names:
        assert shipped_network(name).samefile(ROOT / "networks" / f"{name}.safetensors")
    assert load_network(shipped_network("mnist-mlp")).inputs == 784


def test_an_installed_wheel_has_them_in_its_package(tmp_path, monkeypatch):
    package = tmp_path / "firstspike_spec"
    assert shipped.FOLDERS[0] == Path(firstspike_spec.__file__).parent / "networks"
    monkeypatch.setattr(shipped, "FOLDERS", (package / "networks", tmp_path / "nowhere"))
    (package / "networks").mkdir(parents=True)
    (package / "networks" / "one.safetensors").touch()
    assert shipped_network("one") == package / "networks" / "one.safetensors"


def test_a_missing_network_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDERS", (tmp_path / "networks",))
    with pytest.raises(InputError, match=r"the network two is not where firstspike is installed .*; name a network's file"):
        shipped_network("two")
