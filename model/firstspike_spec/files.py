"""Files: read when they are files and not too large, and either whole or not there when they are written."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError
from .text import quoted


def read_file(path: str | os.PathLike, most_bytes: int, advice: str) -> bytes:
    """Return the content of a regular file.

    Parameters
    ----------
    path : path
    most_bytes : int
        A larger file is refused before it is read.
    advice : str
        What to do if it cannot be read, such as ``"name a .safetensors file"``.

    Raises
    ------
    InputError
        If it is missing, larger, or no regular file: a pipe would be waited for, and a device may have no end.
    """
    try:
        # A pipe that nobody writes to is opened at once, to be refused.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; {advice}") from error
    except ValueError as error:  # a null byte, or characters that the file system has not
        raise InputError(f"cannot read {quoted(path)}: no file can have this name; {advice}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"cannot read {path}: it is {_kind(status.st_mode)}, not a file; {advice}")
        if status.st_size > most_bytes:
            raise InputError(f"cannot read {path}: it has {status.st_size:,} bytes, more than {most_bytes:,}; {advice}")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(status.st_size + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; {advice}") from error
    finally:
        os.close(descriptor)
    if len(content) != status.st_size:
        raise InputError(f"cannot read {path}: it changed while it was read; try again")
    return content


def _kind(mode: int) -> str:
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    return next((name for is_kind, name in kinds.items() if is_kind(mode)), "a device")


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
