"""Text files and the words of programs are UTF-8, whatever the user's locale says."""

import ast
import re

import pytest

from .imports import FOLDERS, ROOT


def unnamed(source: str) -> list[int]:
    """Return the lines that read or write text in the encoding of the user's locale."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _is_unnamed(node)]


def _is_unnamed(call: ast.Call) -> bool:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in keywords:
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) <= (name == "write_text")
    if name in ("open", "fdopen", "NamedTemporaryFile", "TemporaryFile"):
        is_path, modes = isinstance(call.func, ast.Attribute) and name == "open", [keywords.get("mode"), *call.args]
        modes = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
        modes = [mode for mode in modes if re.fullmatch("[rwax+bt]{1,4}", mode)]
        is_plain = not call.args and not keywords if is_path else not modes and name in ("open", "fdopen")
        return is_plain or any("b" not in mode for mode in modes)
    return any(word in keywords for word in ("text", "universal_newlines"))


@pytest.mark.parametrize("package", FOLDERS)
def test_every_text_has_an_encoding(package):
    found = {
        str(path.relative_to(ROOT)): unnamed(path.read_text("utf-8"))
        for path in (ROOT / FOLDERS[package] / package).rglob("*.py")
    }
    assert found
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text()",
        "path.read_text(errors='replace')",
        "path.write_text(text)",
        "path.open()",
        "path.open('a')",
        "open(path)",
        "open(path, 'w')",
        "open(path, mode='r')",
        "tempfile.NamedTemporaryFile('w')",
        "subprocess.run(command, text=True)",
    ],
)
def test_the_check_finds_text_without_an_encoding(call):
    assert unnamed(call) == [1]


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text('utf-8', 'replace')",
        "path.write_text(text, 'utf-8')",
        "path.open('wb')",
        "path.open('a', encoding='utf-8')",
        "open(path, 'rb')",
        "tempfile.TemporaryFile(dir=folder)",
        "subprocess.run(command, encoding='utf-8')",
        "subprocess.run(command)",
        "Accelerator.open('golden', network=network)",
        "Image.open(path)",
    ],
)
def test_the_check_passes_what_is_no_text_or_has_one(call):
    assert unnamed(call) == []
