"""The two networks that are timed, and their inputs, which every contestant gets alike."""

from typing import NamedTuple

import numpy as np

from refsbnn.errors import check_choice


class Shd(NamedTuple):
    """Case a: a recurrent spiking network on spoken digits, steps of 14 ms."""

    batch: int = 128
    steps: int = 100
    inputs: int = 700
    density: float = 0.06  # about that of the Heidelberg digits at 14 ms
    hidden: int = 256
    classes: int = 20
    beta: float = 0.9
    readout_beta: float = 0.95
    theta: float = 1.0
    rate: float = 1e-3
    examples: int = 8156  # of the Heidelberg training file, for the epoch

    def batch_of(self) -> tuple[np.ndarray, np.ndarray]:
        """Spikes (steps, batch, inputs) as bytes, and labels."""
        rng = np.random.default_rng(0)
        x = rng.random((self.steps, self.batch, self.inputs), np.float32) < self.density
        return x.view(np.uint8), rng.integers(0, self.classes, self.batch)


class Cifar(NamedTuple):
    """Case b: a residual stream of noisy binary convolutions without normalisation."""

    batch: int = 64
    size: int = 32
    width: int = 64
    layers: int = 20  # convolutions: a stem and 19 blocks
    classes: int = 10
    scale: float = 0.25
    rate: float = 1e-3
    examples: int = 50000

    def batch_of(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (batch, height, width, 3) as float32, and labels."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(self.batch, self.size, self.size, 3)).astype(np.float32)
        return x, rng.integers(0, self.classes, self.batch)


SMALL: dict[str, Shd | Cifar] = {
    "a": Shd(batch=4, steps=5, inputs=30, hidden=8, classes=3, examples=8),
    "b": Cifar(batch=2, size=8, width=8, layers=3, examples=4),
}
CASES: dict[str, Shd | Cifar] = {"a": Shd(), "b": Cifar()}


def case_of(name: str, small: bool = False) -> Shd | Cifar:
    """A case by its letter; the small one is for trying things out."""
    check_choice("case", name, CASES)
    return SMALL[name] if small else CASES[name]
