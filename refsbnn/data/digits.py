"""The UCI 8x8 handwritten digits, embedded in the package.

1,797 images of ten digits, 8x8 pixels of 0 to 16: the test part of "Optical Recognition of Handwritten Digits",
E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49 (CC BY 4.0).
"""

import hashlib
import io
from dataclasses import dataclass
from importlib import resources

import numpy as np

from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.data.record import Record
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.layers.signal import Signal
from refsbnn.ranks import ALONE, Ranks
from refsbnn.streams import Purpose, Streams

SHA256 = "78a85852f7f6b2b5d209ab9b246a3f6783ba99bf264099704d8725980b7e0b97"
DARKEST = 16.0  # the largest pixel value
SHAPE = (8, 8, 1)
TEST, VALIDATION = 360, 287  # images; the other 1,150 are for training


def load() -> "tuple[Coded, Coded, Coded]":
    """The digits, scaled to [0, 1]: training, validation (held out from training data) and test parts.

    The images are put in the order of a fixed permutation (seed 0 of refsbnn.streams); the last 360 are the test part,
    the 287 before them the validation part. Writers are mixed over the parts: the file does not name them.

    Returns
    -------
    tuple of Coded
        x (n, 8, 8, 1) float64, labels (n,) int64, not coded.

    Raises
    ------
    InputError
        The embedded file is damaged.

    Examples
    --------
    >>> [part.x.shape for part in load()]
    [(1150, 8, 8, 1), (287, 8, 8, 1), (360, 8, 8, 1)]
    """
    packed = resources.files("refsbnn.data").joinpath("digits.npz").read_bytes()
    if hashlib.sha256(packed).hexdigest() != SHA256:
        raise InputError("refsbnn/data/digits.npz is damaged (checksum differs); install refsbnn again")
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        order = Streams(0).permutation(len(arrays["labels"]), step=0)
        x = arrays["images"][order, :, :, None] / DARKEST
        labels = arrays["labels"][order].astype(np.int64)
    first, last = len(x) - TEST - VALIDATION, len(x) - TEST
    return Coded(x[:first], labels[:first]), Coded(x[first:last], labels[first:last]), Coded(x[last:], labels[last:])


@dataclass(frozen=True)
class Coded:
    """Examples in memory, turned into spikes anew for every batch.

    Attributes
    ----------
    x : (n, ...) array
    labels : (n,) int64 array
    coding : {"none", "rate", "latency"}
        "none" gives x as it is, the others spikes (steps, batch, features) as `encode`.
    steps : int
    """

    x: np.ndarray
    labels: np.ndarray
    coding: str = "none"
    steps: int = 0

    def batch(self, rows: np.ndarray, draws: CounterDraws) -> np.ndarray:
        """The examples `rows` as the network takes them."""
        x = self.x[rows]
        if self.coding == "none":
            return x
        flat = x.reshape(len(x), -1)
        u = None
        if self.coding == "rate":
            inputs = CounterDraws(draws.streams, Purpose.INPUT, draws.step, draws.samples)
            u = inputs.uniforms(0, flat.shape[1:], steps=self.steps)
        return encode(flat, self.coding, self.steps, u)


@dataclass(frozen=True)
class Digits(Record):
    """The digits as training takes them, coded as `Coded` says."""

    def signal(self, options: Data) -> Signal:
        """An image, or its pixels as spikes."""
        if options.coding == "none":
            return Signal("values", SHAPE)
        return Signal("values", (int(np.prod(SHAPE)),), "binary", options.steps)

    def load(self, options: Data, *, fresh: bool = False, ranks: Ranks = ALONE) -> Dataset:
        """The digits in their parts; there is no file but the embedded one."""

        def given(x: np.ndarray, labels: np.ndarray) -> Coded:
            if x.shape[1:] != SHAPE:
                raise InputError(f"x has shape {x.shape}; digits are (n, {', '.join(map(str, SHAPE))})")
            return Coded(x, labels, options.coding, options.steps)

        train, validation, test = (given(part.x, part.labels) for part in load())
        return Dataset(self.classes, self.signal(options), train, validation, test, given)


DIGITS = Digits("digits", keys=("coding", "steps"), classes=10, counts=(1437, TEST))


def encode(x: np.ndarray, coding: str, steps: int, u: np.ndarray | None = None) -> np.ndarray:
    """Turn intensities into spike trains.

    Parameters
    ----------
    x : (batch, features) array
        Intensities in [0, 1].
    coding : {"rate", "latency"}
        "rate": an independent spike at each step with probability x, from the uniforms `u`.
        "latency": one spike per input at step floor((1 - x) * steps), none where x = 0; draws nothing.
    steps : int
    u : (steps, batch, features) array, optional
        Uniforms in [0, 1), for "rate".

    Returns
    -------
    (steps, batch, features) float64 array of 0 and 1

    Raises
    ------
    InputError
        Unknown coding, steps below 1, intensities outside [0, 1], or uniforms missing.

    Examples
    --------
    >>> encode(np.array([[1.0, 0.5, 0.0]]), "latency", 2)[:, 0]
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    if steps < 1:
        raise InputError(f"steps is {steps}; expected at least 1")
    if not ((x >= 0.0) & (x <= 1.0)).all():
        raise InputError(f"intensities run from {x.min():g} to {x.max():g}; expected [0, 1]")
    if coding == "latency":
        when = np.where(x > 0.0, np.minimum(np.floor((1.0 - x) * steps), steps - 1), steps)
        return (np.arange(steps)[:, None, None] == when).astype(np.float64)
    if coding != "rate":
        raise InputError(f"coding is {coding!r}; accepted: 'rate', 'latency'")
    if u is None or u.shape != (steps, *x.shape):
        raise InputError(f"rate coding needs uniforms of shape {(steps, *x.shape)}")
    return (u < x).astype(np.float64)
