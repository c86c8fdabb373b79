"""Packed files and archives, unpacked in memory. Nothing is written to disk, and no file unpacks to more than was allowed."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from ..common.arrays import MOST_ARRAY_BYTES
from ..common.errors import InputError
from ..common.text import quoted, reason

#: Endings of packed files.
PACKINGS = (".gz", ".xz")

#: How the content of packed files begins.
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\0"

#: Most bytes that unpacking xz may take for itself; ``xz -9`` needs 65 MiB.
_XZ_MEMORY = 1 << 27

#: Most bytes to which an archive unpacks, and most files and folders in it.
MOST_UNPACKED_BYTES, MOST_MEMBERS = 1 << 28, 100

_CHUNK = 1 << 20


def unpacked(content: bytes, name: str, most_bytes: int = MOST_ARRAY_BYTES) -> bytes:
    """Return bytes unpacked, if they are packed with gzip or xz, or unchanged.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call it.
    most_bytes : int
        They may unpack to so many bytes.

    Raises
    ------
    InputError
        If they are damaged, or unpack to more.
    """
    if content.startswith(_GZIP):
        parts = _gzip_parts(content, name)
    elif content.startswith(_XZ):
        parts = _xz_parts(content, name)
    else:
        return content
    whole = io.BytesIO()
    for part in parts:
        whole.write(part)
        if whole.tell() > most_bytes:
            raise InputError(f"{name} unpacks to more than {most_bytes:,} bytes; split it into several files")
    return whole.getvalue()


def _gzip_parts(content: bytes, name: str) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while part := file.read(_CHUNK):
                yield part
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(name, str(error)) from error


def _xz_parts(content: bytes, name: str) -> Iterator[bytes]:
    try:
        import lzma
    except ImportError as error:
        raise InputError(f"this Python cannot unpack {name}: it was built without lzma; unpack the file with xz -d") from error
    try:
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        part = stream.decompress(content, _CHUNK)
        while part or not (stream.eof or stream.needs_input):
            yield part
            part = b"" if stream.eof else stream.decompress(b"", _CHUNK)
    except lzma.LZMAError as error:
        raise _damaged(name, str(error)) from error
    if not stream.eof:
        raise _damaged(name, "it is cut")
    if stream.unused_data:
        raise _damaged(name, "something follows the end of the packed data")


def archived(content: bytes, place: str, names: Collection[str], most_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of files in a ``.tar.gz`` archive, in the archive's order. Other files are skipped.

    Parameters
    ----------
    content : bytes
        The archive.
    place : str
        What errors call it.
    names : collection of str
        Names of the files, without their folders.
    most_bytes : int
        Most bytes of a file.

    Raises
    ------
    InputError
        If it is no such archive or damaged, one of the files is missing, there twice or larger, a link, a device or a path out
        of the archive's folder is found on the way, or it has more than `MOST_MEMBERS` members or `MOST_UNPACKED_BYTES`.
    """
    if not content.startswith(_GZIP):
        raise InputError(f"{place} is not a .tar.gz archive (its start is {content[:4].hex() or 'empty'}); get it again")
    found: set[str] = set()
    try:
        with (
            gzip.GzipFile(fileobj=io.BytesIO(content)) as file,
            # As a stream: a member that is skipped takes no memory.
            tarfile.open(fileobj=_Bounded(file, place), mode="r|", bufsize=_CHUNK) as archive,  # type: ignore[call-overload]
        ):
            for number, member in enumerate(archive):
                if number == MOST_MEMBERS:
                    raise InputError(f"{place} has more than {MOST_MEMBERS} files; get the archive again")
                name = PurePosixPath(member.name).name
                if not _is_plain_file(member, place) or name not in names:
                    continue
                if name in found:
                    raise InputError(f"{place} has {name} twice; get the archive again")
                if member.size > most_bytes:
                    raise InputError(
                        f"{place}: {name} has {member.size:,} bytes, more than {most_bytes:,}; get the archive again"
                    )
                held = archive.extractfile(member)
                assert held is not None, "a plain file can be read"
                found.add(name)
                yield name, held.read()
                if len(found) == len(names):
                    return
    except InputError:
        raise
    except Exception as error:  # of damaged archives, tarfile raises anything
        raise _damaged(place, reason(error)) from error
    if missing := [name for name in names if name not in found]:
        raise InputError(f"{place} has no {', '.join(missing)}; get the archive again")


def _is_plain_file(member: tarfile.TarInfo, place: str) -> bool:
    """Return whether a member of an archive is a file, not a folder. What an honest archive would not hold is refused."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{place} holds {quoted(member.name)}, a path out of its folder; get the archive again")
    if member.isdir():
        return False
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise InputError(
            f"{place} holds {quoted(member.name)}, which is a link or a device, not a file; get the archive again"
        )
    return True


class _Bounded:
    """A file of which no more than `MOST_UNPACKED_BYTES` can be read."""

    def __init__(self, file: gzip.GzipFile, place: str) -> None:
        self._file, self._place, self._left = file, place, MOST_UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        part = self._file.read(size)
        self._left -= len(part)
        if self._left < 0:
            raise InputError(f"{self._place} unpacks to more than {MOST_UNPACKED_BYTES:,} bytes; get the archive again")
        return part


def _damaged(name: str, why: str) -> InputError:
    return InputError(f"{name} is damaged ({why}); get the data set again")
