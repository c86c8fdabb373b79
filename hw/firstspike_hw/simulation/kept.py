"""Files that take long to make, kept in a folder: each is made by one process, and checked before it is used."""

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

#: What to do about a folder that is full or cannot be written.
ADVICE = "set XDG_CACHE_HOME to a folder that you can write to"

#: Bytes that a kept file has at most: far more than any design's library.
_MOST_BYTES = 1 << 30

#: A lock is no link, and no pipe that is waited for; what is in it stays.
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK


def kept_file(path: Path, make: Callable[[Path, Path], None], *, room: int, note: Callable[[str], None]) -> Path:
    """Return a file; make it if it is not there, or if it is not what was made.

    Beside it lies its digest and its name, in a file that ends with ``.sha256``. While it is made, a file that ends with
    ``.lock`` is locked, for which others wait; a lock goes with its process. What killed processes have left is removed
    before, and what is no file where one of the three should be.

    Parameters
    ----------
    path : Path
        Its name alone, without what it ends with, must tell it from others.
    make : callable
        Makes it: takes an empty folder to work in, and the name of the file.
    room : int
        Bytes that this takes at least.
    note : callable
        Is told when it waits for another process, and when a file is damaged.

    Raises
    ------
    InputError
        If the folder cannot be written, or has no room, or one of the three is a folder.
    """
    if _is_whole(path):
        return path
    check_writable_folder(path.parent, room=room, advice=ADVICE)
    with _lock(path, note):
        if not _is_whole(path):  # nobody made it while this one waited
            if os.path.lexists(path):
                note(f"{path} is damaged; it is made again")
            for each in (path, path.with_suffix(".sha256")):
                _remove_no_file(each)
            _remove_left_overs(path)
            _make(path, make)
    return path


def forget(path: Path) -> None:
    """Let a file be made again."""
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


def _is_whole(path: Path) -> bool:
    try:
        return _read(path.with_suffix(".sha256")) == _digest(path.name, path)
    except InputError:
        return False


def _digest(name: str, path: Path) -> bytes:
    """Return what stands beside a file, in the form of ``sha256sum``: whole files can be exchanged, so its name, too."""
    return f"{hashlib.sha256(_read(path)).hexdigest()}  {name}\n".encode()


def _read(path: Path) -> bytes:
    return read_file(path, _MOST_BYTES, ADVICE)


def _remove_no_file(path: Path) -> None:
    """Remove what is no regular file; not a folder, which may hold something."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"cannot write {path}: it is a folder; remove it, or {ADVICE}")
        if not stat.S_ISREG(mode):
            path.unlink()


@contextmanager
def _lock(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Hold a file's lock, once no other process does."""
    lock, tell = path.with_suffix(".lock"), note
    while True:
        _remove_no_file(lock)
        with os.fdopen(os.open(lock, _LOCK_FLAGS, 0o666), "rb+", buffering=0) as file:
            try:
                _lock_now(file.fileno())
            except BlockingIOError:
                tell(f"another process makes {path}; waiting for it")
                tell = _say_nothing  # others may have waited, too, and come first
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # a file system without locks: two may make it at once, each for itself
                pass
            if not _is_at(lock, file.fileno()):
                continue  # who held it has removed it
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _say_nothing(text: str) -> None:
    pass


def _lock_now(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    return False


def _remove_left_overs(path: Path) -> None:
    """Remove the locks that nobody holds, and what nobody is making, beside a file whose lock this process holds."""
    folder = path.parent
    for lock in folder.glob("*.lock"):
        with suppress(OSError, InputError):
            _remove_no_file(lock)
            with os.fdopen(os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                _lock_now(file.fileno())
                lock.unlink(missing_ok=True)
    held = tuple(f".{lock.stem}-" for lock in folder.glob("*.lock") if lock.stem != path.stem)
    for entry in folder.glob(".*-*"):
        if entry.name.startswith(held):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
