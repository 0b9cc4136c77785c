"""The pairs of a probe against the oracle, on small networks of every kind.

The gradient is the oracle's by the score function, which turns no spike over; derivatives by turning spikes over must
have it as their mean, here over 20,000 draws. What a member estimates is held to the oracle's own adjoints, by exact
sums over all joint states.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import oracle
from oracle import dynamics, tree
from oracle.states import score_sums
from refsbnn.draws import CounterDraws, Draws
from refsbnn.layers import Moments
from refsbnn.probe import pairs
from refsbnn.probe.forced import Forced
from refsbnn.streams import Purpose, Streams
from tests.validation.twins import CASES
from validation import driver, twin

SPIKES = [
    name for name in CASES if not any(word in name for word in ("surrogate", "between the states", "points with"))
]
SPIKES = [name for name in SPIKES if name != "convolution pool convolution of points"]
EVERY = 10**6  # units: all of them
DRAWS = 20_000
# Fewer than 500 units over all networks, two sides each: a false alarm in all of them together is below 1e-4.
LOG = float(np.log(2.0 * 1000 / 1e-4))


def case(name: str, member: str | None = None, **words: Any) -> tuple[twin.Twin, np.ndarray, oracle.Gaussian]:
    """A network of the list with a closed-form loss, so that the readout draws nothing."""
    rng = np.random.default_rng(sum(map(ord, name)))
    net, x, _, own, options = CASES[name](rng)
    loss = oracle.Gaussian(rng.normal(size=2), 0.7)
    own = "agr(tau=0.5)" if own.startswith(("st-gs", "gr(")) else own
    return twin.of(net, x, loss, member or own, **options, **words), x, loss


def loss_of(loss: Any):
    """The oracle's loss as a probe takes it."""

    def of(output: Moments, rows: np.ndarray) -> tuple[np.ndarray, Moments]:
        m = output.m.astype(np.float64)
        v = np.zeros_like(m) if output.v is None else output.v.astype(np.float64)
        value, dm, dv = driver.loss_of(loss, m, v)
        return value, Moments(dm, None if output.v is None else dv, np.zeros(m.shape[-1]))

    return of


def measured(made: twin.Twin, x: np.ndarray, loss: Any, drawn: Draws) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each layer: unbiased derivatives and estimates in every row of the draws."""
    network, rows = made.network.again(recompute=1), np.zeros(drawn.batch, int)
    timed = int(network.input.steps is not None)
    one = x.reshape(*x.shape[:timed], *network.input.shape)
    inputs = np.repeat(np.expand_dims(one, timed), drawn.batch, timed)
    output, tape = network.forward(made.parameters, inputs, drawn)
    losses, g = loss_of(loss)(output, rows)
    heard = pairs.estimates_of(network, made.parameters, tape, g)
    entered = [segment.x for segment in tape.segments]
    base = pairs.Base(network, made.parameters, drawn, rows, entered, loss_of(loss), losses)
    for where in pairs.choose(network, EVERY, Streams(0)):
        f, z = base.units(where)
        yield f * base.differences(where, slice(None), z), pairs.at(heard[where.index], where, drawn.batch)


def by_layer(made: twin.Twin, x: np.ndarray, stages: list[np.ndarray]) -> list[np.ndarray]:
    """The oracle's answers, (..., units) for each stage, as (..., cells) for each layer: steps before units."""
    layers = len(made.units)
    return [np.concatenate(stages[j::layers], axis=-1) for j in range(layers)]


def gradient(made: twin.Twin, x: np.ndarray, loss: Any) -> list[np.ndarray]:
    """dE[L]/dr of every cell: the mean of L times the score (theory 5.2)."""
    units = dynamics.stages(made.net, x)
    laws, reach = tree.levels(made.net, x)
    history = tree.spikes_at(made.net, units, len(units), np.arange(reach[-1].size))
    weights = reach[-1] * loss.evaluate(*dynamics.output(made.net, x, history))[0]
    found: list[np.ndarray] = []
    for t in range(len(units) - 1, -1, -1):
        table = weights.reshape(reach[t].size, -1)
        found.insert(0, score_sums(table, *laws[t].score()).sum(axis=0))
        weights = table.sum(axis=1)
    return by_layer(made, x, found)


def estimate(made: twin.Twin, x: np.ndarray, loss: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Mean and mean square of the estimate of dL/dr of every cell, by the oracle's adjoints (theory 5.11)."""
    net, gain = made.net, 1.0 if made.net.domain == "binary" else 2.0
    first, second = [], []
    for some in tree.leaves(net, x, oracle.member(made.member).states, 2):
        _, dm, dv = loss.evaluate(*dynamics.output(net, x, some.history))
        cotangents = dynamics.pull_output(net, x, some.history, dm, dv).history
        every = [np.zeros_like(z) for z in some.history]
        for t in range(len(some.history) - 1, -1, -1):
            every[t] = dr = gain * cotangents.get(t, 0.0 * some.history[t]) * some.slopes[t]
            pulled = dynamics.pull_preactivation(net, x, t, some.history, dr * some.drdm[t], dr * some.drdv[t])
            for s, value in pulled.history.items():
                cotangents[s] = cotangents[s] + value if s in cotangents else value
        first.append([some.p @ each for each in every])
        second.append([some.p @ each**2 for each in every])
    return tuple(by_layer(made, x, [sum(parts) for parts in zip(*each, strict=True)]) for each in (first, second))


def gap(name: str) -> float:
    """The largest distance of a mean over draws from the gradient over all units, as a share of what chance explains.

    The bound is the empirical Bernstein inequality (Maurer and Pontil 2009), which holds for rare spikes too.
    """
    made, x, loss = case(name)
    drawn = CounterDraws(Streams(0), Purpose.PREDICT, 0, np.arange(DRAWS))
    units = dynamics.stages(made.net, x)
    every = tree.spikes_at(made.net, units, len(units), np.arange(2 ** sum(units)))
    reach = 2.0 * np.ptp(loss.evaluate(*dynamics.output(made.net, x, every))[0]) * 0.4  # d lies in +- f(0) times it
    worst = 0.0
    for (d, _), wanted in zip(measured(made, x, loss, drawn), gradient(made, x, loss), strict=True):
        bound = np.sqrt(2.0 * d.var(axis=1) * LOG / DRAWS) + 7.0 * reach * LOG / (3.0 * DRAWS)
        worst = max(worst, float((np.abs(d.mean(axis=1) - wanted) / bound).max()))
    return worst


@pytest.mark.parametrize("name", SPIKES)
def test_the_mean_of_the_derivatives_is_the_gradient(name: str) -> None:
    """Theory 5.10."""
    assert gap(name) < 1.0


UNITS = pairs.Base.units
PLANTED: dict[str, tuple[str, Any]] = {
    "without f": ("Base.units", lambda self, where: (np.ones_like(UNITS(self, where)[0]), UNITS(self, where)[1])),
    "weighted by the state": (
        "Base.units",
        lambda self, where: (np.multiply(*UNITS(self, where)), UNITS(self, where)[1]),
    ),
    "another unit": ("Forced", lambda drawn, layer, cells, z: Forced(drawn, layer, np.roll(cells, 1), z)),
    "another layer": ("Forced", lambda drawn, layer, cells, z: Forced(drawn, layer + 2, cells, z)),
}


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_is_seen(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, planted = PLANTED[error]
    monkeypatch.setattr(f"refsbnn.probe.pairs.{name}", planted)
    assert gap("dense") > 1.0


def test_the_same_noise_above_makes_the_variance_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise of its own for the second pass leaves the mean and adds variance, a third of it in this small network.

    The ratio's own deviation over so many draws is about 0.02.
    """

    def redrawn(drawn: CounterDraws, layer: int, cells: np.ndarray, z: np.ndarray) -> Forced:
        return Forced(dataclasses.replace(drawn, step=1), layer, cells, z)

    def variance() -> float:
        made, x, loss = case("dense")
        drawn = CounterDraws(Streams(0), Purpose.PREDICT, 0, np.arange(DRAWS))
        d, _ = next(measured(made, x, loss, drawn))
        return float(d.var(axis=1).sum())

    paired = variance()
    monkeypatch.setattr(pairs, "Forced", redrawn)
    assert gap("dense") < 1.0
    assert variance() > 1.1 * paired


@pytest.mark.parametrize("name", SPIKES)
def test_mean_and_mean_square_of_the_estimates(name: str) -> None:
    made, x, loss = case(name)
    p, drawn = driver.states(made, x, loss)
    for (_, e), first, second in zip(measured(made, x, loss, drawn), *estimate(made, x, loss), strict=True):
        # Sums over at most 10^4 states, each rounded some hundred times.
        scale = np.abs(e).max()
        np.testing.assert_allclose(e @ p, first, rtol=0, atol=1e-11 * scale)
        np.testing.assert_allclose(e**2 @ p, second, rtol=0, atol=1e-11 * scale**2)
