"""Pooling of what a layer reads (theory 3.16): a fixed map of spikes before its weights, and its adjoint."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from oracle.errors import InputError, choice


class Pool(NamedTuple):
    """Windows of `size` x `size` over (height, width, channels), `stride` apart (None: `size`).

    kind : "average", whose values are real numbers, or "max", whose values are of the domain of what is pooled.

    Examples
    --------
    >>> import oracle
    >>> oracle.Pool("max", height=4, width=4, channels=3, size=2).shape
    (2, 2, 3)
    """

    kind: str
    height: int
    width: int
    channels: int
    size: int
    stride: int | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of what comes out."""
        rows, columns = ((n - self.size) // (self.stride or self.size) + 1 for n in (self.height, self.width))
        return rows, columns, self.channels


@lru_cache(maxsize=64)
def windows(pool: Pool) -> np.ndarray:
    """Places in the flattened image of each window's numbers, in row order: (outputs, size * size)."""
    step = pool.stride or pool.size
    places = np.arange(pool.height * pool.width * pool.channels).reshape(pool.height, pool.width, pool.channels)
    rows, columns, _ = pool.shape
    found = [
        places[step * y : step * y + pool.size, step * x : step * x + pool.size, c].ravel()
        for y, x, c in np.ndindex(rows, columns, pool.channels)
    ]
    return np.array(found)


def forward(pool: Pool, y: np.ndarray) -> np.ndarray:
    """(states, units) to (states, outputs). The largest of complex numbers is that of the largest real part."""
    seen = y[:, windows(pool)]
    if pool.kind == "average":
        return seen.mean(axis=-1)
    return np.take_along_axis(seen, seen.real.argmax(axis=-1)[..., None], axis=-1)[..., 0]


def pull(pool: Pool, y: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Adjoint of `forward` at y; of equal maxima the first gets the cotangent."""
    places = windows(pool)
    seen = y[:, places]
    if pool.kind == "average":
        shares = np.full(seen.shape, 1.0 / places.shape[1])
    else:
        shares = (np.arange(places.shape[1]) == seen.argmax(axis=-1)[..., None]).astype(np.float64)
    out = np.zeros(y.shape)
    np.add.at(out.T, places, np.moveaxis(g[..., None] * shares, 0, -1))
    return out


def check(name: str, pool: Any, width: int) -> int:
    """Raise `InputError` unless `pool` fits `width` units; returns how many numbers come out."""
    if not isinstance(pool, Pool):
        raise InputError(f"{name} is a {type(pool).__name__}; expected a Pool")
    choice(f"{name}.kind", pool.kind, ("average", "max"))
    numbers = {field: value for field, value in pool._asdict().items() if field != "kind" and value is not None}
    for field, value in numbers.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"{name}.{field} is {value!r}; expected an integer >= 1")
    if pool.height * pool.width * pool.channels != width:
        raise InputError(f"{name} pools {pool.height} x {pool.width} x {pool.channels}; what is read has {width} units")
    if pool.size > min(pool.height, pool.width):
        raise InputError(f"{name} has windows of {pool.size}, which do not fit on {pool.height} x {pool.width}")
    return int(np.prod(pool.shape))
