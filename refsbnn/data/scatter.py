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
def polar(u):
    """Radius and angle of two independent normals (Box and Muller 1958) from the second and third uniform."""
    return math.sqrt(-2.0 * math.log(1.0 - np.float64(u[1]))), 2.0 * math.pi * np.float64(u[2])


@njit(cache=True, nogil=True, error_model="numpy")
def moment(t, late, stretch, deviation, u):
    """The bin of an event that was anywhere in bin `t`, the fourth uniform says where: stretched, late, jittered."""
    if deviation == 0.0 and stretch == 1.0:
        return t + late
    time = (t + np.float64(u[3])) * stretch + late
    if deviation > 0.0:
        radius, angle = polar(u)
        time += deviation * radius * math.sin(angle)
    return np.int64(np.floor(time))


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(
    offsets, bins, units, rows, late, stretch, time_jitter, key, samples, word, step, shift, jitter, drop, size, bits
):  # fmt: skip
    """Bits (batch, steps, words) of the recordings `rows`.

    Parameters
    ----------
    offsets, bins, units : of `Recordings`
    rows, late : (batch,) int64 arrays
        Recordings, and by how many bins all of their events move.
    stretch : (batch,) float64 array
        What their times are multiplied by before.
    time_jitter : float
        Standard deviation in bins of a further move of each event.
    key, samples, word, step
        Address of the draws of single events, as `philox.uniforms` takes it; event e uses the units 4e to 4e + 3.
    shift : (batch,) int64 array
        By how many units all events of a recording move.
    jitter : float
        Standard deviation of a further move of each event by whole units.
    drop : (batch,) float64 array
        Probability that an event is left out.
    size : int
        Number of units; events that leave 0 to size - 1, or the steps, are left out.
    """
    for b in range(len(rows)):
        u = np.zeros(4, np.float32)
        first = offsets[rows[b]]
        for e in range(first, offsets[rows[b] + 1]):
            unit = np.int64(units[e]) + shift[b]
            if jitter > 0.0 or drop[b] > 0.0 or time_jitter > 0.0 or stretch[b] != 1.0:
                uniforms(key, samples[b], word, step, e - first, u)
                if u[0] < drop[b]:
                    continue
                radius, angle = polar(u)
                unit += np.int64(np.rint(jitter * radius * math.cos(angle)))
            t = moment(np.int64(bins[e]), late[b], stretch[b], time_jitter, u)
            if 0 <= t < bits.shape[1] and 0 <= unit < size:
                bits[b, t, unit // WORD] |= np.uint64(1) << np.uint64(unit % WORD)


@njit(cache=True, nogil=True, error_model="numpy")
def place(
    offsets, bins, units, rows, late, stretch, time_jitter, key, samples, word, step,
    moved, rolled, mirrored, corner, side, shape, bits,
):  # fmt: skip
    """As `scatter` for images of `shape` (height, width, channels), whose units are (row, column, channel).

    Parameters
    ----------
    moved, rolled : (batch, 2) int64 arrays
        Pixels down and to the right; what leaves is left out, or comes in again on the other side.
    mirrored : (batch,) bool array
        Left to right, before it moves.
    corner : (batch, 2) int64 array
    side : int
        Top left corner and side of a square that is blanked at the end.
    """
    height, width, channels = shape
    for b in range(len(rows)):
        u = np.zeros(4, np.float32)
        first = offsets[rows[b]]
        for e in range(first, offsets[rows[b] + 1]):
            unit = np.int64(units[e])
            if time_jitter > 0.0 or stretch[b] != 1.0:
                uniforms(key, samples[b], word, step, e - first, u)
            t = moment(np.int64(bins[e]), late[b], stretch[b], time_jitter, u)
            y, x, c = unit // (width * channels), unit // channels % width, unit % channels
            y, x = y + moved[b, 0], (width - 1 - x if mirrored[b] else x) + moved[b, 1]
            if not (0 <= t < bits.shape[1] and 0 <= y < height and 0 <= x < width):
                continue
            y, x = (y + rolled[b, 0]) % height, (x + rolled[b, 1]) % width
            if not (0 <= y - corner[b, 0] < side and 0 <= x - corner[b, 1] < side):
                unit = (y * width + x) * channels + c
                bits[b, t, unit // WORD] |= np.uint64(1) << np.uint64(unit % WORD)


@njit(cache=True, nogil=True, error_model="numpy")
def events(octets, offsets, columns):
    """Offsets and columns of `Events` of shape (steps, batch, size) from the bits as bytes (batch, steps, bytes)."""
    k = 0
    for t in range(octets.shape[1]):
        for b in range(octets.shape[0]):
            for i in range(octets.shape[2]):
                octet = octets[b, t, i]
                if octet != 0:
                    for bit in range(8):
                        if (octet >> bit) & 1:
                            columns[k] = 8 * i + bit
                            k += 1
            offsets[t * octets.shape[0] + b + 1] = k
