"""Weights of a convolution as its kernels read them, and memory for what is large (theory 3.6).

Weights are matrices of `width` = parts half columns: the means', padded with zeros to a multiple of sixteen, then the
variances' unless the weights are points.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit, prange

from refsbnn.kernels.conv2d_image import padded
from refsbnn.kernels.simd import LANES
from refsbnn.kernels.winograd import POINTS, filter_transform


def aligned_empty(size: int, dtype: np.dtype) -> np.ndarray:
    """A flat array that starts on a cache line, its entries not set.

    NumPy asks for huge pages where an array is large, compiled code does not: 1.5 us for every 4 KiB that is new.
    """
    block = np.empty(size + LANES, dtype)
    start = -(block.ctypes.data // block.itemsize) % LANES
    return block[start : start + size]


def columns(weights: Sequence[np.ndarray]) -> np.ndarray:
    """mu, and sigma2 unless the weights are points, each (out, kh, kw, in), as (patch * width,)."""
    out = len(weights[0])
    width, size = len(weights) * padded(out), weights[0].size // out
    target = aligned_empty(size * width, weights[0].dtype)
    for part, weight in enumerate(weights):
        _transpose(weight.reshape(out, size), part * padded(out), target.reshape(size, width))
    return target


def turned(weights: Sequence[np.ndarray], *, minimal: bool) -> np.ndarray:
    """The same for the gradient of the input: (kh * kw * width * in padded,).

    Where `minimal`, for a 3x3 filter of stride 1, as `winograd.filter_transform` makes it: (16 * width * in padded,).
    """
    out, kh, kw, channels = weights[0].shape
    shape = (POINTS if minimal else kh * kw, len(weights) * padded(out), padded(channels))
    target = aligned_empty(shape[0] * shape[1] * shape[2], weights[0].dtype)
    for part, weight in enumerate(weights):
        lay = filter_transform if minimal else _copy
        lay(weight.reshape(out, kh * kw, channels), part * padded(out), target.reshape(shape))
    return target


@njit(cache=True, parallel=True, error_model="numpy")
def _transpose(weight, start, target):
    """A part's columns, from `start` on.

    Parameters
    ----------
    weight : (out, patch) float
    start : int
    target : (patch, width) float, overwritten
    """
    out, size = weight.shape
    whole, past = out // LANES * LANES, start + padded(out)
    for block in prange(-(-size // LANES)):
        for begin in range(0, whole, LANES):  # sixteen columns of sixteen rows at a time: both fit the nearest cache
            for k in range(block * LANES, min(size, (block + 1) * LANES)):
                row, column = target[k, start + begin : start + begin + LANES], weight[begin : begin + LANES, k]
                for i in range(LANES):
                    row[i] = column[i]
        for k in range(block * LANES, min(size, (block + 1) * LANES)):
            for o in range(whole, out):
                target[k, start + o] = weight[o, k]
            target[k, start + out : past] = 0.0


@njit(cache=True, parallel=True, error_model="numpy")
def _copy(weight, start, target):
    """A part's rows of each tap, from `start` on.

    Parameters
    ----------
    weight : (out, taps, in) float
    start : int
    target : (taps, width, in padded) float, overwritten
    """
    out, taps, channels = weight.shape
    for o in prange(padded(out)):
        for tap in range(taps):
            target[tap, start + o, :] = 0.0
            if o < out:
                for c in range(channels):
                    target[tap, start + o, c] = weight[o, tap, c]
