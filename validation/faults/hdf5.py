"""Damage to what an HDF5 file holds: other types and shapes, NaN, claims without content, links, filters."""

import io
from collections.abc import Callable
from random import Random
from typing import Any

import h5py
import numpy as np

from refsbnn import sealed
from validation.faults.damage import Damage, seal, words
from validation.faults.values import json_values

Edit = Callable[[h5py.File, str, Random], None]
KINDS = ("f2", "f4", "f8", ">f8", "i1", "i8", "u2", "u8", "?", "c16", "S3", "V5", "i4,f8")
HUGE = 1 << 40


def names(file: h5py.File, kind: type = h5py.Dataset) -> list[str]:
    """The names of a file's datasets, or groups."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, kind) else None)
    return found


def content_of(file: h5py.File, name: str) -> Any:
    """A dataset's content; some number where it is no longer a dataset."""
    item = file.get(name)
    return item[()] if isinstance(item, h5py.Dataset) else np.arange(4.0)


def put(file: h5py.File, name: str, **options: Any) -> None:
    """A dataset in the place of another one, or of a group; its attributes stay."""
    told = dict(file[name].attrs) if isinstance(file.get(name), h5py.Dataset) else {}
    del file[name]
    file.create_dataset(name, **options)
    for key, value in told.items():
        file[name].attrs[key] = value


def other_type(file: h5py.File, name: str, rng: Random) -> None:
    """Numbers of another type, records, texts, references, lists of lists."""
    shape, kind = np.shape(content_of(file, name)), rng.choice((*KINDS, "text", "reference", "list", "empty"))
    if kind == "text":
        put(file, name, data=np.full(shape, "é" * rng.randrange(4), object), dtype=h5py.string_dtype())
    elif kind == "reference":
        put(file, name, shape=shape, dtype=h5py.ref_dtype)
    elif kind == "list":
        put(file, name, shape=shape, dtype=h5py.vlen_dtype(np.dtype(rng.choice(KINDS[:8]))))
    elif kind == "empty":
        put(file, name, data=h5py.Empty("f8"))
    else:
        put(file, name, data=np.zeros(shape, kind))


def other_shape(file: h5py.File, name: str, rng: Random) -> None:
    """A row more or less, an axis more or less, nothing at all."""
    array = np.asarray(content_of(file, name))
    shapes = [(0,), (), (1,), (*array.shape, 1), array.shape[1:], array.shape[::-1], (2, *array.shape)]
    shapes += [(n, *array.shape[1:]) for n in (0, max(len(array) - 1, 0), len(array) + 1) if array.ndim]
    if array.dtype.kind == "O":
        put(file, name, shape=rng.choice(shapes), dtype=file[name].dtype)
    else:
        put(file, name, data=np.resize(array, rng.choice(shapes)))


def other_numbers(file: h5py.File, name: str, rng: Random) -> None:
    """NaN, infinity and the ends of the type in some places."""
    array = np.array(content_of(file, name))
    if array.dtype.kind not in "iuf" or not array.size:
        return
    ends = (np.finfo if array.dtype.kind == "f" else np.iinfo)(array.dtype)
    odd = [ends.max, ends.min, 0, 1] + ([np.nan, np.inf, -np.inf] if array.dtype.kind == "f" else [])
    for _ in range(rng.choice((1, 3))):
        array.flat[rng.randrange(array.size)] = rng.choice(odd)
    put(file, name, data=array)


def claims(file: h5py.File, name: str, rng: Random) -> None:
    """More than is stored: nothing, one number that stands for all, zeros that pack well, many chunks."""
    kind = np.asarray(content_of(file, name)).dtype
    kind = np.dtype("f8") if kind.kind == "O" else kind
    many = rng.choice((1 << 16, 1 << 22, 1 << 27, HUGE))
    how = rng.randrange(5)
    if how == 0:
        put(file, name, shape=(many,), dtype=kind, chunks=(1 << 16,))
    elif how == 1:
        put(file, name, shape=(many,), dtype=kind, chunks=(1 << 14,), fillvalue=np.ones((), kind)[()])
    elif how == 2:
        put(file, name, data=np.zeros(min(many, 1 << 22), kind), compression=rng.choice(("gzip", "lzf")))
    elif how == 3:
        put(file, name, data=np.zeros(1 << 20, "i4"), scaleoffset=0, chunks=(1 << 20,))
    else:
        for number in range(1 << rng.randrange(8)):
            file.create_dataset(f"{name}.{number}", (1 << 16,), "f8", chunks=(1 << 16,))


def links(file: h5py.File, name: str, rng: Random) -> None:
    """A name that leads elsewhere: into other files, nowhere, round in circles; or data that lie in another file."""
    how = rng.randrange(8)
    del file[name]
    if how == 0:
        file[name] = h5py.ExternalLink(rng.choice(("/etc/passwd", "/dev/zero", "other.h5", "nothing.h5")), "/facts")
    elif how == 1:
        file[name] = h5py.SoftLink(rng.choice(("/nowhere", f"/{name}", "/")))
    elif how == 2:
        file[name] = file["/"]
    elif how == 3:
        file.create_dataset(name, (8,), "u1", external=[("/etc/passwd", 0, 8)])
    elif how == 4:
        layout = h5py.VirtualLayout((8,), "u1")
        layout[:] = h5py.VirtualSource("/etc/passwd", "a", (8,))
        file.create_virtual_dataset(name, layout)
    elif how == 5:
        file[name] = np.dtype("f8")
    elif how == 6:
        file.create_group(name)
    else:
        file[f"{name}_"] = np.arange(3)


def filters(file: h5py.File, name: str, rng: Random) -> None:
    """Stored in another way, which changes no number."""
    array = np.asarray(content_of(file, name))
    if not array.ndim or not array.size or array.dtype.kind == "O":
        return
    ways: tuple[dict[str, Any], ...] = ({"compression": "gzip"}, {"compression": "lzf"}, {"fletcher32": True})
    put(file, name, data=array, chunks=True, **rng.choice(ways), shuffle=rng.random() < 0.5)


def attributes(file: h5py.File, name: str, rng: Random) -> None:
    """Attributes of the dataset or of its groups that are gone, of another type, or changed in a word."""
    above = [part for part in ("/".join(name.split("/")[:n]) for n in range(len(name.split("/")) + 1)) if part in file]
    place = file[rng.choice([*above, *(["meta"] if "meta" in file else [])] or ["/"])]
    for key in list(place.attrs) or ["odd"]:
        if rng.random() < 0.5:
            continue
        value, how = place.attrs.get(key, b"1"), rng.randrange(4)
        if how == 0 and key in place.attrs:
            del place.attrs[key]
        elif how == 1:
            place.attrs[key] = rng.choice((3, 2.5, np.zeros(5), "é", h5py.Empty("S1"), np.zeros((2, 2), "S3")))
        else:
            text = value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, bytes) else b"1"
            place.attrs[key] = np.bytes_(words(text, rng, b"")[:60_000] or b" ")


def facts(file: h5py.File, name: str, rng: Random) -> None:
    """The facts changed in a word or some."""
    if isinstance(file.get("facts"), h5py.Dataset):
        text = file["facts"][()]
        del file["facts"]
        new = (words if rng.random() < 0.2 else json_values)(text if isinstance(text, bytes) else b"{}", rng, b"")
        file["facts"] = new.decode("utf-8", "replace")


EDITS: dict[str, Edit] = {
    "types": other_type, "shapes": other_shape, "NaN": other_numbers, "claims": claims, "links": links,
    "filters": filters, "attributes": attributes,
}  # fmt: skip


def edited(edit: Edit, block: int = 0) -> Damage:
    """The edit of one dataset of a file, sealed again where it has a user block."""

    def damaged(content: bytes, rng: Random, foreign: bytes) -> bytes:
        body = io.BytesIO(content)
        with h5py.File(body, "r+") as file:
            try:
                edit(file, rng.choice(names(file)), rng)
            except (TypeError, ValueError, KeyError, OSError, RuntimeError, OverflowError, AttributeError):
                file["odd"] = h5py.Empty("f8")  # HDF5 does not do this to that dataset
        return seal(body.getvalue()[block:]) if block else body.getvalue()

    return damaged


HDF5: dict[str, Damage] = {name: edited(edit) for name, edit in EDITS.items()}
SEALED: dict[str, Damage] = {
    f"{name}, sealed": edited(edit, sealed.USER_BLOCK)
    for name, edit in {**EDITS, "facts": facts, "more facts": facts, "NaN again": other_numbers}.items()
    if name != "attributes"
}
