"""Damage to a file's bytes, to the words of a text, and to what an HDF5 file holds; drawn from a generator.

Each kind of damage is a function of the content, a generator of random numbers and a foreign file's content.
"""

import re
import struct
from collections.abc import Callable
from random import Random

from refsbnn import sealed

Damage = Callable[[bytes, Random, bytes], bytes]

INTEGERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    32767,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32 - 8,
    2**40,
    2**63 - 1,
    2**64 - 1,
)
FLOATS = (float("nan"), float("inf"), -float("inf"), 1e308, -1e308, 5e-324, -0.0, 1e22, 65504.0)
WORD = re.compile(rb'"[^"\n]*"|[-+]?[0-9][0-9.eE+-]*|[A-Za-z_][A-Za-z0-9_.]*|[][{}=:,\n]')
# What stands in a word's place: numbers that are none, of other types, too large; names that lead elsewhere; brackets.
WORDS = (
    *(b"nan NaN inf -Infinity 1e999 -1 0 -0.0 1e308 1e-320 0.5 true null None 2147483648 9223372036854775808".split()),
    *(b'"" [] {} [[]] "x" "\\u0000" 1979-05-27 , = : "~nobody" "../../../etc/passwd" "/dev/zero" [1] [0.5]'.split()),
    *(b"agr(tau=0.5,tau=1) st trapezoid gs(tau=nan) mlp resnet spiking nmnist numba step sgd point quadratic".split()),
    *(b"9" * 5000, b"1" + b"0" * 400, b"-1" + b"0" * 30, b"0." + b"1" * 5000, b"1e" + b"9" * 30),
    *(
        b"[" * 3000,
        b"(" * 3000,
        b'{"a":' * 3000,
        b"[" * 400 + b"]" * 400,
        b"a." * 3000 + b"a",
        b'"' + b"a" * 5000 + b'"',
    ),
)


def truncated(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Cut at a random place, often near an end."""
    kind = rng.randrange(4)
    if kind == 0:
        return content[: rng.randrange(64)]
    if kind == 1:
        return content[: -rng.randrange(1, 64)]
    return content[: rng.randrange(len(content) + 1)]


def extended(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Followed by random bytes, zeros, or itself."""
    return content + rng.choice((rng.randbytes(rng.randrange(1, 300)), bytes(rng.randrange(1, 5000)), content))


def flipped(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """A bit or some, anywhere or close together."""
    out = bytearray(content)
    count, first = rng.choice((1, 1, 1, 2, 5, 40)), rng.randrange(len(out) + 1)
    for _ in range(count):
        if out:
            place = rng.randrange(len(out)) if rng.random() < 0.7 else min(first + rng.randrange(16), len(out) - 1)
            out[place] ^= 1 << rng.randrange(8)
    return bytes(out)


def spliced(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """A piece left out, doubled, moved, or taken from another file."""
    first, second, third = sorted(rng.randrange(len(content) + 1) for _ in range(3))
    piece, kind = content[first:second], rng.randrange(4)
    if kind == 0:
        return content[:first] + content[second:]
    if kind == 1:
        return content[:second] + piece + content[second:]
    if kind == 2:
        return content[:third] + piece + content[third + len(piece) :]
    start = rng.randrange(len(foreign) + 1)
    piece = foreign[start : start + rng.randrange(1, 400)]
    return content[:first] + piece + content[first + rng.choice((0, len(piece))) :]


def sizes(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Integers of 1 to 8 bytes that may be sizes, counts or addresses: extreme ones in their places."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        code, value = rng.choice("BHIQ"), rng.choice((*INTEGERS, len(content), len(content) - 1, rng.getrandbits(16)))
        packed = struct.pack(rng.choice("<>") + code, value % 2 ** (8 * struct.calcsize(code)))
        place = rng.randrange(max(len(out) - len(packed) + 1, 1))
        out[place : place + len(packed)] = packed
    return bytes(out)


def numbers(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Floats that are none, or extreme, in the place of any."""
    out = bytearray(content)
    for _ in range(rng.choice((1, 3, 20))):
        code = rng.choice("efd")
        try:
            packed = struct.pack(f"<{code}", rng.choice(FLOATS))
        except OverflowError:
            continue
        place = rng.randrange(max(len(out) - len(packed) + 1, 1))
        place -= place % len(packed) if rng.random() < 0.7 else 0
        out[place : place + len(packed)] = packed
    return bytes(out)


def foreign_file(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Another file altogether, nothing, or noise."""
    return rng.choice((foreign, foreign, b"", rng.randbytes(rng.randrange(2000)), bytes(4096)))


def words(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Words of a text in the place of others: wrong types, NaN, huge numbers, odd names, brackets in brackets."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        found = [match.span() for match in WORD.finditer(content)]
        if not found:
            return content
        first, last = rng.choice(found)
        kind = rng.randrange(10)
        if kind < 6:
            new = rng.choice(WORDS)
        elif kind < 8:
            start, end = rng.choice(found)
            new = content[start:end]
        else:
            new = rng.choice((b"", content[first:last] + b" " + content[first:last]))
        content = content[:first] + new + content[last:]
    return content


BYTES: dict[str, Damage] = {
    "truncated": truncated, "extended": extended, "flipped": flipped, "spliced": spliced, "sizes": sizes,
    "numbers": numbers, "another file": foreign_file,
}  # fmt: skip
TEXT: dict[str, Damage] = {
    "truncated": truncated, "flipped": flipped, "spliced": spliced, "another file": foreign_file, "words": words,
}  # fmt: skip


def resealed(damage: Damage) -> Damage:
    """The damage to what a sealed file's checksum covers, with a checksum that is right."""

    def damaged(content: bytes, rng: Random, foreign: bytes) -> bytes:
        return seal(damage(content[sealed.USER_BLOCK :], rng, foreign))

    return damaged


def seal(body: bytes) -> bytes:
    """A sealed file of that body."""
    return sealed.block(body) + body
