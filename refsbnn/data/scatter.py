"""From recordings to a batch: every event is moved, or dropped, and set as one bit of its time step.

One thread each: batches are made while a step runs on all of them, and parallel regions must not meet (Numba's own
threads would abort).
"""

import math

import numpy as np
from numba import njit

from refsbnn.kernels.philox import uniforms

WORD = 64


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(offsets, bins, units, rows, late, shift, jitter, drop, key, samples, word, step, size, bits):
    """Bits (batch, steps, words) of the recordings `rows`.

    Parameters
    ----------
    offsets, bins, units : of `Recordings`
    rows, late, shift : (batch,) int64 arrays
        Recordings, and by how many bins and units all of their events move.
    jitter, drop : float
        Standard deviation of a further move of each event by whole units; probability that an event is left out.
    key, samples, word, step
        Address of the draws of single events, as `philox.uniforms` takes it; event e uses the units 4e to 4e + 3.
    size : int
        Number of units; events that leave 0 to size - 1, or the steps, are left out.
    """
    for b in range(len(rows)):
        u = np.zeros(4, np.float32)
        first = offsets[rows[b]]
        for e in range(first, offsets[rows[b] + 1]):
            t, unit = np.int64(bins[e]) + late[b], np.int64(units[e]) + shift[b]
            if jitter > 0.0 or drop > 0.0:
                uniforms(key, samples[b], word, step, e - first, u)
                if u[0] < drop:
                    continue
                radius = math.sqrt(-2.0 * math.log(1.0 - np.float64(u[1])))  # Box and Muller 1958
                unit += np.int64(np.rint(jitter * radius * math.cos(2.0 * math.pi * np.float64(u[2]))))
            if 0 <= t < bits.shape[1] and 0 <= unit < size:
                bits[b, t, unit // WORD] |= np.uint64(1) << np.uint64(unit % WORD)


@njit(cache=True, nogil=True, error_model="numpy")
def place(offsets, bins, units, rows, late, down, right, mirrored, height, width, channels, bits):
    """As `scatter` for images: units are (row, column, channel), moved by pixels and mirrored left to right."""
    for b in range(len(rows)):
        for e in range(offsets[rows[b]], offsets[rows[b] + 1]):
            t, unit = np.int64(bins[e]) + late[b], np.int64(units[e])
            y, x, c = unit // (width * channels), unit // channels % width, unit % channels
            y, x = y + down[b], (width - 1 - x if mirrored[b] else x) + right[b]
            if 0 <= t < bits.shape[1] and 0 <= y < height and 0 <= x < width:
                unit = (y * width + x) * channels + c
                bits[b, t, unit // WORD] |= np.uint64(1) << np.uint64(unit % WORD)


@njit(cache=True, nogil=True, error_model="numpy")
def count(bits, counts):
    """How many bits each step of each recording has: (steps, batch)."""
    for b in range(bits.shape[0]):
        for t in range(bits.shape[1]):
            total = 0
            for word in bits[b, t]:
                while word != 0:
                    word &= word - np.uint64(1)
                    total += 1
            counts[t, b] = total


@njit(cache=True, nogil=True, error_model="numpy")
def events(octets, offsets, columns):
    """Columns of `Events` of shape (steps, batch, size), whose offsets are known; the bits as bytes."""
    batch = octets.shape[0]
    for b in range(batch):
        for t in range(octets.shape[1]):
            k = offsets[t * batch + b]
            for i in range(octets.shape[2]):
                octet = octets[b, t, i]
                if octet != 0:
                    for bit in range(8):
                        if (octet >> bit) & 1:
                            columns[k] = 8 * i + bit
                            k += 1
