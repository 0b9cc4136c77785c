"""Random numbers by counter: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

A draw is a function of (seed, purpose, step, sample, layer, unit, time) and of nothing else (theory 6.1), so the number
of threads, ranks or restarts cannot change it. To reproduce a draw elsewhere:

    key      k0 = seed mod 2^32, k1 = seed div 2^32
    counter  c0 = unit div 4, c1 = sample, c2 = time + 2^16 layer + 2^28 purpose, c3 = step
    word     w = philox4x32-10(counter, key)[unit mod 4]
    uniform  u = (w div 2^8) 2^-24, in [0, 1), exact in float32 and float64
    normal   Phi^-1((w div 2^8 + 1/2) 2^-24), never infinite
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from scipy import special

from refsbnn.errors import InputError

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio and sqrt(3) - 1
ROUNDS = 10
LIMITS = {"purpose": 2**4, "step": 2**32, "layer": 2**12, "time": 2**16}
LOW = np.uint64(0xFFFFFFFF)
HALF_WORD = np.uint64(32)
GRID = 2.0**-24


class Purpose(IntEnum):
    """What a draw is for; draws of different purposes never share a counter.

    Examples
    --------
    >>> Purpose.TRAIN.name
    'TRAIN'
    """

    INITIAL = 0  # initial weights
    ORDER = 1  # order of the examples
    INPUT = 2  # coding of the inputs
    TRAIN = 3  # spikes and readout noise while training
    PREDICT = 4  # the same in evaluation
    WEIGHT = 5  # weight sampling
    AUGMENT = 6  # how training examples are moved


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Philox 4x32-10.

    Parameters
    ----------
    counter : (..., 4) uint32 array
    key : pair of int
        Below 2^32 each.

    Returns
    -------
    (..., 4) uint32 array

    Examples
    --------
    >>> [hex(word) for word in philox(np.zeros(4, np.uint32), (0, 0))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = (counter[..., j].astype(np.uint64) for j in range(4))
    for i in range(ROUNDS):
        k0, k1 = (np.uint64((key[j] + i * WEYL[j]) % 2**32) for j in range(2))
        p0, p1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> HALF_WORD) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF_WORD) ^ c3 ^ k1, p0 & LOW
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


@dataclass(frozen=True)
class Streams:
    """All draws of one seed.

    Parameters
    ----------
    seed : int
        In [0, 2^64).

    Raises
    ------
    InputError
        A seed out of range; in the methods, an address out of range.

    Examples
    --------
    >>> streams, address = Streams(1), {"step": 0, "samples": [0, 1], "layer": 2, "units": 3}
    >>> streams.uniforms(Purpose.TRAIN, **address).shape, streams.normals(Purpose.TRAIN, **address).shape
    ((2, 3), (2, 3))
    >>> words = streams.words(Purpose.TRAIN, **address)
    >>> bool(((words >> 8) / 2**24 == streams.uniforms(Purpose.TRAIN, **address)).all())
    True
    >>> sorted(streams.permutation(4, step=0).tolist())
    [0, 1, 2, 3]
    """

    seed: int

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**64:
            raise InputError(f"seed is {self.seed!r}; expected an integer from 0 to 2^64 - 1")

    def words(
        self,
        purpose: Purpose,
        *,
        step: int = 0,
        samples: Sequence[int] | np.ndarray = (0,),
        layer: int = 0,
        time: int = 0,
        units: int = 1,
    ) -> np.ndarray:
        """The 32-bit words of some samples' units: (samples, units) uint32."""
        for name, value in (("purpose", int(purpose)), ("step", step), ("layer", layer), ("time", time)):
            if not 0 <= value < LIMITS[name]:
                raise InputError(f"{name} is {value}; a draw's {name} lies from 0 to {LIMITS[name] - 1}")
        sample = np.asarray(samples)
        if (
            sample.ndim != 1
            or sample.dtype.kind not in "iu"
            or (sample.size and not 0 <= sample.min() <= sample.max() < 2**32)
        ):
            raise InputError("samples are not a list of integers from 0 to 2^32 - 1")
        if not 0 <= units <= 2**34:
            raise InputError(f"units is {units}; expected 0 to 2^34")
        blocks = -(-units // 4)
        counter = np.empty((len(sample), blocks, 4), np.uint32)
        counter[..., 0] = np.arange(blocks)
        counter[..., 1] = sample[:, None]
        counter[..., 2] = time + (layer << 16) + (int(purpose) << 28)
        counter[..., 3] = step
        return philox(counter, (self.seed % 2**32, self.seed >> 32)).reshape(len(sample), 4 * blocks)[:, :units]

    def uniforms(self, purpose: Purpose, **address: Any) -> np.ndarray:
        """Uniforms in [0, 1) on the 2^-24 grid; address as in `words`. (samples, units) float64."""
        return (self.words(purpose, **address) >> np.uint32(8)) * GRID

    def normals(self, purpose: Purpose, **address: Any) -> np.ndarray:
        """Standard normals; address as in `words`. (samples, units) float64."""
        return special.ndtri(((self.words(purpose, **address) >> np.uint32(8)) + 0.5) * GRID)

    def permutation(self, length: int, *, step: int) -> np.ndarray:
        """The order of `length` examples in epoch `step`: their words sorted, ties by index. (length,) int64."""
        words = self.words(Purpose.ORDER, step=step, units=length)[0]
        return np.argsort(words, kind="stable")
