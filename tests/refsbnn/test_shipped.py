"""Whole networks of the shipped configurations: the numba backend is the numpy backend, in both types, in pieces too.

Widths, pixels and steps are those of training, but for the steps of DVS Gesture, so that they lie above the sizes at
which kernels cut their work; batches are small.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pytest

from refsbnn import noise, reference
from refsbnn.draws import CounterDraws, GivenDraws
from refsbnn.events import Events
from refsbnn.layers import Signal
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from refsbnn.training.config import Config, load, shipped
from tests.refsbnn.kernels.common import clear_of

# By data set: shape of an example, whether it is spikes, classes.
DATA = {
    "digits": ((8, 8, 1), False, 10),
    "cifar10": ((32, 32, 3), False, 10),
    "nmnist": ((17, 17, 2), True, 10),
    "dvs_gesture": ((32, 32, 2), True, 11),
    "shd": ((700,), True, 20),
}
CUT = {"dvs_gesture_conv": ["data.steps=8"]}  # of 60
BATCH = 3
# How far a uniform stays from its unit's probability, four times what single layers are given: errors of float32 add
# up over layers and steps, and one spike that fell the other way would be another network's.
MARGIN = 2.0**-10
# How else than at once in its own type a network runs: with time, also in pieces that do not divide its steps.
WAYS = [("float64", {}), ("float32", {}), ("float32", {"recompute": 2})]
PIECES = [("float64", {"chunk": 3}), ("float32", {"chunk": 7}), ("float32", {"chunk": 5, "recompute": 1})]


@dataclass(frozen=True)
class Recorded(CounterDraws):
    """Draws by counter that keep what they gave, to be moved and given again."""

    spikes: dict[int, np.ndarray] = field(default_factory=dict)
    readouts: dict[int, np.ndarray] = field(default_factory=dict)

    def address(self, layer: int, shape: tuple[int, ...], *, steps: int | None = None) -> np.ndarray:
        return self.spikes.setdefault(layer, self.uniforms(layer, shape, steps=steps))

    def normals(self, layer: int, shape: tuple[int, ...]) -> np.ndarray:
        return self.readouts.setdefault(layer, super().normals(layer, shape))


def keep_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the reference's units move their uniforms, in place, away from where rounding decides."""
    units, neurons = reference.unit.forward, reference.lif.forward

    def unit_forward(m, v, u, **options):
        s = np.sqrt(1.0 if v is None else v)
        u[...] = clear_of(u, lambda _: noise.get(options["noise"]).cdf(m / s), MARGIN)
        return units(m, v, u, **options)

    def lif_forward(m, v, u, *args, **options):
        def probability(u):
            _, tape = neurons(m, v, u, *args, **options)
            s = np.sqrt(1.0 if v is None else tape.V)
            return noise.get(options["noise"]).cdf((tape.M - options["theta"]) / s)

        u[...] = clear_of(u, probability, MARGIN)
        return neurons(m, v, u, *args, **options)

    monkeypatch.setattr(reference.unit, "forward", unit_forward)
    monkeypatch.setattr(reference.lif, "forward", lif_forward)


@dataclass
class Case:
    """A network on the reference, and what came of one step: what every other way to run it has to give."""

    config: Config
    signal: Signal
    classes: int
    x: np.ndarray
    g: np.ndarray
    draws: GivenDraws
    parameters: dict[str, np.ndarray]
    logits: np.ndarray
    gradients: dict[str, np.ndarray]
    dx: np.ndarray


def network(config: Config, classes: int, signal: Signal, **options) -> Network:
    return Network(config.model.layers(classes), signal, **options)


@lru_cache(maxsize=1)  # tests come by name
def case_of(name: str) -> Case:
    config = load(name, CUT.get(name, []))
    shape, spikes, classes = DATA[config.data.name]
    steps = config.data.steps or None
    signal = Signal("values", shape, "binary" if spikes or steps else "real", steps)
    rng = np.random.default_rng(shipped().index(name))
    size = (*(() if steps is None else (steps,)), BATCH, *shape)
    x = rng.normal(size=size) if steps is None else (rng.random(size) < 0.1).astype(np.uint8)
    net = network(config, classes, signal)
    parameters = net.initial(Streams(1))
    # Not as they begin: variances that differ from weight to weight.
    parameters = {k: p + 0.3 * rng.normal(size=p.shape) * (k.endswith("rho")) for k, p in parameters.items()}
    draws = Recorded(Streams(1), Purpose.TRAIN, 0, np.arange(BATCH))
    with pytest.MonkeyPatch.context() as patch:
        keep_clear(patch)
        logits, tape = net.forward(parameters, x, draws)
    assert all(0.0 < seen.rate < 1.0 for seen in net.monitors(tape))
    g = rng.normal(size=logits.shape)
    gradients, dx = net.backward(parameters, tape, g, penalty=0.01)
    given = GivenDraws(BATCH, draws.spikes, draws.readouts)
    return Case(config, signal, classes, x, g, given, parameters, logits, gradients, dx)


def ways() -> list:
    """Every shipped configuration with every way to run it."""
    found = []
    for name in shipped():
        for dtype, options in [*WAYS, *(PIECES if load(name).data.steps else [])]:
            label = "-".join([name, dtype, *(f"{key}{value}" for key, value in options.items())])
            found.append(pytest.param(name, dtype, options, id=label))
    return found


def check(case: Case, dtype: str, x: np.ndarray | Events, **options: int) -> None:
    """Within 400 eps of the largest entry: sums of up to some thousand terms of both signs, whose roundings grow as
    the root of their number, chained through twenty layers or a hundred steps.

    The input has a gradient unless it comes as events.
    """
    net = network(case.config, case.classes, case.signal, backend="numba", dtype=dtype, **options)
    parameters = {key: value.astype(dtype) for key, value in case.parameters.items()}
    logits, tape = net.forward(parameters, x, case.draws)
    wanted = not isinstance(x, Events)
    gradients, dx = net.backward(parameters, tape, case.g, penalty=0.01, input_gradient=wanted)
    assert gradients.keys() == case.gradients.keys()
    pairs = [("logits", case.logits, logits), *((key, g, gradients[key]) for key, g in case.gradients.items())]
    for key, exact, got in [*pairs, ("input", case.dx, dx)] if wanted else pairs:
        assert got.dtype == dtype, key
        error = np.abs(got - exact).max() / (np.finfo(dtype).eps * np.abs(exact).max())
        assert error <= 400.0, f"{key}: {error:.3g} eps"


@pytest.mark.parametrize(("name", "dtype", "options"), ways())
def test_numba_is_numpy_to_rounding(name: str, dtype: str, options: dict[str, int]) -> None:
    case = case_of(name)
    check(case, dtype, case.x, **options)


@pytest.mark.parametrize("name", [name for name in shipped() if load(name).data.name == "shd"])
def test_events_are_their_bytes(name: str) -> None:
    case = case_of(name)
    for chunk in (0, 7):
        check(case, "float32", Events.of(case.x), chunk=chunk)
