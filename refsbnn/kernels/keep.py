"""What a tape keeps of spikes: one bit a unit."""

from typing import Any, NamedTuple

import numpy as np


class Bits(NamedTuple):
    """Bytes 0 and 1 as bits; ``np.asarray(bits)`` is the bytes again.

    Attributes
    ----------
    bits : (ceil(units / 8),) uint8, the first unit in the lowest
    shape : tuple of int, of the bytes
    """

    bits: np.ndarray
    shape: tuple[int, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The bytes, or the numbers 0 and 1 of another type."""
        spikes = np.unpackbits(self.bits, bitorder="little", count=int(np.prod(self.shape))).reshape(self.shape)
        return spikes if dtype is None else spikes.astype(dtype)


def keep(values: Any) -> Any:
    """Spikes as bits; other values, and events, as they are.

    Examples
    --------
    >>> import numpy as np
    >>> kept = keep(np.array([[1, 0, 1]], np.uint8))
    >>> kept.bits, np.asarray(kept)
    (array([5], dtype=uint8), array([[1, 0, 1]], dtype=uint8))
    """
    if not isinstance(values, np.ndarray) or values.dtype not in (np.uint8, np.bool_):
        return values
    return Bits(np.packbits(values, bitorder="little"), values.shape)
