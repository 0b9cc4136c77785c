"""A reader of pickles that builds arrays, numbers, texts and containers, and refuses everything else.

A pickle is a program. Python's own reader runs it, and keeping it to a few names is not enough: it sets attributes of
whatever has a name, and NumPy takes the numbers that a pickle calls objects for addresses. So the program is read by
the standard library's disassembler, and this file follows it; nothing is ever called by the name that a file gives.

Work and memory are bounded by the size of the file. A pickle can name a value many times over, so that twenty tuples in
one another stand for a million values: none is printed, compared or hashed before its type is known to be flat.
"""

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn.errors import InputError
from refsbnn.files import regular

LARGEST = 2**28  # bytes of a file; a batch of CIFAR-10 has 31 million
KEYS = 1000  # of a dictionary; integers can be chosen to collide
LINE = 500  # characters of an error
LONGEST = 500_000  # instructions; a batch of CIFAR-10 has some 20,000, and a byte can be one that makes an object
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}
OLD_TEXTS = ("STRING", "BINSTRING", "SHORT_BINSTRING")  # bytes, as Python 2 wrote them
# What an array needs to be built again; `_codecs.encode` makes bytes in protocol 2.
NAMES = {"numpy.ndarray", "numpy.dtype", "_codecs.encode"} | {
    f"numpy.{core}.{name}" for core in ("core", "_core") for name in ("multiarray._reconstruct", "numeric._frombuffer")
}


class Name:
    """One of NAMES, as a pickle mentions it."""

    def __init__(self, text: str) -> None:
        if text not in NAMES:
            raise ValueError(f"it asks for {text[:100]}")
        self.text = text.rsplit(".", 1)[-1]


class Made:
    """An array or its type, which is whole only after a later instruction."""

    def __init__(self, value: Any = None) -> None:
        self.value = value


def read(path: Path) -> Any:
    """The content of a pickle of arrays, numbers, texts, lists and dictionaries.

    Raises
    ------
    InputError
        The file is missing, cut, or asks for anything else.
    """
    try:
        size = regular(path).stat().st_size
        if size > LARGEST:
            raise InputError(f"{path} has {size} bytes; a pickle of up to {LARGEST} is read")
        return follow(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except InputError:
        raise
    except Exception as error:  # a damaged pickle fails in many ways
        raise InputError(f"{path} is no pickle of arrays: {error}"[:LINE]) from None


def follow(content: bytes) -> Any:
    """What a pickle builds; fails in many ways where it is damaged or asks for more.

    Examples
    --------
    >>> import pickle
    >>> follow(pickle.dumps({"a": [1, b"two"]}))
    {'a': [1, b'two']}
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    containers: dict[str, Callable[[list[Any]], Any]] = {"LIST": list, "TUPLE": tuple, "DICT": pairs}
    encoded = 0

    def taken(count: int = -1) -> list[Any]:
        """The last `count` values, or those behind the last mark."""
        first = marks.pop() if count < 0 else len(stack) - count
        if first < 0:
            raise ValueError("it takes more than it has")
        out = [item.value if isinstance(item, Made) else item for item in stack[first:]]
        del stack[first:]
        return out

    argument: Any
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        kind = opcode.name
        if count == LONGEST:
            raise ValueError(f"it has more than {LONGEST} instructions")
        if kind in ("PROTO", "FRAME"):
            continue
        if kind in CONSTANTS:
            stack.append(CONSTANTS[kind])
        elif kind in VALUES:
            stack.append(argument)
        elif kind in OLD_TEXTS:
            stack.append(argument.encode("latin-1"))
        elif kind == "MARK":
            marks.append(len(stack))
        elif (container := containers.get(kind.removeprefix("EMPTY_"))) is not None:
            stack.append(container([] if kind.startswith("EMPTY_") else taken()))
        elif kind in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple(taken(int(kind[-1]))))
        elif kind in ("APPEND", "APPENDS"):
            items = taken(1 if kind == "APPEND" else -1)
            expected(stack[-1], list).extend(items)
        elif kind in ("SETITEM", "SETITEMS"):
            items = taken(2 if kind == "SETITEM" else -1)
            expected(stack[-1], dict).update(pairs(items))
            if len(stack[-1]) > KEYS:
                raise ValueError(f"it has a dictionary of more than {KEYS} keys")
        elif kind == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif kind in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif kind in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif kind == "GLOBAL":
            stack.append(Name(argument.replace(" ", ".")))
        elif kind == "STACK_GLOBAL":
            stack.append(Name(".".join(expected(text, str)[:100] for text in taken(2))))
        elif kind == "REDUCE":
            name, arguments = taken(2)
            stack.append(made(expected(name, Name).text, *expected(arguments, tuple)))
            encoded += len(stack[-1]) if isinstance(stack[-1], bytes) else 0
            if encoded > len(content):
                raise ValueError("it makes more bytes than it has")
        elif kind == "BUILD":
            state = expected(taken(1)[0], tuple)
            complete(expected(stack[-1], Made), state)
        elif kind == "STOP":
            return taken(1)[0]
        else:
            raise ValueError(f"it has the instruction {kind}")


def expected(item: Any, kind: type) -> Any:
    """The item, if it is of that kind."""
    if not isinstance(item, kind):
        raise ValueError(f"it has {type(item).__name__} where {kind.__name__} is expected")
    return item


def pairs(items: list[Any]) -> dict[Any, Any]:
    """A dictionary of keys and values in turn."""
    if any(type(key) not in (str, bytes, int) for key in items[::2]):
        raise ValueError("it has keys that are no texts or integers")
    if len(items) > 2 * KEYS:
        raise ValueError(f"it has a dictionary of more than {KEYS} keys")
    return dict(zip(items[::2], items[1::2], strict=True))


def made(name: str, *arguments: Any) -> Any:
    """What one of NAMES gives."""
    if name == "encode":
        text, coding = arguments
        if expected(coding, str) != "latin1":
            raise ValueError(f"it asks for the coding {coding[:20]!r}")
        return expected(text, str).encode("latin-1")
    if name == "dtype":
        text = arguments[0].decode() if isinstance(arguments[0], bytes) else expected(arguments[0], str)
        if len(text) > 8:  # the name of a type of numbers; longer ones describe records
            raise ValueError("it has a type that is none of numbers")
        return Made(number(np.dtype(text)))
    if name == "_frombuffer":
        data, dtype, shape, order = arguments
        return Made(array(data, dtype, shape, order))
    if name == "_reconstruct":
        return Made()
    raise ValueError(f"it asks for {name}")


def complete(item: Made, state: tuple[Any, ...]) -> None:
    """Give an array its shape, type and numbers, or a type its order of bytes."""
    if isinstance(item.value, np.dtype):
        item.value = item.value.newbyteorder("big" if state[1] in (">", b">") else "little")
        return
    _, shape, dtype, fortran, data = state
    item.value = array(data, dtype, shape, "F" if fortran else "C")


def number(dtype: np.dtype) -> np.dtype:
    """The type, if it is one of numbers or booleans."""
    if dtype.kind not in "biuf":
        raise ValueError(f"it has an array of {dtype}")
    return dtype


def array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array of the bytes `data`."""
    dtype = number(expected(dtype, np.dtype))
    if not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple) or len(shape) > 8:
        raise ValueError("it has an array that is no bytes and shape")
    if any(type(n) is not int or not 0 <= n <= LARGEST for n in shape) or expected(order, str) not in ("C", "F"):
        raise ValueError("it has an array of an odd shape or order")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C")
