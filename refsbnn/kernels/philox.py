"""The uniforms of refsbnn.streams, made inside a kernel: the same bits (theory 6.1)."""

from typing import NamedTuple

import numpy as np
from numba import njit, uint32, uint64

from refsbnn.draws import Uniforms
from refsbnn.errors import InputError
from refsbnn.reference.unit import check_uniforms

GRID = np.float32(2.0**-24)


@njit(cache=True, error_model="numpy")
def uniforms(key, sample, word, step, first, u):
    """Fill u with the uniforms of units 4 first, 4 first + 1, ...

    Parameters
    ----------
    key : uint64, the seed
    sample : int
    word : int, time + 2^16 layer + 2^28 purpose
    step : int
    first : int, number of the first unit, divided by 4
    u : (n,) float32, overwritten; n a multiple of 4
    """
    for i in range(len(u) // 4):
        a, b, c, d = uint32(first + i), uint32(sample), uint32(word), uint32(step)
        x, y = uint32(key), uint32(uint64(key) >> uint64(32))
        for _ in range(10):
            p, q = uint64(0xD2511F53) * uint64(a), uint64(0xCD9E8D57) * uint64(c)
            a, b = uint32(q >> uint64(32)) ^ b ^ x, uint32(q)
            c, d = uint32(p >> uint64(32)) ^ d ^ y, uint32(p)
            x, y = uint32(x + uint32(0x9E3779B9)), uint32(y + uint32(0xBB67AE85))
        u[4 * i] = np.float32(np.int32(a >> uint32(8))) * GRID
        u[4 * i + 1] = np.float32(np.int32(b >> uint32(8))) * GRID
        u[4 * i + 2] = np.float32(np.int32(c >> uint32(8))) * GRID
        u[4 * i + 3] = np.float32(np.int32(d >> uint32(8))) * GRID


class Source(NamedTuple):
    """Where a kernel gets its uniforms: the numbers themselves, or what `uniforms` makes them from.

    Attributes
    ----------
    given : (steps * batch * units,) float32, the numbers; empty if they are to be made
    key : uint64, the seed
    samples : (batch,) int64
    word : int, time + 2^16 layer + 2^28 purpose, time that of the first step
    step : int, of training
    """

    given: np.ndarray
    key: np.uint64
    samples: np.ndarray
    word: int
    step: int


def source(u: np.ndarray | Uniforms, shape: tuple[int, ...]) -> Source:
    """The source of the uniforms `u` of units of the given shape; raises InputError if they do not fit."""
    if not isinstance(u, Uniforms):
        return Source(
            check_uniforms(u, shape).astype(np.float32).reshape(-1), np.uint64(0), np.zeros(0, np.int64), 0, 0
        )
    if u.shape != shape:
        raise InputError(f"u has shape {u.shape}; expected {shape}")
    draws = u.draws
    samples = np.asarray(draws.samples, np.int64)
    return Source(np.zeros(0, np.float32), np.uint64(draws.streams.seed), samples, u.word, draws.step)
