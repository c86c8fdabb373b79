"""Files: only regular files of a limited size are read, and a file is written completely or not at all."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError
from .text import quoted

_OTHER_FOLDER, _OTHER_NAME = "choose a folder that you can write to", "choose another name"

#: How the names of temporary files begin, and the longest suffix that they copy from the file's name, so that they do not
#: become too long.
_TEMPORARY, _LONGEST_SUFFIX = ".firstspike-", 32

#: A folder with less room, in bytes, counts as full; and the system's errors for no room, and for a limit on sizes.
_LEAST_ROOM, _NO_ROOM = 1 << 16, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        If it is missing, larger, or not a regular file: reading a pipe could wait for ever, and a device may have no end.
    """
    try:
        # A pipe without a writer is opened at once, and then refused.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; {advice}") from error
    except ValueError as error:  # a null byte, or characters that the file system cannot store
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
def whole_file(
    path: str | os.PathLike, advice: str = "choose another name, or make room", *, prefix: str = _TEMPORARY
) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, and rename it to ``path`` if the block ends without an error.

    Parameters
    ----------
    path : path
    advice : str
        What to do if the block cannot write.
    prefix : str
        How the temporary file's name begins.

    Raises
    ------
    InputError
        If the folder does not exist and cannot be made, or cannot be written to.
    """
    path = _possible(path)
    with _in_one_line(f"cannot write {path}", _OTHER_FOLDER):
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = path.suffix if len(os.fsencode(path.suffix)) <= _LONGEST_SUFFIX else ""
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=path.parent)
    temporary = Path(name)
    try:
        os.close(handle)
        with _in_one_line(f"cannot write {path}", advice):
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_file(path: str | os.PathLike, content: bytes | str) -> None:
    """Write ``content`` to the file ``path``, completely or not at all; text is encoded by `utf8`."""
    with whole_file(path) as temporary:
        temporary.write_bytes(utf8(content) if isinstance(content, str) else content)


def utf8(text: str) -> bytes:
    """Return any text as UTF-8. A lone surrogate, as in a file name that is not UTF-8, becomes an escape."""
    return text.encode("utf-8", "backslashreplace")


@contextmanager
def temporary_folder(room: int = _LEAST_ROOM) -> Iterator[Path]:
    """Yield a folder that is deleted after the block.

    Parameters
    ----------
    room : int
        Bytes that the block needs there.

    Raises
    ------
    InputError
        If temporary files cannot be written, or there is not enough room.
    """
    advice = "set TMPDIR to a folder that you can write to"
    with (
        _in_one_line("cannot write temporary files", f"make room, or {advice}"),
        tempfile.TemporaryDirectory(prefix="firstspike-") as folder,
    ):
        check_writable_folder(folder, room=room, advice=advice)
        yield Path(folder)


def same_file(one: str | os.PathLike, other: str | os.PathLike) -> bool:
    """Return whether two paths lead to the same place, also through links; nothing need exist there."""
    try:
        return os.path.realpath(one) == os.path.realpath(other)
    except (OSError, ValueError):  # no working folder, or a null byte
        return os.fspath(one) == os.fspath(other)


@contextmanager
def needing_room(folder: str | os.PathLike) -> Iterator[None]:
    """Raise `InputError` if the block finds no room in a folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise InputError(f"cannot write into {folder}: {error.strerror}; make room, or {_OTHER_FOLDER}") from error


def check_writable(path: str | os.PathLike) -> None:
    """Raise `InputError` now if a file could not be written to ``path`` later.

    Called before long work, so that it cannot end in "permission denied" after hours.
    """
    path = _possible(path)
    # `Path.is_dir` would hide a loop of links, and a name that is too long from some versions of Python.
    with _in_one_line(f"cannot write {path}", _OTHER_NAME), suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(path.stat().st_mode):
            raise InputError(f"cannot write {path}: it is a folder; name a file in it")
    _try_folder(path.parent, f"cannot write {path}", _LEAST_ROOM, _OTHER_FOLDER)


def check_writable_folder(folder: str | os.PathLike, *, room: int = _LEAST_ROOM, advice: str = _OTHER_FOLDER) -> None:
    """Raise `InputError` now if files could not be written into ``folder`` later; make it if it is missing.

    Parameters
    ----------
    folder : path
    room : int
        Bytes that the files need.
    advice : str
        What to do if they cannot.
    """
    _try_folder(_possible(folder), f"cannot write into {folder}", room, advice)


def _try_folder(folder: Path, what: str, room: int, advice: str) -> None:
    with _in_one_line(what, advice):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            try:
                os.posix_fallocate(file.fileno(), 0, room)
            except AttributeError:  # not on this system
                pass
            except OSError as error:
                if error.errno in _NO_ROOM:
                    needed = f"at least {room / 1e6:.1f} MB are needed"
                    raise InputError(f"{what}: {error.strerror}, {needed}; make room, or {advice}") from error


def _possible(path: str | os.PathLike) -> Path:
    try:
        if b"\0" not in os.fsencode(path):
            return Path(path)
    except UnicodeEncodeError:  # this system cannot write it
        pass
    raise InputError(f"cannot write {quoted(str(path))}: no file can have this name; choose another name")


@contextmanager
def _in_one_line(what: str, advice: str) -> Iterator[None]:
    """Turn a system error into an `InputError` of one line."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{what}: {error.strerror or error}; {advice}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
