"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and rename it to ``path`` if the block ends without an error.

    Raises
    ------
    InputError
        If the folder does not exist and cannot be made, or cannot be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose a folder that you can write to") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another name, or make room") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_file(path: str | os.PathLike, content: bytes | str) -> None:
    """Write ``content`` as the whole of the file ``path``, or leave what was there."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def check_writable(path: str | os.PathLike) -> None:
    """Raise `InputError` now if a file could not be written to ``path`` later.

    Long work calls this first, so that hours of it cannot end in "permission denied".
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; name a file in it")
    _try_folder(path.parent, f"cannot write {path}")


def check_writable_folder(folder: str | os.PathLike) -> None:
    """Raise `InputError` now if files could not be written into ``folder`` later; make it if it is missing."""
    _try_folder(Path(folder), f"cannot write into {folder}")


def _try_folder(folder: Path, what: str) -> None:
    def attempt(action: Callable[[], object]):
        try:
            action()
        except OSError as error:
            raise InputError(f"{what}: {error.strerror}; choose a folder that you can write to") from error

    attempt(lambda: folder.mkdir(parents=True, exist_ok=True))
    attempt(lambda: tempfile.TemporaryFile(dir=folder).close())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
