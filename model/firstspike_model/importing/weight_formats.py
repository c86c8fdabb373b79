"""Formats of files with weights: recognise the kind of a file, and return its arrays by name.

Files are not trusted: no code in them is run, and sizes are checked before memory is taken. For other kinds of files, the
error names the kind and how to make weights of it that can be read.
"""

import io
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

from firstspike_spec import InputError
from firstspike_spec.common.arrays import Archive, read_member
from firstspike_spec.common.text import quoted

#: Limit of the bytes of a file, packed and unpacked.
MAX_FILE_BYTES = 512 << 20

#: Limits of the files in an archive, and of the header of a safetensors file.
MAX_MEMBERS, MAX_HEADER_BYTES = 1 << 13, 2 << 20

#: Limit of the operations of the pickles in a PyTorch file: each may create an object.
MAX_OPERATIONS = 1 << 20

_SAVE = "save the weights again, with numpy.savez or torch.save(model.state_dict(), ...)"

_TORCHSCRIPT = 'torch.save(torch.jit.load("FILE").state_dict(), "weights.pt")'
_ONNX = 'numpy.savez("weights.npz", **{t.name: onnx.numpy_helper.to_array(t) for t in onnx.load("FILE").graph.initializer})'
_KERAS = 'numpy.savez("weights.npz", **{w.path: w.numpy() for w in keras.models.load_model("FILE").weights})'


#: Other kinds of files by their first bytes: what they are, and how to convert them.
_OTHER_KINDS: dict[tuple[bytes, ...], str] = {
    (b"\x93NUMPY",): "it is one array of NumPy without a name; "
    'give it one: numpy.savez("weights.npz", fc1_weight=numpy.load("FILE"))',
    (b"\x89HDF",): f"it is an HDF5 file, as Keras writes it; run {_KERAS}",
    (b"\x1f\x8b",): "it is packed by gzip; unpack it first",
    tuple(bytes([0x80, protocol]) for protocol in range(2, 6)): "it is a pickle of Python, and reading it could run code; "
    "in the program that made it, use numpy.savez or torch.save(model.state_dict(), ...)",
    tuple(bytes([0x08, version]) for version in range(1, 32)): f"it seems to be an ONNX model; run {_ONNX}",
}
_TEXT = 'it is text; for a table of numbers, run numpy.savez("weights.npz", fc1_weight=numpy.loadtxt("FILE", delimiter=","))'

#: What a file with tensors and plain values may call. Bytes, which PyTorch allows, are missing: with them a short file could
#: request any amount of memory.
_PLAIN_NAMES = re.compile(
    r"collections\.(OrderedDict|Counter)|(builtins|__builtin__)\.(set|complex)|_codecs\.encode"
    r"|torch\.\w+|torch\.(_utils|storage|serialization|nn\.parameter)\.\w+"
)

#: The last protocol of pickle that PyTorch reads without running code.
_MAX_PROTOCOL = 3

#: The first bytes of PyTorch's older files: a pickle of its magic number.
_OLDER_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."

#: The number of pickles at the beginning of such a file.
_OLDER_TORCH_PICKLES = 5

#: Files that mark archives of other kinds: what the archives are, and how to convert them.
_OTHER_ARCHIVES = {
    "constants.pkl": f"it is a TorchScript archive; run {_TORCHSCRIPT}",
    "archive_format": "it is a program that torch.export made; save the weights: torch.save(model.state_dict(), ...)",
    "model.weights.h5": f"it is a Keras model; run {_KERAS}",
}


def parse_entries(content: bytes, name: str) -> Mapping[str, Any]:
    """Return the entries of a file with weights, by name.

    Parameters
    ----------
    content : bytes
        A NumPy archive, a file of ``torch.save``, or a safetensors file.
    name : str
        Name of the file, for error messages.

    Returns
    -------
    mapping
        Arrays or tensors; from PyTorch also other plain values: numbers, strings, lists, dictionaries.

    Raises
    ------
    InputError
        If the file is of another kind, damaged, or too large.
    """
    if not content:
        raise InputError(f"it is empty; {_SAVE}")
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        entries = _parse_archive(content, name)
    elif content[8:9] == b"{":
        entries = _parse_safetensors(content)
    elif content.startswith(_OLDER_TORCH):
        entries = _parse_torch(content, content, _OLDER_TORCH_PICKLES, name)
    else:
        raise InputError(_refusal(content).replace("FILE", name))
    if not isinstance(entries, Mapping) or not all(isinstance(key, str) for key in entries):
        raise InputError(f"it holds {_an(type(entries).__name__)}, not matrices by name; {_SAVE}")
    if not entries:
        raise InputError(f"the file has no entries; {_SAVE}")
    return entries


def _refusal(content: bytes) -> str:
    """Return what a file of another kind is, and how to convert it."""
    for beginnings, refusal in _OTHER_KINDS.items():
        if content.startswith(beginnings):
            return refusal
    if re.fullmatch(rb"[\t\n\r -~]+", content[:1000]):
        return _TEXT
    return f"it is not a NumPy archive, PyTorch state dict or safetensors file, or it is damaged; {_SAVE}"


def _an(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _parse_archive(content: bytes, name: str) -> Any:
    damaged = f"it is damaged; {_SAVE}"
    if content.count(b"PK\x01\x02") > MAX_MEMBERS:  # before zipfile lists them
        raise InputError(f"it is an archive of more than {MAX_MEMBERS:,} files; {_SAVE}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception as error:  # zipfile raises many kinds of errors on damaged archives
        raise InputError(damaged) from error
    members = {info.filename: info for info in archive.infolist()}
    _check_members(archive.infolist())
    last_parts = {member.rpartition("/")[2] for member in members}
    for last_part, refusal in _OTHER_ARCHIVES.items():
        if last_part in last_parts:
            raise InputError(refusal.replace("FILE", name))
    pickles = [member for member in members if member.rpartition("/")[2] == "data.pkl"]
    if not pickles:
        return _parse_numpy(content)
    try:
        program = read_member(archive, members[pickles[0]])
        # From the copy PyTorch reads what was checked here, whatever its own reader would find in the original.
        plain = io.BytesIO()
        with zipfile.ZipFile(plain, "w") as copy:
            for info in members.values():
                copy.writestr(info.filename, read_member(archive, info))
    except Exception as error:
        raise InputError(damaged) from error
    return _parse_torch(plain.getvalue(), program, 1, name)


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    total = sum(info.file_size for info in members)
    if total > MAX_FILE_BYTES:
        raise InputError(f"unpacked, it would have {total:,} bytes, more than {MAX_FILE_BYTES:,}; save the weights alone")
    names = set()
    for info in members:
        name = info.filename.removesuffix(".npy")  # as NumPy does: "fc.npy" is the array "fc"
        if name in names:
            raise InputError(f"it has {quoted(name)} twice; {_SAVE}")
        names.add(name)


def _parse_numpy(content: bytes) -> Mapping[str, Any]:
    archive = Archive(content, "it")
    entries: dict[str, Any] = {}
    for key in archive:
        try:
            entries[key] = archive[key]
        except InputError as error:
            raise InputError(f"{quoted(key)} is damaged, or not an array of numbers; {_SAVE}") from error
    return entries


def _parse_safetensors(content: bytes) -> Mapping[str, Any]:
    from safetensors.torch import load  # numpy has no bfloat16

    size = int.from_bytes(content[:8], "little")
    if size > MAX_HEADER_BYTES:
        raise InputError(f"it has a header of {size:,} bytes, more than {MAX_HEADER_BYTES:,}, or is damaged; {_SAVE}")
    if b'"firstspike-network"' in content[8 : 8 + size]:
        raise InputError("it is a network of whole numbers already, and needs no import; name the file with the float weights")
    try:
        return load(content)
    except Exception as error:  # the library raises many kinds of errors on damaged content
        raise InputError(f"it is damaged; {_SAVE}") from error


def _parse_torch(content: bytes, program: bytes, pickles: int, name: str) -> Any:
    """Return what ``torch.save`` wrote. ``program`` begins with this many pickles, which describe the rest."""
    import torch

    is_mapping, called = _scan(program, pickles)
    strange = [quoted(called_name) for called_name in called if not _PLAIN_NAMES.fullmatch(called_name)]
    if strange:
        load = f'torch.load("{name}", weights_only=False)'
        if is_mapping:
            what = f"besides weights it holds objects of Python ({strange[0]})"
            advice = f"load it with {load}, and save the state dict in it alone, with torch.save"
        else:
            what = f"it is a whole model, or another object of Python ({strange[0]})"
            advice = f'run torch.save({load}.state_dict(), "weights.pt")'
        raise InputError(f"{what}, and reading it could run any code; where you trust it, {advice}")
    try:
        with warnings.catch_warnings(action="ignore"):  # they are for programmers
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # PyTorch raises many kinds of errors on damaged content
        raise InputError(f"it is damaged; {_SAVE}") from error


def _scan(program: bytes, pickles: int) -> tuple[bool, list[str]]:
    """Return whether the saved object is a mapping, and the names that the pickles call, without running them.

    If there are several pickles, the last but one contains the saved object.
    """
    file, operations = io.BytesIO(program), 0
    called: list[str] = []
    beginnings: list[str] = []
    try:
        for _ in range(pickles):
            begun = False
            for operation, argument, _ in pickletools.genops(file):
                operations += 1
                if operations > MAX_OPERATIONS:
                    raise InputError(f"it has more than {MAX_OPERATIONS:,} values besides the weights; save the weights alone")
                if operation.name == "PROTO" and not (isinstance(argument, int) and argument <= _MAX_PROTOCOL):
                    raise InputError(f"it is written with protocol {argument} of pickle; save it with torch.save's usual one")
                called_name = str(argument).replace(" ", ".", 1) if operation.name == "GLOBAL" else ""
                if called_name:
                    called.append(called_name)
                if not begun and operation.name != "PROTO":
                    beginnings.append(called_name or operation.name)
                    begun = True
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"it is damaged; {_SAVE}") from error
    return beginnings[-2:][0] in ("EMPTY_DICT", "collections.OrderedDict"), called
