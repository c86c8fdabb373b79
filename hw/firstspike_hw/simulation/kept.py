"""Files that take long to make, kept in a folder: each is made by one process, and checked before it is used."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firstspike_spec.files import check_writable_folder, whole_file, write_file

#: What to do about a folder that is full or cannot be written.
ADVICE = "set XDG_CACHE_HOME to a folder that you can write to"


def kept_file(path: Path, make: Callable[[Path, Path], None], *, room: int, note: Callable[[str], None]) -> Path:
    """Return a file; make it if it is not there, or if it is not what was made.

    Beside it lies its digest, in a file that ends with ``.sha256``. While it is made, a file that ends with ``.lock`` is
    locked, for which others wait; a lock goes with its process. What killed processes have left is removed before.

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
        If the folder cannot be written, or has no room.
    """
    if _is_whole(path):
        return path
    check_writable_folder(path.parent, room=room, advice=ADVICE)
    with _lock(path, note):
        if not _is_whole(path):  # nobody made it while this one waited
            if path.exists():
                note(f"{path} is damaged; it is made again")
            _remove_left_overs(path)
            _make(path, make)
    return path


def forget(path: Path) -> None:
    """Let a file be made again."""
    path.with_suffix(".sha256").unlink(missing_ok=True)


def _make(path: Path, make: Callable[[Path, Path], None]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder,
        whole_file(path, f"make room, or {ADVICE}") as temporary,
    ):
        make(Path(folder), temporary)
        write_file(path.with_suffix(".sha256"), _digest(temporary))


def _is_whole(path: Path) -> bool:
    try:
        return path.with_suffix(".sha256").read_text("utf-8") == _digest(path)
    except (OSError, UnicodeDecodeError):
        return False


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def _lock(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Hold a file's lock, once no other process does."""
    lock, tell = path.with_suffix(".lock"), note
    while True:
        with lock.open("wb") as file:
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
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _remove_left_overs(path: Path) -> None:
    """Remove the locks that nobody holds, and what nobody is making, beside a file whose lock this process holds."""
    folder = path.parent
    for lock in folder.glob("*.lock"):
        with suppress(OSError), lock.open("rb") as file:
            _lock_now(file.fileno())
            lock.unlink(missing_ok=True)
    held = tuple(f".{lock.stem}-" for lock in folder.glob("*.lock") if lock.stem != path.stem)
    for entry in folder.glob(".*-*"):
        if entry.name.startswith(held):
            continue
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
