"""The adjoints of every network against complex steps: random cotangents, all parameters, all earlier spikes.

A complex step has no rounding to speak of, so the two agree to the rounding of the sums behind each number.
"""

import numpy as np
import pytest
from hypothesis import given, settings

import oracle
from oracle import dynamics
from oracle.network import named_layers
from oracle.terms import add_totals
from tests.oracle.networks import EPS, SETTINGS, layer, layered, lif, residual

STEP = 1e-30
STATES = 3


def raw_replace(net: oracle.Network, key: str, value: np.ndarray) -> oracle.Network:
    """The network with one parameter complex: past the checks, which only take real arrays."""
    name, _, field = key.rpartition(".")
    layers = named_layers(net)
    layers[name] = layers[name]._replace(**{field: value})
    other = oracle.replace(net, {})  # a copy
    if isinstance(net, oracle.Residual):
        object.__setattr__(other, "stem", layers["stem"])
        blocks = [[layers[f"blocks.{b}.{k}"] for k in range(len(block))] for b, block in enumerate(net.blocks)]
        object.__setattr__(other, "blocks", blocks)
    else:
        object.__setattr__(other, "layers", [layers[f"layers.{i}"] for i in range(len(net.layers))])
    object.__setattr__(other, "readout", layers["readout"])
    return other


def check_adjoint(net: oracle.Network, x: np.ndarray, rng: np.random.Generator, t: int | None) -> None:
    """Stage t's adjoint, or the readout's for None, at real numbers for spikes: between the states, too."""
    units = dynamics.stages(net, x)
    history = [rng.uniform(0.1, 0.9, (STATES, n)) for n in units[: len(units) if t is None else t]]

    def forward(network: oracle.Network, spikes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        m, v = dynamics.output(network, x, spikes) if t is None else dynamics.preactivation(network, x, t, spikes)
        return np.broadcast_to(m, (STATES, m.shape[1])), np.broadcast_to(v, (STATES, v.shape[1]))

    m, v = forward(net, history)
    dm, dv = rng.normal(size=m.shape), rng.normal(size=v.shape)
    if t is None:
        pulled = dynamics.pull_output(net, x, history, dm, dv)
    else:
        pulled = dynamics.pull_preactivation(net, x, t, history, dm, dv)
    totals = {key: np.zeros(value.shape) for key, value in oracle.parameters(net).items()}
    add_totals(totals, pulled.terms)
    # Every number is a sum of at most some hundred products of numbers of order one to ten.
    tolerance = {"rtol": 1e3 * EPS, "atol": 1e3 * EPS}
    for key, value in oracle.parameters(net).items():
        for index in np.ndindex(value.shape):
            step = value.astype(np.complex128)
            step[index] += 1j * STEP
            m, v = forward(raw_replace(net, key, step), history)
            expected = ((dm * m + dv * v).sum() / STEP).imag
            np.testing.assert_allclose(totals[key][index], expected, err_msg=f"{key}{index}", **tolerance)
    for s, spikes in enumerate(history):
        expected = np.zeros(spikes.shape)
        for unit in range(spikes.shape[1]):
            step = spikes.astype(np.complex128)
            step[:, unit] += 1j * STEP
            m, v = forward(net, [*history[:s], step, *history[s + 1 :]])
            expected[:, unit] = ((dm * m + dv * v).sum(axis=1) / STEP).imag
        found = pulled.history.get(s, np.zeros(spikes.shape))
        np.testing.assert_allclose(found, expected, err_msg=f"spikes of stage {s}", **tolerance)


def check_every_stage(case: tuple) -> None:
    net, x, rng = case
    for t in [*range(len(dynamics.stages(net, x))), None]:
        check_adjoint(net, x, rng, t)


@SETTINGS
@given(layered())
def test_layered_adjoints(case: tuple) -> None:
    check_every_stage(case)


@settings(SETTINGS, max_examples=12)
@given(residual())
def test_residual_adjoints(case: tuple) -> None:
    check_every_stage(case)


@SETTINGS
@given(lif())
def test_lif_adjoints(case: tuple) -> None:
    """The reset kept or detached: a detached one takes the real part of the spike, and so no part in the step."""
    check_every_stage(case)


def lif_by_hand(net: oracle.LIF, x: np.ndarray, z: np.ndarray) -> tuple[list, list]:
    """One recurrent layer, step by step, in the words of theory 3.9 to 3.11."""
    own = net.layers[0]
    M = V = np.zeros(own.mu.shape[0])
    before = np.zeros(own.mu.shape[0])
    rs, readings = [], []
    for t in range(len(x)):
        m = own.mu @ x[t] + own.recurrent_mu @ before + own.bias_mu
        v = own.sigma2 @ x[t] ** 2 + own.recurrent_sigma2 @ before + own.bias_sigma2
        if net.reset == "hard":
            M, V = net.beta * M * (1 - before) + m, net.beta**2 * V * (1 - before) + v
        else:
            M, V = net.beta * M + m - net.theta * before, net.beta**2 * V + v
        if not net.accumulate:
            V = v
        rs.append((M - net.theta) / np.sqrt(V))
        before = z[t]
        readings.append((net.readout.mu @ before + net.readout.bias_mu, net.readout.sigma2 @ before))
    return rs, readings


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("accumulate", [True, False])
@pytest.mark.parametrize("reduce", ["mean", "last", "max"])
def test_lif_is_the_recursion_of_the_theory(reset: str, accumulate: bool, reduce: str) -> None:
    rng = np.random.default_rng(3)
    steps = 4
    options = {"reset": reset, "accumulate": accumulate, "reduce": reduce}
    net = oracle.LIF(
        [layer(rng, 2, 3, recurrent=True)], layer(rng, 2, 2), beta=0.8, theta=0.6, readout_beta=0.7, **options
    )
    x, z = rng.normal(size=(steps, 3)), rng.integers(0, 2, (steps, 2)).astype(float)
    rs, readings = lif_by_hand(net, x, z)
    history = [row[None] for row in z]
    for t in range(steps):
        m, v = dynamics.preactivation(net, x, t, history[:t])
        np.testing.assert_allclose((m / np.sqrt(v))[0], rs[t], rtol=1e-14)
    # The leaky integrator as a sum over independent steps: o_t = sum_s 0.7^(t-s) reading_s.
    O, VO, path = np.zeros(2), np.zeros(2), []
    for m, v in readings:
        O, VO = 0.7 * O + m, 0.49 * VO + v + net.readout.bias_sigma2
        path.append((O, VO))
    if reduce == "last":
        expected_m, expected_v = path[-1]
    elif reduce == "max":
        best = np.argmax([o for o, _ in path], axis=0)
        expected_m, expected_v = (np.array([path[t][i][c] for c, t in enumerate(best)]) for i in (0, 1))
    else:
        expected_m = np.mean([o for o, _ in path], axis=0)
        share = [sum(0.7 ** (t - s) for t in range(s, steps)) / steps for s in range(steps)]
        expected_v = sum(a**2 * (v + net.readout.bias_sigma2) for a, (_, v) in zip(share, readings, strict=True))
    m, v = dynamics.output(net, x, history)
    np.testing.assert_allclose(m[0], expected_m, rtol=1e-14)
    np.testing.assert_allclose(v[0], expected_v, rtol=1e-14)


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("accumulate", [True, False])
def test_current_and_threshold_are_what_the_theory_defines(reset: str, accumulate: bool) -> None:
    """(3.30) to (3.33): the membrane as the sum of all drives so far, the threshold as a sum over all spikes so far."""
    rng, steps = np.random.default_rng(8), 6
    own = layer(rng, 2, 3, recurrent=True)
    slow = {"alpha": 0.7, "adapt": 0.8, "adapt_decay": 0.6}
    net = oracle.LIF([own], layer(rng, 2, 2), beta=0.8, theta=0.3, reset=reset, accumulate=accumulate, **slow)
    x, z = rng.normal(size=(steps, 3)), rng.integers(0, 2, (steps, 2)).astype(float)
    assert (z.mean(axis=0) > 0.0).all()  # both fire
    assert (z.mean(axis=0) < 1.0).all()
    spikes = np.concatenate([np.zeros((1, 2)), z])  # of the step before
    drives = x @ own.mu.T + own.bias_mu + spikes[:-1] @ own.recurrent_mu.T
    noises = x**2 @ own.sigma2.T + own.bias_sigma2 + spikes[:-1] @ own.recurrent_sigma2.T
    for t, i in np.ndindex(z.shape):
        weights = np.zeros(t + 1)  # of each step's drive in the membrane
        taken = 0.0
        for s in range(t + 1):
            keep = 1.0 - spikes[s, i] if reset == "hard" else 1.0
            weights *= 0.8 * keep
            weights[: s + 1] += 0.7 ** np.arange(s, -1, -1.0)
            taken = 0.8 * taken + (0.3 * spikes[s, i] if reset == "soft" else 0.0)
        threshold = 0.3 + 0.8 * sum(0.4 * 0.6 ** (t - 1 - s) * z[s, i] for s in range(t))
        mean = weights @ drives[: t + 1, i] - taken - threshold
        spread = weights**2 @ noises[: t + 1, i] if accumulate else noises[t, i]
        m, v = dynamics.preactivation(net, x, t, [row[None] for row in z[:t]])
        # Six steps of sums of numbers below 20: some tens of roundings.
        np.testing.assert_allclose([m[0, i], v[0, i]], [mean, spread], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("accumulate", [True, False])
def test_the_stream_is_the_sum_of_the_theory(accumulate: bool) -> None:
    rng = np.random.default_rng(4)
    one, first, second = layer(rng, 2, 2), layer(rng, 3, 2), layer(rng, 2, 3)
    stem, scales = layer(rng, 2, 3), (0.5, 0.7)
    net = oracle.Residual(stem, [[one], [first, second]], layer(rng, 2, 2), scales, accumulate)
    x = rng.normal(size=3)
    z = [rng.integers(0, 2, n).astype(float) for n in dynamics.stages(net, x)]
    assert [len(spikes) for spikes in z] == [2, 2, 3, 2]

    def read(some: oracle.Layer, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return some.mu @ y + some.bias_mu, some.sigma2 @ y**2 + some.bias_sigma2

    expected = [read(stem, x)]
    for scale, some, y in ((0.5, one, z[0]), (0.7, second, z[2])):
        m, v = read(some, y)
        H, U = expected[-1]
        expected.append((H + scale * m, scale**2 * v + (U if accumulate else 0.0)))
    history = [spikes[None] for spikes in z]
    for t, (H, U) in zip((0, 1, 3), expected, strict=True):
        m, v = dynamics.preactivation(net, x, t, history[:t])
        np.testing.assert_allclose(m[0], H, rtol=1e-14)
        np.testing.assert_allclose(v[0], U, rtol=1e-14)
    np.testing.assert_allclose(dynamics.preactivation(net, x, 2, history[:2])[0][0], read(first, z[1])[0], rtol=1e-14)


def test_stages_are_named_by_the_layer_that_spikes() -> None:
    rng = np.random.default_rng(5)
    net = oracle.Residual(layer(rng, 2, 3), [[layer(rng, 3, 2), layer(rng, 2, 3)]], layer(rng, 2, 2))
    assert dynamics.stage_names(net, np.zeros(3)) == ("blocks.0.0", "blocks.0.1", "stream")
    spiking = oracle.LIF([layer(rng, 2, 3), layer(rng, 1, 2)], layer(rng, 2, 1))
    assert dynamics.stage_names(spiking, np.zeros((2, 3))) == ("layers.0", "layers.1") * 2
    assert dynamics.stages(spiking, np.zeros((2, 3))) == (2, 1, 2, 1)
