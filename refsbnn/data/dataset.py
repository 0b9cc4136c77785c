"""What training needs of any data set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from refsbnn.draws import CounterDraws
from refsbnn.layers.signal import Signal


class Split(Protocol):
    """One part of a data set.

    Attributes
    ----------
    labels : (n,) int64 array
        Or real targets, (n, outputs) float64.
    """

    @property
    def labels(self) -> np.ndarray: ...

    def batch(self, rows: np.ndarray, draws: CounterDraws) -> Any:
        """The examples `rows`, which may repeat, as `Network.forward` takes them: an array or `Events`.

        What is random (coding, augmentation) is drawn from `draws`, so the same arguments give the same bits.
        """


@dataclass(frozen=True)
class Dataset:
    """A data set in its three parts.

    Attributes
    ----------
    classes : int
    signal : Signal
        What a network takes that takes its batches.
    train, validation, test : Split
        Validation examples are held out from the training data.
    given : callable
        Turns new examples, an array as the data hold theirs, and labels into a `Split`; raises InputError where they do
        not fit.
    """

    classes: int
    signal: Signal
    train: Split
    validation: Split
    test: Split
    given: Callable[[np.ndarray, np.ndarray], Split]
