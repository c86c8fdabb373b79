"""Which module imports which, read from the sources: also inside functions, for types only, and by ``import_module``."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: The folder in which each of our packages lies.
FOLDERS = {
    "firstspike_spec": "model",
    "firstspike_model": "model",
    "firstspike_hw": "hw",
    "firstspike": "sw",
    "firstspike_sim": "sim",
}


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return the file of each module of our packages, by its dotted name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in (root / folder / package).rglob("*.py"):
            parts = path.relative_to(root / folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str, module: str, *, is_package: bool = False, known: Iterable[str] = ()) -> set[str]:
    """Return the modules that a module's source imports.

    Parameters
    ----------
    source : str
    module : str
        Its dotted name, to which relative imports refer.
    is_package : bool
        The source is that of an ``__init__.py``.
    known : iterable of str
        Names of modules: ``from a import b`` imports ``a.b`` if that is one of them, else ``a``.
    """
    known = set(known)
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module if is_package else module.rpartition(".")[0])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                names.add(name if name in known else base)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = getattr(node.func, "id", getattr(node.func, "attr", None))
            if function in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                names.add(node.args[0].value)
    return names


def _base(node: ast.ImportFrom, package: str) -> str:
    """Return the dotted name behind ``from`` of an import in a package."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join(parts[: len(parts) - node.level + 1] + ([node.module] if node.module else []))


def import_graph() -> dict[str, set[str]]:
    """Return, for each of our modules, those of our modules that it imports."""
    files = modules()
    return {
        name: imported(path.read_text("utf-8"), name, is_package=path.name == "__init__.py", known=files) & set(files) - {name}
        for name, path in files.items()
    }


def room_of(module: str) -> str:
    """Return the room of a module: the folder below its package, or the package for what lies beside the rooms."""
    parts = module.split(".")
    is_folder = ROOT.joinpath(FOLDERS[parts[0]], *parts).is_dir()
    return ".".join((parts if is_folder else parts[:-1])[:2])


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes of a graph that lead to each other."""
    reachable: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in graph.get(waiting.pop(), set()) - seen:
                seen.add(following)
                waiting.append(following)
        reachable[start] = seen
    groups = {
        tuple(sorted(other for other in reachable[node] if node in reachable[other]))
        for node in graph
        if node in reachable[node]
    }
    return [list(group) for group in sorted(groups)]
