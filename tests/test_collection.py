"""No test is passed over because of the folder that it lies in."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_folder_with_tests_is_looked_into(pytestconfig):
    places = [ROOT / place for place in pytestconfig.getini("testpaths")]
    folders = {name for place in places for file in place.rglob("test_*.py") for name in file.relative_to(ROOT).parts[:-1]}
    assert len(folders) > 5
    assert not [name for name in folders for pattern in pytestconfig.getini("norecursedirs") if fnmatch(name, pattern)]
