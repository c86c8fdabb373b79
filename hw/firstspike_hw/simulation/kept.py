"""Files that take long to make, kept in a folder. One process makes each file, and every use checks it first."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firstspike_spec.common.errors import InputError
from firstspike_spec.common.files import check_writable_folder, read_file, whole_file

#: What the user can do if the folder is full or cannot be written.
ADVICE = "set XDG_CACHE_HOME to a folder that you can write to"

#: Limit to the size of a kept file: far more than any design's library has.
_MAX_BYTES = 1 << 30

#: For a lock: links are not followed, pipes are not waited for, and a file's contents stay.
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK


def kept_file(path: Path, make: Callable[[Path, Path], None], *, room: int, note: Callable[[str], None]) -> Path:
    """Return a file; make it if it is missing or damaged.

    A second file, with the suffix ``.sha256``, holds its digest and its name. While the file is made, a third file, with the
    suffix ``.lock``, is locked, and other processes wait for it; the lock ends with its process. Before the file is made, all
    that killed processes have left is removed. So is a pipe, a link or a device in place of one of the three files.

    Parameters
    ----------
    path : Path
        Its name without the suffix must differ from those of other files in the folder.
    make : callable
        Makes the file, given an empty folder to work in and the file's path.
    room : int
        Free bytes that this needs at least.
    note : callable
        Called with a line of text when it waits for another process, and when a file is damaged.

    Raises
    ------
    InputError
        If the folder is full or cannot be written, or if there is a folder in place of one of the three files.
    """
    if _is_intact(path):
        return path
    check_writable_folder(path.parent, room=room, advice=ADVICE)
    with _lock(path, note):
        if not _is_intact(path):  # no other process has made it in the meantime
            if os.path.lexists(path):
                note(f"{path} is damaged; it is made again")
            for each in (path, path.with_suffix(".sha256")):
                _remove_irregular(each)
            _remove_leftovers(path)
            _make(path, make)
    return path


def forget(path: Path) -> None:
    """Let the next use make a file again."""
    path.with_suffix(".sha256").unlink(missing_ok=True)


def _make(path: Path, make: Callable[[Path, Path], None]) -> None:
    prefix, advice = f".{path.stem}-", f"make room, or {ADVICE}"
    with (
        tempfile.TemporaryDirectory(prefix=prefix, dir=path.parent) as folder,
        whole_file(path, advice, prefix=prefix) as temporary,
    ):
        make(Path(folder), temporary)
        with whole_file(path.with_suffix(".sha256"), advice, prefix=prefix) as beside:
            beside.write_bytes(_digest(path.name, temporary))


def _is_intact(path: Path) -> bool:
    """Return whether a file is there and has the digest beside it."""
    try:
        return _read(path.with_suffix(".sha256")) == _digest(path.name, path)
    except InputError:
        return False


def _digest(name: str, path: Path) -> bytes:
    """Return the contents of the ``.sha256`` file, in the form of ``sha256sum``; the name shows exchanged files."""
    return f"{hashlib.sha256(_read(path)).hexdigest()}  {name}\n".encode()


def _read(path: Path) -> bytes:
    return read_file(path, _MAX_BYTES, ADVICE)


def _remove_irregular(path: Path) -> None:
    """Remove a link, a pipe or a device, but not a folder, which may hold files."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"cannot write {path}: it is a folder; remove it, or {ADVICE}")
        if not stat.S_ISREG(mode):
            path.unlink()


@contextmanager
def _lock(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process holds a file's lock, and hold it."""
    lock = path.with_suffix(".lock")
    noted = False
    while True:
        _remove_irregular(lock)
        with os.fdopen(os.open(lock, _LOCK_FLAGS, 0o666), "rb+", buffering=0) as file:
            try:
                _try_lock(file.fileno())
            except BlockingIOError:
                if not noted:  # once, although another process that waits may come first
                    note(f"another process makes {path}; waiting for it")
                noted = True
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # a file system without locks: two processes may make the file at the same time
                pass
            if not _is_open_file(lock, file.fileno()):
                continue  # the process that held it has removed it
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _try_lock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_open_file(path: Path, descriptor: int) -> bool:
    """Return whether a path still leads to an open file."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    return False


def _remove_leftovers(path: Path) -> None:
    """Remove locks that no process holds, and files that no process is making; this process holds the lock of ``path``."""
    folder = path.parent
    for lock in folder.glob("*.lock"):
        with suppress(OSError, InputError):
            _remove_irregular(lock)
            with os.fdopen(os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                _try_lock(file.fileno())
                lock.unlink(missing_ok=True)
    held = tuple(f".{lock.stem}-" for lock in folder.glob("*.lock") if lock.stem != path.stem)
    for entry in folder.glob(".*-*"):
        if entry.name.startswith(held):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
