"""NumPy's files are read as NumPy reads them; a damaged or hostile file takes no more memory than its size."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from firstspike_spec import InputError
from firstspike_spec.common import arrays
from firstspike_spec.common.arrays import Archive, parse_npy


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz(**members):
    file = io.BytesIO()
    np.savez(file, **members)
    return file.getvalue()


def with_header(header, values=b""):
    text = f"{header}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + values


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.arange(5, dtype=">i4"),
        np.zeros((0, 4), np.float32),
        np.array(7.5),
        np.array(["cat", "dog"]),
        np.array([True, False]),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_is_read_as_it_was_saved(array):
    got = parse_npy(npy(array), "x")
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)
    assert not got.flags.writeable


def test_every_truncation_is_refused():
    content = npy(np.arange(6, dtype=np.uint8))
    for length in range(len(content)):
        with pytest.raises(InputError, match=r"^x is not a .npy file"):
            parse_npy(content[:length], "x")
    with pytest.raises(InputError, match="or cut: it has 7 bytes"):
        parse_npy(content + b"\0", "x")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4000000000, 4000000000), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -5), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (" + "1, " * 70 + "), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000,), }",
        "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': " + "(" * 3000 + "), }",
        "{'descr': 5, 'fortran_order': False, 'shape': (5,), }",
        "{'shape': (5,), }",
        "__import__('os').abort()",
        "\xff" * 20,
    ],
    ids=range(11),
)
def test_headers_of_another_kind_are_refused_without_allocating_anything(header):
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"^x is not a .npy file of numbers"):
            parse_npy(with_header(header, bytes(5)), "x")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_every_flip_in_a_header_is_refused_or_harmless():
    content = npy(np.arange(6, dtype=np.uint8))
    for place in range(len(content) - 6):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            try:
                parse_npy(bytes(changed), "x")
            except InputError:
                continue


def test_arrays_of_an_archive_by_name():
    archive = Archive(npz(a=np.arange(3), b=np.ones((2, 2))), "x")
    assert list(archive) == ["a", "b"]
    assert "a" in archive
    assert archive.names() == "'a', 'b'"
    np.testing.assert_array_equal(archive["b"], np.ones((2, 2)))


def test_a_damaged_archive_is_refused():
    content = npz(a=np.arange(300))
    for length in range(0, len(content), 7):
        with pytest.raises(InputError, match=r"^x is not a .npz file"):
            Archive(content[:length], "x")
    changed = bytearray(content)
    changed[200] ^= 1
    with pytest.raises(InputError, match="'a' in x is damaged"):
        Archive(bytes(changed), "x")["a"]


def test_a_member_that_is_too_large_is_refused_before_unpacking(monkeypatch):
    monkeypatch.setattr(arrays, "MOST_ARRAY_BYTES", 1000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", bytes(1_000_000))
    with pytest.raises(InputError, match="'a' in x has 1,000,000 bytes, at most 1,000 are read"):
        Archive(file.getvalue(), "x")["a"]


def test_an_archive_whose_member_is_not_an_array():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("data.pkl", b"cos\nsystem\n")
    with pytest.raises(InputError, match=r"'data.pkl' in x is not a .npy file of numbers"):
        Archive(file.getvalue(), "x")["data.pkl"]


def test_no_more_is_unpacked_than_the_directory_says():
    """The directory says 1 byte, the member has 16 MB of zeros."""
    file = io.BytesIO()
    np.savez_compressed(file, x=np.zeros(1 << 24, np.uint8))
    content = bytearray(file.getvalue())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = (1).to_bytes(4, "little")
    archive = Archive(bytes(content), "x.npz")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"'x' in x\.npz is damaged"):
            archive["x"]
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_cannot_unpack_in_part_are_refused(kind):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", kind) as archive:
        archive.writestr("x.npy", npy(np.zeros(1 << 20, np.uint8)))
    with pytest.raises(InputError, match="not packed with deflate"):
        Archive(file.getvalue(), "x.npz")["x"]


@pytest.mark.parametrize("names", [("x.npy", "x.npy"), ("x", "x.npy")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for value, name in enumerate(names):
            packed.writestr(name, npy(np.full(3, value)))
    with pytest.raises(InputError, match=r"^a\.npz has two arrays that are called 'x'; give each its own name"):
        Archive(file.getvalue(), "a.npz")


def test_no_error_shows_objects_of_python():
    content = bytearray(npz(a=np.arange(300)))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match=r"'a' in x is damaged \(it is encrypted\)"):
        Archive(bytes(content), "x")["a"]
    with pytest.raises(InputError) as refused:
        parse_npy(with_header("{'descr': 1 * 2, 'shape': (3,)}"), "x")
    assert "object" not in str(refused.value)


def test_an_array_can_have_one_dimension_more_than_an_image():
    for sides, good in ((9, True), (10, False)):
        content = npy(np.zeros((1,) * sides, np.uint8))
        if good:
            assert parse_npy(content, "x").ndim == sides
        else:
            with pytest.raises(InputError, match=r"its shape is \(1, 1"):
                parse_npy(content, "x")
