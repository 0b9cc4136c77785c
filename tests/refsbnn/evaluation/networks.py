"""Small networks that between them hold every kind of layer, and inputs for them."""

import numpy as np

from refsbnn.events import Events
from refsbnn.layers import (
    LIF,
    AveragePool,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    LeakyReadout,
    MaxPool,
    Residual,
    SampledReadout,
    Signal,
    Spike,
)
from refsbnn.network import Network

CLASSES = 3
LAYERS: dict[str, tuple[list[Layer], Signal]] = {
    "dense": ([Dense(7), Spike(), Dense(5), Spike(), Dense(CLASSES), SampledReadout()], Signal("values", (6,))),
    "bipolar": ([Dense(7), Spike(domain="bipolar"), Dense(CLASSES), SampledReadout()], Signal("values", (6,))),
    "convolution": (
        [
            Conv2d(3, padding=1, stride=2),
            Spike(),
            Conv2d(4, size=2),
            Spike(),
            MaxPool(2),
            Flatten(),
            Dense(CLASSES),
            SampledReadout(),
        ],
        Signal("values", (7, 6, 2)),
    ),
    "residual": (
        [
            Conv2d(2, padding=1),
            Residual((Spike(), Conv2d(3, padding=1), Spike(), Conv2d(2, padding=1)), scale=0.5),
            Spike(),
            AveragePool(2),
            Flatten(),
            Dense(CLASSES),
            SampledReadout(),
        ],
        Signal("values", (4, 4, 1)),
    ),
    "spiking": (
        [Dense(8), LIF(recurrent=True), Dense(6), LIF(), Dense(CLASSES), LeakyReadout(), SampledReadout()],
        Signal("values", (9,), "binary", 5),
    ),
}


class Rows:
    """Inputs in memory: examples first, or second where there is time; spikes as events if asked."""

    def __init__(self, x: np.ndarray, signal: Signal, events: bool = False) -> None:
        self.x, self.axis, self.events = x, 0 if signal.steps is None else 1, events

    def batch(self, rows: np.ndarray, draws: object) -> np.ndarray | Events:
        x = np.take(self.x, rows, axis=self.axis)
        return Events.of(x) if self.events else x


def build(name: str, examples: int, backend: str = "numpy", dtype: str = "float64") -> tuple[Network, Rows]:
    """A network, and random inputs for it."""
    layers, signal = LAYERS[name]
    random = np.random.default_rng(5)
    if signal.steps is None:
        x = random.normal(size=(examples, *signal.shape))
    else:
        x = (random.random((signal.steps, examples, *signal.shape)) < 0.4).astype(np.uint8)
    events = signal.steps is not None and backend == "numba"
    return Network(layers, signal, backend=backend, dtype=dtype), Rows(x, signal, events)
