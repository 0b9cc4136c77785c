"""The reader of pickles: what ordinary ones hold, and what it refuses to do."""

import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn.data import pickles
from refsbnn.errors import InputError

HEAD = b"\x80\x02"
OBJECTS = b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
ADDRESS = b"U\x08AAAAAAAA"


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_pickles_of_arrays_are_read(tmp_path, protocol):
    content = {"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [1, -2, 2**70], "name": b"x"}
    content |= {"turned": content["data"].astype(">i4").T, "again": np.arange(3, dtype=">i4"), "nested": [(), [None]]}
    (tmp_path / "a").write_bytes(pickle.dumps(content, protocol=protocol))
    read = pickles.read(tmp_path / "a")
    assert list(read) == list(content)
    for key in ("data", "turned", "again"):
        np.testing.assert_array_equal(read.pop(key), content.pop(key))
    assert read == content


def test_a_batch_as_python_2_wrote_it(tmp_path):
    shape = b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x05(U\x02u1q\x06K\x00K\x01tq\x07Rq\x08(K\x03U\x01|NNN"
    state = shape + b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\x01\x02\xfd\xfe\xfftb"
    blank = b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04"
    (tmp_path / "a").write_bytes(HEAD + b"}q\x01(U\x04data" + blank + state + b"U\x06labels]q\x09(K\x06K\x09eu.")
    read = pickles.read(tmp_path / "a")
    np.testing.assert_array_equal(read[b"data"], np.uint8([[0, 1, 2], [253, 254, 255]]))
    assert read[b"labels"] == [6, 9]


class Malicious:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("content", [Malicious(), {b"data": Malicious()}, [np.float64]])
def test_a_pickle_that_asks_for_more_is_refused(tmp_path, content, protocol):
    (tmp_path / "a").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(InputError, match=r"a is no pickle of arrays: it asks for (posix\.system|numpy\.float64)"):
        pickles.read(tmp_path / "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # Python's reader would set an attribute of NumPy's own function, for the whole process.
        (b"cnumpy._core.numeric\n_frombuffer\n}(X\x04\x00\x00\x00evilK\x01ub.", "it has dict where tuple is expected"),
        # NumPy would take these bytes for the address of an object.
        (b"cnumpy\nndarray\n(K\x01\x85" + OBJECTS + ADDRESS + b"tR.", "it has an array of object"),
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01K\x01\x85"
            + OBJECTS + b"\x89" + ADDRESS + b"tb.", "it has an array of object",
        ),
        (pickle.dumps(np.array([{}, 1], object), 2)[2:], "it has an array of object"),
        (pickle.dumps(np.zeros(2, "i4,f8"), 2)[2:], "it has an array of .V12"),
        # A hash that takes 2^60 steps, a coding that is a program, an object kept elsewhere.
        (b"}N" + b"".join(b"q\x00h\x00\x86" for _ in range(60)) + b"K\x01s.", "keys that are no texts or integers"),
        (b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.", "it asks for the coding 'zip'"),
        (b"Pelsewhere\n.", "it has the instruction PERSID"),
        (b"K\x01\x85\x85\x86.", "no pickle of arrays"),
        (b"", "no pickle of arrays"),
    ],
)  # fmt: skip
def test_an_attack_is_refused(tmp_path, content, message):
    (tmp_path / "a").write_bytes(HEAD + content)
    with pytest.raises(InputError, match=message):
        pickles.read(tmp_path / "a")


def test_a_number_in_the_memo_takes_no_room(tmp_path):
    """Python's reader would make a table of 2^32 places."""
    (tmp_path / "a").write_bytes(HEAD + b"K\x07r" + struct.pack("<I", 2**31) + b".")
    assert pickles.read(tmp_path / "a") == 7


def contents(item, seen):
    """Everything in nested containers."""
    if id(item) in seen:
        return
    seen.add(id(item))
    yield item
    inside = [*item.keys(), *item.values()] if isinstance(item, dict) else item if type(item) in (list, tuple) else ()
    for each in inside:
        yield from contents(each, seen)


@given(st.integers(0, 5), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4), st.booleans())
@settings(deadline=None)
def test_damage_is_refused_or_gives_plain_values(tmp_path_factory, protocol, changes, cut):
    batch = {b"data": np.arange(6, dtype=np.uint8).reshape(2, 3), b"labels": [1, 2], b"name": "x"}
    content = bytearray(pickle.dumps(batch, protocol=protocol))
    for place, value in changes:
        content[place % len(content)] = value
    path = tmp_path_factory.mktemp("pickle") / "a"
    path.write_bytes(content[: -9 if cut else None])
    try:
        read = pickles.read(path)
    except InputError:
        return
    plain = (dict, list, tuple, int, float, str, bytes, bytearray, np.ndarray, np.dtype, type(None), pickles.Name)
    assert all(isinstance(item, plain) for item in contents(read, set()))
