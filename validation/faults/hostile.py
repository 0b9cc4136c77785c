"""Files made to harm: code in pickles, archives that write elsewhere, bombs, files that are no files.

Each is a function of the file's path, its valid content and a generator; none of them may be accepted.
"""

import gzip
import io
import os
import pickle
import pickletools
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import h5py
import numpy as np

from validation.faults.corpus import table
from validation.faults.damage import flipped, seal, sizes, spliced, truncated, words

Hostile = Callable[[Path, bytes, Random], None]
CANARY = "refsbnn-canary"  # the file that hostile code and archives try to make, outside the folder
LARGE = 3 << 19  # bytes of files that would cost many times their size
HEAD = b"\x80\x02"


def written(content: Callable[[bytes, Random], bytes]) -> Hostile:
    """A hostile content as a hostile file."""

    def make(path: Path, valid: bytes, rng: Random) -> None:
        path.write_bytes(content(valid, rng))

    return make


# Files that are no files.
def device(path: Path, valid: bytes, rng: Random) -> None:
    """A link to a device that never ends, or to another one."""
    path.unlink()
    path.symlink_to(rng.choice(("/dev/zero", "/dev/urandom", "/dev/null", "/dev/tty")))


def pipe(path: Path, valid: bytes, rng: Random) -> None:
    """A pipe into which nobody writes."""
    path.unlink()
    os.mkfifo(path)


def nowhere(path: Path, valid: bytes, rng: Random) -> None:
    """A link to nothing, to itself, to a folder, to a process's memory; a folder."""
    path.unlink()
    where = rng.choice(("nothing", path.name, "..", "/proc/self/mem", "/"))
    if rng.random() < 0.2:
        path.mkdir()
    else:
        path.symlink_to(where)


NO_FILES: dict[str, Hostile] = {"a device": device, "a pipe": pipe, "nowhere": nowhere}


# Pickles.
def call() -> list[object]:
    """Objects whose pickles make a file when they are read as Python reads them."""
    canary = f"{tempfile.gettempdir()}/{CANARY}"
    command = f"touch {canary}"

    class Code:
        def __init__(self, function: object, *arguments: object) -> None:
            self.told = function, arguments

        def __reduce__(self) -> tuple[object, ...]:
            return self.told

    return [
        Code(os.system, command),
        Code(eval, f"__import__('os').system({command!r})"),
        Code(exec, f"open({canary!r}, 'w')"),
        Code(open, canary, "w"),
        Code(__import__, "os"),
        Code(np.load, "/etc/passwd"),
    ]


def code(path: Path, valid: bytes, rng: Random) -> None:
    """A pickle that calls, alone or inside what a batch holds."""
    one: object = rng.choice(call())
    if rng.random() < 0.6:
        one = {b"data": one, b"labels": [1]} if rng.random() < 0.5 else {b"data": np.zeros((1, 3)), b"labels": [one]}
    path.write_bytes(pickle.dumps(one, protocol=rng.randrange(6)))


def opcodes(valid: bytes, rng: Random) -> bytes:
    """A valid pickle with instructions left out, doubled, moved, or put in; it ends where it did, or not."""
    places = [place for _, _, place in pickletools.genops(valid)] + [len(valid)]
    parts = [valid[a:b] for a, b in pairwise(places)]
    own = [op.code.encode("latin-1") for op in pickletools.opcodes]
    for _ in range(rng.choice((1, 2, 5, 30))):
        place, kind = rng.randrange(len(parts)), rng.randrange(4)
        if kind == 0 and len(parts) > 2:
            del parts[place]
        elif kind == 1:
            parts.insert(place, rng.choice(parts))
        elif kind == 2:
            parts.insert(place, rng.choice(own) + rng.randbytes(rng.randrange(6)))
        else:
            parts[place] = rng.choice(
                (b"N", b"]", b"}", b")", b"K\xff", b"0", b"2", b"q\x00h\x00\x86" * 30, b"(d", b"a")
            )
    return b"".join(parts)


def many_instructions(valid: bytes, rng: Random) -> bytes:
    """Millions of instructions of a byte, each of which makes an object."""
    return HEAD + rng.choice((b"}", b"N", b"]", b"(", b"N\x85")) * LARGE + b"."


# Arrays.
def objects(valid: bytes, rng: Random) -> bytes:
    """An array of Python objects, which is a pickle inside."""
    content = io.BytesIO()
    np.save(content, np.array([{}, 1], object), allow_pickle=True)
    return content.getvalue()


def zipped_objects(valid: bytes, rng: Random) -> bytes:
    """The same in an .npz."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("1.dense.mu.npy", objects(valid, rng))
    return content.getvalue()


def header(valid: bytes, rng: Random) -> bytes:
    """A header that claims what is not there, or is no header."""
    texts = (
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({rng.choice((1 << 40, 1 << 62, 10**30))}, 4)}}",
        "{'descr': '|V1000000000', 'fortran_order': False, 'shape': (1, 4)}",
        "{'descr': [('a', '<f8')] * 1000000, 'fortran_order': False, 'shape': (1, 4)}",
        "__import__('os').system('true')", "(" * 5000, "'" + "a" * 60000, "{" * 200, "9" * 5000,
    )  # fmt: skip
    text = rng.choice(texts).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + valid[128:]


def overlapping(valid: bytes, rng: Random) -> bytes:
    """An .npz in which hundreds of names stand for the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        array = io.BytesIO()
        np.save(array, np.zeros(1 << 17))
        archive.writestr("a.npy", array.getvalue())
    whole = content.getvalue()
    end = whole.rfind(b"PK\5\6")
    first = struct.unpack("<I", whole[end + 16 : end + 20])[0]
    entry, count = whole[first:end], rng.choice((50, 500))
    entries = b"".join(entry.replace(b"a.npy", b"%05d" % number) for number in range(count))
    tail = struct.pack("<HHIIH", count, count, len(entries), first, 0)
    return whole[:first] + entries + whole[end : end + 8] + tail


# Texts.
def brackets(valid: bytes, rng: Random) -> bytes:
    """Brackets in brackets, or very many of them."""
    return rng.choice((b"[" * 100_000, b'{"a":' * 50_000, b"[" + b"[]," * 200_000 + b"[]]", b"a = " + b"[" * 50_000))


def digits(valid: bytes, rng: Random) -> bytes:
    """Integers of thousands of digits, or far beyond a float."""
    number = rng.choice((b"9" * 5000, b"9" * 4000, b"1" + b"0" * 310))
    return rng.choice((b'{"refsbnn": %s}', b"seed = %s", b"[training]\nrate = %s", b"[training]\nclip = %s")) % number


def dots(valid: bytes, rng: Random) -> bytes:
    """A key of thousands of parts, in a value or before one; sections in sections."""
    deep = b".".join([b"a"] * rng.choice((2000, 20_000)))
    return rng.choice((b"%s = 1", b"a = { %s = 1 }", b"[%s]", b"[[%s]]", b'a = [{ %s = "x" }]')) % deep


def long_text(valid: bytes, rng: Random) -> bytes:
    """Millions of comments, or a value of millions of letters."""
    return rng.choice((b"#\n" * LARGE, b'seed = "' + b"x" * LARGE + b'"', b"a = [" + b"1," * LARGE + b"1]"))


def long_table(valid: bytes, rng: Random) -> bytes:
    """A record of very many rows, of one column that no run has."""
    return table(300_000)


# Archives.
def tarred(valid: bytes, rng: Random) -> bytes:
    """Members that lie elsewhere, links that lead elsewhere, devices, other packings, headers without end."""
    out, how = io.BytesIO(), rng.randrange(9)
    mode = {6: "w:bz2", 7: "w:xz"}.get(how, "w:gz")
    with tarfile.open(fileobj=out, mode=mode) as tar:  # type: ignore[call-overload]
        member = tarfile.TarInfo(rng.choice((f"../../{CANARY}", f"SET/../../{CANARY}", f"../{CANARY}")))
        if how == 1:
            member.name = "SET/link"
            member.type, member.linkname = tarfile.SYMTYPE, rng.choice(("/etc", "../..", "link", "/dev/zero", "a"))
        elif how == 2:
            member.type, member.linkname = tarfile.LNKTYPE, "/etc/passwd"
        elif how == 3:
            member.type = rng.choice((tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE))
        elif how == 4:
            tar.addfile(link := tarfile.TarInfo("SET"), None) if rng.random() < 0.3 else None
            link = tarfile.TarInfo("SET/up")
            link.type, link.linkname = tarfile.SYMTYPE, "../.."
            tar.addfile(link)
            member.name = f"SET/up/{CANARY}"
        elif how == 5:
            member.pax_headers = {"comment": "x" * LARGE}
        member.size = 2 if member.type == tarfile.REGTYPE else 0
        tar.addfile(member, io.BytesIO(b"no"))
    return out.getvalue()


def inside_tar(content: bytes, rng: Random, foreign: bytes) -> bytes:
    """Damage to a tar inside its packing; a header's checksum is right again, or not."""
    tar = bytearray(rng.choice((flipped, spliced, sizes, truncated, words))(gzip.decompress(content), rng, foreign))
    for first in (0, 1536) if rng.random() < 0.8 else ():
        block = tar[first : first + 512]
        if len(block) == 512:
            block[148:156] = b" " * 8
            tar[first + 148 : first + 156] = b"%06o\0 " % sum(block)
    return gzip.compress(bytes(tar))


def sparse(valid: bytes, rng: Random) -> bytes:
    """Headers of a tar that claim 8 GiB: of a file, a long name, a comment, a map of holes."""
    kind = rng.choice((tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_SPARSE))
    member = tarfile.TarInfo("SET/a.bin")
    member.size, member.type = 1 << 33, kind
    block = member.tobuf(tarfile.GNU_FORMAT)
    body = rng.choice((b"", bytes(512), b"9" * 600 + b"=", b"1000000000 a=b\n"))
    return gzip.compress(block + body + bytes(rng.choice((0, 1024, 1 << 20))))


def zipped(valid: bytes, rng: Random) -> bytes:
    """The same as a zip, with names that some systems take for others; claims, odd packings."""
    out = io.BytesIO()
    names = (
        f"../../{CANARY}",
        f"{tempfile.gettempdir()}/{CANARY}",
        f"..\\{CANARY}",
        "SET/" + "a" * 300,
        "SET/\x00a",
        "a" * 70_000 + "/b",
    )
    with zipfile.ZipFile(out, "w") as archive:
        one = zipfile.ZipInfo(rng.choice(names)[:65_000])
        if rng.random() < 0.3:
            one.external_attr = 0o120777 << 16  # a symbolic link
        archive.writestr(one, b"/etc/passwd", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
    return out.getvalue()


# HDF5.
def heap(valid: bytes, rng: Random) -> bytes:
    """Lists of numbers whose recordings all stand for the same stored one."""
    body = io.BytesIO()
    count, long = 4000, 1 << 16
    with h5py.File(body, "w") as file:
        for name, kind in (("spikes/times", "f2"), ("spikes/units", "u2")):
            lists = file.create_dataset(name, (count,), h5py.vlen_dtype(np.dtype(kind)))
            lists[0] = np.arange(long) % 700 if kind == "u2" else np.linspace(0.0, 1.0, long)
            address, first = lists.id.get_offset(), lists[0]
            assert len(first) == long
            place = address
        file["labels"] = np.zeros(count, "u2")
        starts = [file[name].id.get_offset() for name in ("spikes/times", "spikes/units")]
    content = bytearray(body.getvalue())
    for place in starts:
        content[place : place + 16 * count] = bytes(content[place : place + 16]) * count
    return bytes(content)


def fact_bomb(valid: bytes, rng: Random) -> bytes:
    """A sealed file whose facts claim a gigabyte, or lie in other files."""
    body, how = io.BytesIO(), rng.randrange(3)
    with h5py.File(body, "w", userblock_size=512) as file:
        if how == 0:
            file.create_dataset("facts", (1 << 30,), "S1", chunks=(1 << 20,), fillvalue=b"a")
        elif how == 1:
            file["facts"] = h5py.ExternalLink("/dev/zero", "facts")
        else:
            file["facts"] = "{}"
            for number in range(200):
                file.create_dataset(f"a{number}", (1 << 17,), "f8", chunks=(1 << 17,), fillvalue=1.0)
    return seal(body.getvalue()[512:])
