"""The reader of pickles: what ordinary ones hold, and what it refuses to do."""

import os
import pickle
import struct
import tracemalloc

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


def doubled(times: int) -> bytes:
    """A tuple of two tuples of two tuples ..., each of which is there once."""
    return b"N" + b"".join(b"q\x00h\x00\x86" for _ in range(times))


INTEGERS = [b"J" + struct.pack("<i", i) for i in range(1001)]
BYTE = b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R"
LETTER = b"X\x01\x00\x00\x00a"
BOMBS = {
    "a coding": (b"c_codecs\nencode\n" + LETTER + doubled(40) + b"\x86R.", "has tuple where str is expected"),
    "a name": (b"\x80\x04" + doubled(40) + doubled(40) + b"\x93.", "has tuple where str is expected"),
    "a type": (b"cnumpy\ndtype\n" + doubled(40) + b"\x85R.", "has tuple where str is expected"),
    "a long type": (b"cnumpy\ndtype\n" + b"X\xe8\x03\x00\x00" + b"i4,f" * 250 + b"\x85R.", "none of numbers"),
    "an order": (
        b"cnumpy._core.numeric\n_frombuffer\n(C\x01a" + BYTE + b"K\x01\x85" + doubled(40) + b"tR.",
        "has tuple where str is expected",
    ),
    "a key": (b"}" + doubled(40) + b"K\x01s.", "keys that are no texts or integers"),
    "many keys": (b"}(" + b"N".join(INTEGERS) + b"Nu.", "more than 1000 keys"),
    "key by key": (b"}" + b"Ns".join(INTEGERS) + b"Ns.", "more than 1000 keys"),
    "a long name": (b"c" + b"a" * 100_000 + b"\nb\n.", "it asks for a"),
    "an integer": (b"\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000 + b"\x8f.", "the instruction EMPTY_SET"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_work_and_memory_are_bounded(tmp_path, kind):
    """What a few bytes stand for is never spelled out: 2^40 values would fill any memory, and any time."""
    content, message = BOMBS[kind]
    (tmp_path / "a").write_bytes(HEAD + content)
    tracemalloc.start()
    with pytest.raises(InputError, match=message) as caught:
        pickles.read(tmp_path / "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22  # the longest of them has 100,000 bytes
    assert len(str(caught.value)) <= pickles.LINE


def test_a_text_that_is_encoded_again_and_again(tmp_path):
    text = b"X\x00\x10\x00\x00" + b"a" * 4096 + b"q\x00"
    encode = b"c_codecs\nencode\nq\x01", b"h\x01h\x00h\x02\x86R"
    latin = b"X\x06\x00\x00\x00latin1q\x02"
    content = HEAD + b"](" + text + latin + encode[0] + encode[1] * 1000 + b"e."
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="it makes more bytes than it has"):
        pickles.read(tmp_path / "a")


def test_a_file_too_large_is_not_read(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2 * pickles.LARGEST)
    with pytest.raises(InputError, match="a has 536870912 bytes; a pickle of up to 268435456 is read"):
        pickles.read(tmp_path / "a")


@pytest.mark.parametrize("instruction", [b"N", b"]", b"}", b"(", b"N\x85"])
def test_more_instructions_than_a_batch_has(tmp_path, instruction):
    """A byte of the file makes an object of a hundred; ten million of them took 20 seconds and a gigabyte."""
    (tmp_path / "a").write_bytes(HEAD + instruction * 10_000_000 + b".")
    with pytest.raises(InputError, match="it has more than 500000 instructions"):
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
