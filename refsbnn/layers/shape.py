"""Layers that rearrange values: pooling (theory 3.16) and flattening."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from refsbnn.errors import InputError, check_integer
from refsbnn.layers.layer import Layer, Parameters, Pass, Stage, TapeT, expect
from refsbnn.layers.signal import Signal


class ShapeTape(NamedTuple):
    """Of a layer whose gradient asks for nothing else: the shape of its input."""

    shape: tuple[int, ...]


class MaxPoolTape(NamedTuple):
    """Of a max pool: where in its window each maximum stood, and the shape of the input."""

    largest: np.ndarray
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Pool(Layer[TapeT]):
    """What the two poolings share.

    Parameters
    ----------
    size : int
        Height and width of the windows.
    stride : int, optional
        Step between windows; `size` if not given.
    """

    size: int
    stride: int | None = None

    def __post_init__(self) -> None:
        check_integer(f"{self.kind}: size", self.size, 1)
        if self.stride is not None:
            check_integer(f"{self.kind}: stride", self.stride, 1)

    def pooled(self, signal: Signal) -> tuple[int, ...]:
        """Shape of the output; raises InputError if the window does not fit."""
        expect(self, signal, "values", 3)
        rows, columns = ((n - self.size) // (self.stride or self.size) + 1 for n in signal.shape[:2])
        if min(rows, columns) < 1:
            raise InputError(f"{self.kind}: a window of {self.size} does not fit on {signal}")
        return rows, columns, signal.shape[2]


@dataclass(frozen=True)
class AveragePool(Pool[ShapeTape]):
    """Mean over windows; spikes become real values.

    Examples
    --------
    >>> from refsbnn.layers import AveragePool, Signal
    >>> print(AveragePool(2).connect(Signal("values", (8, 8, 3), "binary")))
    real values of shape (4, 4, 3)
    """

    kind: ClassVar[str] = "average_pool"

    def connect(self, signal: Signal) -> Signal:
        return signal.values("real", self.pooled(signal))

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: np.ndarray) -> tuple[np.ndarray, ShapeTape]:
        y = run.backend.pool.average_forward(x, self.size, self.stride).astype(run.dtype, copy=False)
        if x.dtype == np.uint8 and stage.place.input.domain == "bipolar":
            y = y + y - 1  # the bytes 0 and 1 stand for -1 and 1
        return y, ShapeTape(x.shape)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: ShapeTape, g: np.ndarray, penalty: float
    ) -> tuple[np.ndarray, Parameters]:
        return run.backend.pool.average_backward(g, tape.shape, self.size, self.stride), {}


@dataclass(frozen=True)
class MaxPool(Pool[MaxPoolTape]):
    """Largest value of windows: on spikes, whether any of them fired.

    Examples
    --------
    >>> from refsbnn.layers import MaxPool, Signal
    >>> print(MaxPool(2).connect(Signal("values", (8, 8, 3), "binary")))
    binary values of shape (4, 4, 3)
    """

    kind: ClassVar[str] = "max_pool"

    def connect(self, signal: Signal) -> Signal:
        return signal.values(signal.domain, self.pooled(signal))

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: np.ndarray) -> tuple[np.ndarray, MaxPoolTape]:
        y, largest = run.backend.pool.max_forward(x, self.size, self.stride)
        return y, MaxPoolTape(largest, x.shape)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: MaxPoolTape, g: np.ndarray, penalty: float
    ) -> tuple[np.ndarray, Parameters]:
        return run.backend.pool.max_backward(g, tape.largest, tape.shape, self.size, self.stride), {}


@dataclass(frozen=True)
class Flatten(Layer[ShapeTape]):
    """All features on one axis.

    Examples
    --------
    >>> from refsbnn.layers import Flatten, Signal
    >>> print(Flatten().connect(Signal("values", (8, 8, 3), "binary")))
    binary values of shape (192,)
    """

    kind: ClassVar[str] = "flatten"

    @property
    def rearranges(self) -> bool:
        return True

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "values")
        return signal.values(signal.domain, (int(np.prod(signal.shape)),))

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: np.ndarray) -> tuple[np.ndarray, ShapeTape]:
        axes = len(stage.place.input.shape)
        if axes == 1:
            return x, ShapeTape(x.shape)
        return x.reshape(*x.shape[: x.ndim - axes], -1), ShapeTape(x.shape)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: ShapeTape, g: np.ndarray | None, penalty: float
    ) -> tuple[np.ndarray | None, Parameters]:
        return None if g is None else g.reshape(tape.shape), {}
