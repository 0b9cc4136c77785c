"""What is done once, when a network is made, and what layers answer for their own passes."""

import ast
import pickle
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, ClassVar

import numpy as np
import pytest

from refsbnn import estimators, sensitivity
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.evaluation.operations import Counts, fired
from refsbnn.layers import LIF, Dense, Flatten, Layer, MaxPool, Residual, SampledReadout, Signal, Spike, chain
from refsbnn.layers.layer import Parameters, Pass, Place, Stage
from refsbnn.layers.signal import Domain
from refsbnn.network import Network, Tape
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.evaluation.networks import LAYERS, Rows, build

ROWS = np.arange(3)
DRAWS = CounterDraws(Streams(3), Purpose.TRAIN, 0, ROWS)


def passes(network: Network, inputs: Rows) -> Tape:
    """One forward and backward pass with everything that is asked of its tape."""
    parameters = network.initial(Streams(2))
    output, tape = network.forward(parameters, inputs.batch(ROWS, DRAWS), DRAWS)
    g = np.random.default_rng(4).normal(size=output.shape)
    network.backward(parameters, tape, g, penalty=0.1, input_gradient=not inputs.events)
    network.monitors(tape)
    if tape.stages:
        Counts(network).add(tape)
        list(fired(network, tape))
    return tape


def never(*arguments: Any, **keywords: Any) -> Any:
    raise AssertionError(f"called with {arguments}")


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_pass_reads_no_name(name: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members and noises are read when a layer is made. The first pass may compile, which may parse what it likes."""
    network, inputs = build(name, len(ROWS), backend)
    passes(network, inputs)
    with monkeypatch.context() as patched:
        patched.setattr(ast, "parse", never)
        passes(network, inputs)
        with pytest.raises(AssertionError, match="called with"):
            Spike("agr(tau=0.25)")


@pytest.mark.parametrize("again", [{}, {"recompute": 1}])
def test_a_pass_connects_nothing(again: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs = build("residual", len(ROWS))
    network = Network(LAYERS["residual"][0], network.input, **again)
    monkeypatch.setattr(chain, "connect", never)
    passes(network, inputs)


def test_stages_inside_stand_where_the_branch_stands() -> None:
    """Numbers of the streams go on through the branches, and past them."""
    inside = (Spike(), Dense(4))
    layers = [Dense(4), Residual(inside), Residual((Spike(), Dense(5), *inside)), Spike(), Dense(2)]
    network = Network(layers, Signal("values", (3,)))
    found = [(name, stage.place.index) for name, stage in chain.leaves(network.stages)]
    assert found == [
        ("0.dense", 0),
        ("1.residual.0.spike", 1),
        ("1.residual.1.dense", 2),
        ("2.residual.0.spike", 3),
        ("2.residual.1.dense", 4),
        ("2.residual.2.spike", 5),
        ("2.residual.3.dense", 6),
        ("3.spike", 7),
        ("4.dense", 8),
    ]
    assert {stage.layer.kind for stage in network.stages if stage.inner} == {"residual"}
    assert sum(stage.layer.units for stage in network.stages) == 4


@pytest.mark.parametrize(
    ("branch", "message"),
    [
        ((), "layer 1.residual: residual: the branch gives nothing; the stream is moments"),
        (
            (Spike(), Dense(5)),
            r"layer 1.residual: .*gives moments of shape \(5,\); the stream is .* \(4,\)",
        ),
        ((Spike(), Dense(4, posterior="point")), "layer 1.residual: .*gives moments of point weights"),
        ((Dense(4),), "layer 1.residual: layer 0.dense: dense takes values"),
    ],
)
def test_a_branch_that_does_not_fit_is_named(branch: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Network([Dense(4), Residual(branch)], Signal("values", (3,)))


@dataclass(frozen=True)
class Gained(Layer[list[Any]]):
    """A layer from outside the package, made of layers, with a weight of its own: a branch times a gain."""

    branch: tuple[Layer[Any], ...]
    kind: ClassVar[str] = "gained"

    def connect(self, signal: Signal) -> Signal:
        return self.inside(Place(signal, 0))[-1].output

    def inside(self, place: Place) -> tuple[Stage, ...]:
        return chain.connect(self.branch, place.input, place.index)

    def initial(self, stage: Stage, streams: Streams) -> Parameters:
        return {"gain": np.full(1, 3.0)}

    def forward(self, run: Pass, stage: Stage, parameters: Parameters, x: Any) -> tuple[Any, list[Any]]:
        y, tapes = chain.forward(stage.inner, run, parameters, x)
        return parameters["gain"] * y, [*tapes, y]

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: list[Any], g: Any, penalty: float
    ) -> tuple[Any, Parameters]:
        gain = parameters["gain"]
        dx, gradients = chain.backward(stage.inner, run, parameters, tape[:-1], gain * g, penalty)
        return dx, gradients | {"gain": np.sum(g * tape[-1], keepdims=True).reshape(1)}

    def tapes(self, tape: list[Any]) -> list[Any]:
        return tape[:-1]


def test_a_layer_from_outside_needs_no_line_elsewhere() -> None:
    """Its name, weights, numbers of the streams, counts and records, as those of a block of the package."""
    block = Gained((Dense(4), Spike("gs(tau=0.7)"), Dense(2), SampledReadout()))
    layers: list[Layer[Any]] = [Dense(3), Spike("gs(tau=0.7)"), block]
    network = Network(layers, Signal("values", (5,)))
    parameters = network.initial(Streams(2))
    assert list(parameters)[4:6] == ["2.gained.gain", "2.gained.0.dense.mu"]
    assert [stage.place.index for _, stage in chain.leaves(network.stages)] == [0, 1, 2, 3, 4, 5]
    assert network.summary().splitlines()[3].split() == ["2.gained", "(2,)", f"{1 + 32 + 20}", f"{12 + 8}"]
    random = np.random.default_rng(6)
    x, g = random.normal(size=(len(ROWS), 5)), random.normal(size=(len(ROWS), 2))
    output, tape = network.forward(parameters, x, DRAWS)
    gradients, _ = network.backward(parameters, tape, g)
    assert gradients.keys() == parameters.keys()
    # The output is the gain times what does not depend on it: the derivative is the sum over g output / gain.
    terms = g * output / 3.0
    assert abs(gradients["2.gained.gain"][0] - terms.sum()) <= 8 * np.finfo(float).eps * np.abs(terms).sum()
    assert [name for name, _ in fired(network, tape)] == ["1.spike", "2.gained.1.spike"]
    assert len(network.monitors(tape)) == 2


def test_the_first_weights_see_the_input_through_what_rearranges_it() -> None:
    """Only they may be spared the input's gradient; beyond a pool, or units, the gradient goes on."""
    for first, sees in ((Flatten(), True), (MaxPool(1), False)):
        layers: list[Layer] = [first, Flatten(), Dense(4), Spike(), Dense(2), SampledReadout()]
        network = Network(layers, Signal("values", (2, 3, 1)))
        assert [stage.place.first for stage in network.stages] == [True, sees, sees, False, False, False]
        parameters = network.initial(Streams(2))
        output, tape = network.forward(parameters, np.ones((len(ROWS), 2, 3, 1)), DRAWS)
        assert (network.backward(parameters, tape, output, input_gradient=False)[1] is None) == sees
        assert network.backward(parameters, tape, output)[1] is not None


@pytest.mark.parametrize("layer", [Spike("iwst(p=0.3)", "logistic"), LIF(member="iwst(p=0.3)", noise="logistic")])
def test_a_layer_with_its_member_read_is_still_its_description(layer: Spike | LIF) -> None:
    assert layer.estimator == estimators.get("iwst(p=0.3)")
    assert layer.law.name == "logistic"
    assert "member='iwst(p=0.3)', noise='logistic'" in repr(layer)
    assert "Iwst" not in repr(layer)
    assert layer == type(layer)(member="iwst(p=0.3)", noise="logistic")
    assert len({layer, type(layer)(member="iwst(p=0.3)", noise="logistic"), type(layer)()}) == 2
    assert replace(layer, member="st").estimator == estimators.get("st")
    copied = pickle.loads(pickle.dumps(layer))
    assert (copied, copied.estimator) == (layer, layer.estimator)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", LAYERS)
def test_tapes_are_of_named_types(name: str, backend: str) -> None:
    network, inputs = build(name, len(ROWS), backend)
    stages, tapes = list(network.stages), list(passes(network, inputs).stages)
    for stage, tape in zip(stages, tapes, strict=True):
        assert type(tape) is not tuple
        assert tape._fields
        stages += stage.inner
        tapes += stage.layer.tapes(tape)


@pytest.mark.parametrize("domain", ["binary", "bipolar"])
@pytest.mark.parametrize("member", ["st", "gs(tau=0.7)"])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_what_units_gave_is_a_share_of_the_upper_state(domain: Domain, member: str, backend: str) -> None:
    """In the engine spikes are bytes in both domains; relaxed values are floats in the domain."""
    network = Network([Dense(7), Spike(member, domain=domain)], Signal("values", (6,)), backend=backend)
    x = np.random.default_rng(1).normal(size=(len(ROWS), 6))
    output, tape = network.forward(network.initial(Streams(2)), x, DRAWS)
    (found,) = fired(network, tape)
    lowest = -1.0 if domain == "bipolar" and output.dtype != np.uint8 else 0.0
    assert found[0] == "1.spike"
    np.testing.assert_array_equal(found[1], (output - lowest) / (1.0 - lowest))
    assert 0.0 <= found[1].min() < 0.5 < found[1].max() <= 1.0
    assert Counts(network).rates() == []


def test_a_deep_stream_costs_as_many_sums_as_it_has_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every unit layer asks for the sums over all weights before it; each weight is summed once."""
    depth = 12
    asked: list[Any] = []
    rows = sensitivity.Weights.rows
    monkeypatch.setattr(sensitivity.Weights, "rows", lambda self: asked.append(self) or rows(self))
    for accumulate in (True, False):
        blocks = [Residual((Spike(), Dense(3)), scale=0.5, accumulate=accumulate) for _ in range(depth)]
        network = Network([Dense(3), *blocks, Spike(), Dense(2), SampledReadout()], Signal("values", (4,)))
        parameters = network.initial(Streams(2))
        _, tape = network.forward(parameters, np.ones((len(ROWS), 4)), DRAWS)
        asked.clear()
        network.monitors(tape)
        assert len(asked) == depth + 1
        fed = tape.stages[depth + 1].x.fed
        total = reduce(sensitivity.Rows.plus, [rows(each) for each in fed.weights()])
        assert all((one == other).all() for one, other in zip(fed.total(), total, strict=True))


def test_parameters_are_split_in_one_pass() -> None:
    stages = Network([Dense(3), Spike(), Dense(2), SampledReadout()], Signal("values", (4,))).stages
    parameters = chain.initial(stages, Streams(1))
    for stage, found in zip(stages, chain.owned(parameters, stages), strict=True):
        expected = chain.own(parameters, stage)
        assert found.keys() == expected.keys()
        assert all(found[key] is expected[key] for key in found)


@pytest.mark.parametrize(("backend", "dtype"), [("numpy", np.float64), ("numba", np.float64), ("numba", np.float32)])
def test_kl_is_added_to_the_gradients_of_a_loss(backend: Any, dtype: Any) -> None:
    """What it gives alone, times the weight, also where a gradient is no contiguous array; a missing one is named."""
    network = Network(
        [Dense(5), Spike(), Dense(2), SampledReadout()], Signal("values", (3,)), backend=backend, dtype=dtype.__name__
    )
    parameters, rng = network.initial(Streams(2)), np.random.default_rng()
    value, alone = network.kl(parameters)
    into = {key: np.asfortranarray(rng.normal(size=p.shape).astype(p.dtype)) for key, p in parameters.items()}
    before, weight = {key: g.copy() for key, g in into.items()}, dtype(0.3)
    assert network.kl(parameters, into, float(weight)) == (value, into)
    for key, g in into.items():
        np.testing.assert_array_equal(g, before[key] + alone.get(key, dtype(0)) * weight)
    with pytest.raises(InputError, match=r"^there is no gradient of '0\.dense\.mu' to add KL's to; accepted: "):
        network.kl(parameters, {})
