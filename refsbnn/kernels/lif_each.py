"""Gradients of the decay and the threshold that each neuron has for itself (theory 3.27, 3.28)."""

import numpy as np
from numba import njit

from refsbnn.kernels.moves import load_values
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, splat, store
from refsbnn.kernels.tasks import run


@njit(cache=True, nogil=True, error_model="numpy")
def sums(path, neuron, start, sent, out):
    """Sums over steps and samples: sixteen neurons a task, samples in order and then steps.

    Parameters
    ----------
    path : Path
    neuron : Neuron, beta and theta of each neuron
    start : Start, its M and V as wide
    sent : Sent, what `gradients` left
    out : (2, width) float64, zero; added to: of beta, of theta
    """
    run(_sums_of, path.M.shape[2] // LANES, (path, neuron, start, sent, out))


@njit(cache=True, error_model="numpy")
def _sums_of(block, path, neuron, start, sent, out):
    """Neurons of vector `block`.

    Parameters
    ----------
    block : int
    path : Path
    neuron : Neuron
    start : Start
    sent : Sent
    out : (2, width) float64
    """
    M, V, h = path
    i = block * LANES
    T, batch, width = M.shape
    units = h.shape[2]
    carried = neuron.accumulate and len(V) > 0
    one = M.dtype.type(1)
    ones, zero, beta = splat(one), splat(one - one), load(neuron.beta, i)
    end, step = np.zeros(LANES, h.dtype), aligned_zeros(2 * LANES, M.dtype)
    at_gm, at_gv, at_unit = address(sent.m), address(sent.v), address(sent.unit)
    for t in range(T):
        decay, threshold = zero, zero
        for b in range(batch):
            own = (t * batch + b) * width + i
            threshold = threshold - load(at_unit, own)  # theory 3.28
            if t == 0 and len(start.M) == 0:
                continue
            last, row = ((t - 1) * batch + b) * width + i, ((t - 1) * batch + b) * units + i
            at_M, at_V, at_h, last_h = address(M), address(V), address(h), h[t - 1, b]
            if t == 0:
                last, row = b * width + i, b * units + i
                at_M, at_V, at_h, last_h = address(start.M), address(start.V), address(start.z), start.z[b]
            if i + LANES <= units:
                z = load_values(at_h, row, zero)
            else:
                end[: units - i] = last_h[i:]
                z = load_values(end, 0, zero)
            keep = ones - z if neuron.hard else ones
            dM = load(at_gm, own)
            decay = decay + keep * load(at_M, last) * dM  # theory 3.27
            if carried:
                decay = decay + (beta + beta) * keep * load(at_V, last) * load(at_gv, own)  # theory 3.27
            if not neuron.hard:
                threshold = threshold - z * dM  # theory 3.28
        store(step, 0, decay)
        store(step, LANES, threshold)
        for k in range(LANES):
            out[0, i + k] += step[k]
            out[1, i + k] += step[LANES + k]
