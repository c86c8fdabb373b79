"""README.md and the pages of docs: what they name exists, and the Python of README.md runs."""

import re
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from firstspike.command_line import build

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/**/*.md")])

#: Files that pages name although they are not in the repository: an example's own. What commands write is in build/.
ELSEWHERE = {"train_mlp.py"}

#: Modules of other projects begin otherwise.
_MODULE = re.compile(r"\bfirstspike(?:_spec|_model|_hw|_sim)?(?:\.\w+)+")
_FILE = re.compile(r"`([\w./-]*\w\.(?:py|md|json|csv|cc|h|toml|txt|cff|yaml))`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def of(pages):
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files of the repository, those that are new as well."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@of(PAGES)
def test_links_lead_somewhere(page):
    prose = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in _LINK.findall(prose):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@of([page for page in PAGES if page.name != "CHANGELOG.md"])  # it tells of files that were
def test_files_that_are_named_exist(page, tracked):
    for name in _FILE.findall(page.read_text("utf-8")):
        there = any(f"/{file}".endswith(f"/{name}") for file in tracked)
        assert there or name in ELSEWHERE or name.startswith("build/"), f"{name} is not in the repository"


@of([page for page in PAGES if page.name != "CHANGELOG.md"])
def test_modules_that_are_named_exist(page):
    for name in _MODULE.findall(page.read_text("utf-8")):
        package, *parts = name.split(".")
        if package == "firstspike" and parts == ["commands"]:  # the group of entry points
            continue
        folder = next(folder for folder in ("model", "hw", "sw", "sim") if (ROOT / folder / package).is_dir())
        path = ROOT / folder / package
        while parts and ((path / parts[0]).is_dir() or (path / f"{parts[0]}.py").is_file()):
            path /= parts.pop(0)
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for part in parts:
            assert re.search(rf"\b{part}\b", source.read_text("utf-8")), f"{name}: no {part} in {source.relative_to(ROOT)}"


def test_the_page_of_the_architecture_lists_every_room():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for package in ("model/firstspike_spec", "model/firstspike_model", "hw/firstspike_hw", "sw/firstspike"):
        rooms = {str(path.parent.relative_to(ROOT)) for path in (ROOT / package).glob("*/__init__.py")}
        assert {room for room in rooms if f"| `{room}` |" not in page} == set()


def options(command: str) -> set[str]:
    """Return the options of a sub-command, and those of its own sub-commands."""
    waiting = [typer.main.get_command(build([command])).commands[command]]
    names: set[str] = {"--help"}
    while waiting:
        each = waiting.pop()
        names |= {name for parameter in each.params for name in (*parameter.opts, *parameter.secondary_opts)}
        waiting += getattr(each, "commands", {}).values()
    return names


@of([page for page in PAGES if page.name != "CHANGELOG.md"])
def test_commands_that_are_named_exist_and_have_their_options(page):
    known = {entry.name for entry in entry_points(group="firstspike.commands")}
    text = page.read_text("utf-8").replace("\\\n", " ")
    lines = re.findall(r"`(firstspike [^`]+)`", text) + re.findall(r"^(?: {4}|.*&& )(firstspike .*)$", text, re.MULTILINE)
    for line in lines:
        words = line.split("  ")[0].partition(" #")[0].split()
        if words[1].startswith("--"):
            continue
        assert words[1] in known, line
        given = {word.partition("=")[0] for word in words[2:] if word.strip("[]").startswith("--")}
        missing = {word.strip("[]") for word in given} - options(words[1])
        assert not missing, f"{line}: no {missing}"


def test_the_citation_and_the_package_have_the_same_version():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version
    assert f"\nversion: {version[1]}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## {version[1]}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


def test_the_python_of_the_readme_runs(mnist_test, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert re.fullmatch(r"9\d% right, 0\.\d\d steps on average\n", capsys.readouterr().out)


def test_no_file_names_a_folder_of_one_machine(tracked):
    found = []
    for name in tracked:
        content = (ROOT / name).read_bytes()
        if b"\0" not in content and re.search(rb"(?<![\w.~/])/(home|root|work|Users)/\w", content):
            found.append(name)
    assert found == []
