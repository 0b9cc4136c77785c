"""Networks: their backward pass by finite differences end to end, their draws, and what they refuse.

With the relaxed member `gs` and the uniforms fixed, a network is a differentiable function of its parameters and its
backward pass an ordinary derivative, so central differences check every line of it: layers, stream, reset, readout.
"""

import numpy as np
import pytest

from refsbnn import curvature, objective
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.layers import (
    LIF,
    AveragePool,
    Conv2d,
    Dense,
    Flatten,
    LeakyReadout,
    MaxPool,
    Residual,
    SampledReadout,
    Signal,
    Spike,
    chain,
)
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from tests.refsbnn import slow_networks
from tests.refsbnn.differences import RESOLUTION, derivative

GS = {"member": "gs(tau=0.7)"}
IMAGE = Signal("values", (6, 5, 2))
FRAMES = Signal("values", (4,), "binary", 5)


def conv_branch(**options):
    return (Spike(**GS, **options), Conv2d(3, padding=1, zero_mean=True))


NETWORKS = {
    "mlp": (
        [Dense(4), Spike(**GS), Dense(3), Spike(noise="logistic", **GS), Dense(2), SampledReadout()],
        Signal("values", (5,)),
    ),
    "bipolar": (
        [Dense(4), Spike(domain="bipolar", **GS), Dense(2, variance="quadratic"), SampledReadout()],
        Signal("values", (5,)),
    ),
    "point": ([Dense(4, posterior="point"), Spike(**GS), Dense(2, posterior="point")], Signal("values", (5,))),
    "point, residual": (
        [
            Conv2d(3, padding=1, posterior="point"),
            Residual((Spike(**GS), Conv2d(3, padding=1, posterior="point")), scale=0.6),
            Spike(**GS),
            Flatten(),
            Dense(2, posterior="point"),
            SampledReadout(),
        ],
        IMAGE,
    ),
    "point, recurrent": (
        [
            Dense(3, posterior="point"),
            LIF(recurrent=True, **GS),
            Dense(2, posterior="point"),
            LeakyReadout(),
            SampledReadout(),
        ],
        FRAMES,
    ),
    "residual": (
        [
            Conv2d(3, padding=1),
            Residual(conv_branch(), scale=0.6),
            Residual(conv_branch(domain="bipolar") * 2, accumulate=False),
            Spike(**GS),
            AveragePool(2),
            Flatten(),
            Dense(2),
        ],
        IMAGE,
    ),
    "max pool": ([Conv2d(3), Spike(**GS), MaxPool(2, 1), Flatten(), Dense(2)], IMAGE),
    "hard": ([Dense(3), LIF(**GS), Dense(2), LeakyReadout()], FRAMES),
    "recurrent": (
        [
            Dense(3),
            LIF(recurrent=True, variance="quadratic", **GS),
            Dense(2),
            LeakyReadout(reduce="last"),
            SampledReadout(),
        ],
        FRAMES,
    ),
    "soft": (
        [Dense(3), LIF(recurrent=True, reset="soft", accumulate=False, **GS), Dense(2), LeakyReadout(reduce="max")],
        FRAMES,
    ),
}
EACH = {"learn_beta": True, "beta_spread": 0.7, "learn_theta": True, "theta_spread": 0.3}
NETWORKS |= {
    "numbers of each": (
        [Dense(3), LIF(recurrent=True, **EACH, **GS), Dense(3), LIF(learn_beta=True, **GS), Dense(2), LeakyReadout()],
        FRAMES,
    ),
    "numbers of each, soft": (
        [Dense(3), LIF(recurrent=True, reset="soft", **EACH, **GS), Dense(2), LeakyReadout(), SampledReadout()],
        FRAMES,
    ),
    "numbers of each, point": (
        [
            Dense(3, posterior="point"),
            LIF(reset="soft", learn_theta=True, **GS),
            Dense(3, posterior="point"),
            LIF(**EACH, **GS),
            Dense(2, posterior="point"),
            LeakyReadout(),
        ],
        FRAMES,
    ),
    "numbers of each channel": (
        [
            Conv2d(2, size=2),
            LIF(accumulate=False, **EACH, **GS),
            Conv2d(3, size=2),
            LIF(reset="soft", **EACH, **GS),
            Flatten(),
            Dense(2),
            LeakyReadout(),
        ],
        Signal("values", (4, 3, 1), "binary", 4),
    ),
}
NETWORKS |= slow_networks.NETWORKS
PENALTY = 0.3


def problem(name, kind="sensitivity"):
    layers, signal = NETWORKS[name]
    network = Network(layers, signal, penalty=kind)
    rng = np.random.default_rng(7)
    parameters = {k: v + 0.1 * rng.standard_normal(v.shape) for k, v in network.initial(Streams(3)).items()}
    batch = 2
    leading = () if signal.steps is None else (signal.steps,)
    x = rng.random((*leading, batch, *signal.shape))
    if signal.domain == "binary":
        x = (x < 0.5).astype(float)
    draws = CounterDraws(Streams(8), Purpose.TRAIN, 0, np.arange(batch))
    return network, parameters, x, draws, rng


def bent_of(network, parameters, output):
    """The readout's part of the bias penalty, as if the output's means were logits."""
    logits = output if isinstance(output, np.ndarray) else output.m
    return curvature.categorical(logits, network.readout(parameters))


def loss(network, parameters, x, draws, g):
    """sum of g * output plus the weighted bias penalty, the sum of its terms' absolute values, output and tape."""
    output, tape = network.forward(parameters, x, draws)
    parts = [g[0] * (output if isinstance(output, np.ndarray) else output.m)]
    if network.penalty == "sensitivity":
        parts.append(PENALTY * bent_of(network, parameters, output).value)
    if getattr(output, "v", None) is not None:
        parts.append(g[1] * output.v)
    parts.append(PENALTY * np.mean([record.penalty for record in network.monitors(tape)]))
    return sum(np.sum(p) for p in parts), sum(np.abs(p).sum() for p in parts), output, tape


@pytest.mark.parametrize("kind", ["sensitivity", "norm"])
@pytest.mark.parametrize("name", NETWORKS)
def test_backward_is_the_derivative(name, kind):
    network, parameters, x, draws, rng = problem(name, kind)
    if network.input.domain == "binary":
        x = 0.05 + 0.9 * x  # off the states, so that it can move either way
    g = rng.standard_normal((2, 2, 2))
    *_, output, tape = loss(network, parameters, x, draws, g)
    cotangent, readout = g[0], None
    if kind == "sensitivity":
        bent = bent_of(network, parameters, output)
        cotangent, readout = cotangent + PENALTY * bent.logits, PENALTY * bent.weight
    if not isinstance(output, np.ndarray):
        cotangent = type(output)(cotangent, None if output.v is None else g[1])
    gradients, dx = network.backward(parameters, tape, cotangent, penalty=PENALTY, readout=readout)
    assert set(gradients) == set(parameters)
    assert dx.shape == x.shape
    for key, gradient in {**gradients, "input": dx}.items():
        direction = rng.uniform(-0.25, 0.25, gradient.shape)

        def along(t, key=key, direction=direction):
            moved = {**parameters, "input": x}
            moved[key] = moved[key] + t * direction
            return loss(network, moved, moved.pop("input"), draws, g)[:2]

        expected, bound = derivative(along)
        got = (gradient * direction).sum()
        assert bound < RESOLUTION * np.abs(gradient * direction).sum() + 1e-9, f"{key}: nothing seen"
        assert abs(got - expected) <= bound, f"{key}: {got} for {expected}, bound {bound:.1e}"


def test_the_norm_is_that_of_every_layer():
    """Theory 4.5: the first layer too, recurrent weights at each step, no reset."""
    network, parameters, x, draws, _ = problem("recurrent", "norm")
    _, tape = network.forward(parameters, x, draws)
    norm2 = (parameters["0.dense.mu"] ** 2).sum(axis=1) + (parameters["1.lif.recurrent_mu"] ** 2).sum(axis=1)
    expected = objective.bias_penalty(norm2, tape.stages[1].V)[0]
    assert network.monitors(tape)[0].penalty == pytest.approx(expected, rel=1e-14)  # a few roundings a term


@pytest.mark.parametrize("domain", ["binary", "bipolar"])
@pytest.mark.parametrize("between", [[], [AveragePool(2)], [MaxPool(2)]], ids=str)
def test_a_rearranged_spike_moves_what_reads_it_by_its_whole_step(between, domain):
    """Theory 4.11: pools and flattening leave the span as it is."""
    layers = [Conv2d(2, size=1), Spike(domain=domain), *between, Flatten(), Dense(3), SampledReadout()]
    network = Network(layers, Signal("values", (4, 4, 1)))
    parameters = network.initial(Streams(1))
    key = next(key for key in parameters if key.endswith("dense.mu"))
    span = {"binary": 1.0, "bipolar": 2.0}[domain]
    np.testing.assert_array_equal(network.readout(parameters), span * parameters[key])


def test_what_is_no_readout_has_no_curvature():
    network = Network([Dense(3), Spike()], Signal("values", (4,)))
    assert network.readout(network.initial(Streams(0))) is None
    network = Network([Dense(3)], Signal("values", (4,)))
    assert not network.readout(network.initial(Streams(0))).any()  # it reads no spike


def test_every_unit_layer_draws_its_own_uniforms():
    network, parameters, x, draws, _ = problem("residual")
    _, tape = network.forward(parameters, x, draws)
    twice, _ = network.forward(parameters, x, draws)
    again, _ = network.forward(parameters, x, draws)
    np.testing.assert_array_equal(twice.m, again.m)
    assert len(network.monitors(tape)) == 4
    indices = [stage.place.index for stage in network.stages]
    assert indices == [0, 1, 3, 7, 8, 9, 10]  # a block takes one address for each layer of its branch


def test_a_batch_is_its_rows():
    """An example's output depends on its sample address and not on its place in the batch."""
    network, parameters, x, _, _ = problem("mlp")
    both, _ = network.forward(parameters, x, CounterDraws(Streams(8), Purpose.TRAIN, 0, np.array([3, 5])))
    second, _ = network.forward(parameters, x[1:], CounterDraws(Streams(8), Purpose.TRAIN, 0, np.array([5])))
    # To rounding: a matrix product may add up a row differently in a larger matrix.
    np.testing.assert_allclose(both[1:], second, rtol=1e-13)


@pytest.mark.parametrize("fitted", [False, True])
def test_kl_gradient_is_the_derivative(fitted):
    network, parameters, _, _, rng = problem("recurrent")
    _, gradients = network.kl(parameters, fitted=fitted)
    for key, gradient in gradients.items():
        direction = rng.uniform(-1.0, 1.0, gradient.shape)

        def along(t, key=key, direction=direction):
            value = network.kl({**parameters, key: parameters[key] + t * direction}, fitted=fitted)[0]
            return value, value  # a sum of terms that are never negative

        expected, bound = derivative(along)
        assert abs((gradient * direction).sum() - expected) <= bound, key


@pytest.mark.parametrize(
    ("layers", "signal", "expected"),
    [
        ([Dense(4), Spike(), Dense(2), SampledReadout()], Signal("values", (3,)), [1, 1]),
        ([Dense(4), Spike(noise="logistic"), Dense(2), SampledReadout()], Signal("values", (3,)), [1, 1]),
        # 3x3 filters without padding have 4 x 3 places on 6 x 5.
        ([Conv2d(4), Spike(), Flatten(), Dense(2), SampledReadout()], IMAGE, [12, 1]),
        ([Dense(4), LIF(beta=0.0), Dense(2), LeakyReadout(), SampledReadout()], FRAMES, [5, 5]),
        ([Dense(4), LIF(beta=0.0, adapt=0.5), Dense(2), LeakyReadout(), SampledReadout()], FRAMES, [5, 5]),
        ([Dense(4), LIF(theta=0.0, noise="logistic", adapt=0.5), Dense(2), LeakyReadout()], FRAMES, [None, 5]),
        ([Dense(4), LIF(beta=0.0, alpha=0.5), Dense(2), LeakyReadout(), SampledReadout()], FRAMES, [15, 5]),
        ([Dense(4), LIF(recurrent=True), Dense(2), LeakyReadout(), SampledReadout()], FRAMES, [15, 15, 5]),
        ([Dense(4), LIF(accumulate=False), Dense(2), LeakyReadout(), SampledReadout()], FRAMES, [None, 5]),
        ([Dense(4), LIF(noise="logistic"), Dense(2), LeakyReadout(), SampledReadout()], FRAMES, [None, 5]),
        ([Dense(4), LIF(theta=0.0, noise="logistic"), Dense(2), LeakyReadout(reduce="max")], FRAMES, [15, None]),
        # The stem is read by two blocks and the last units, the first block's last layer by one block less.
        (
            [
                Conv2d(2),
                Residual((Spike(), Conv2d(2, padding=1), Spike(), Conv2d(2, padding=1))),
                Residual((Spike(), Conv2d(2, padding=1))),
                Spike(),
                Flatten(),
                Dense(2),
            ],
            IMAGE,
            [36, 12, 24, 12, 1],
        ),
        (
            [Conv2d(2), Residual((Spike(), Conv2d(2, padding=1)), accumulate=False), Spike(), Flatten(), Dense(2)],
            IMAGE,
            [None, 12, 1],
        ),
        ([Dense(4, posterior="point"), LIF(recurrent=True), Dense(2, posterior="point")], FRAMES, []),
    ],
)
def test_draws_are_counted_layer_by_layer(layers, signal, expected):
    network = Network(layers, signal)
    assert network.draws().keys() == chain.priors(network.stages).keys()
    found = network.draws()
    assert [count for name, count in found.items() if not name.endswith("bias_")][::-1] == expected
    assert all(found[name.removesuffix("bias_")] == count for name, count in found.items() if name.endswith("bias_"))


def test_kl_of_each_draw_is_that_of_one_times_the_draws():
    network, parameters, _, _, _ = problem("recurrent")
    draws = network.draws()
    assert set(draws.values()) - {1}
    once = network.kl(parameters)[1]
    value, gradients = network.kl(parameters, each_draw=True)
    priors = chain.priors(network.stages)
    expected = 0.0
    for name, count in draws.items():
        mu, rho = parameters[f"{name}mu"], parameters[f"{name}rho"]
        ratio = np.exp(rho) / priors[name]
        expected += count * 0.5 * (mu**2 / priors[name] + ratio - 1.0 - np.log(ratio)).sum()  # theory 4.2
    assert value == pytest.approx(expected, rel=1e-12)  # some dozen terms of order one, a few roundings each
    for name, count in draws.items():
        for key in (f"{name}mu", f"{name}rho"):
            np.testing.assert_allclose(gradients[key], count * once[key], rtol=1e-15)


def test_kl_of_each_draw_needs_a_number_of_draws():
    network = Network([Dense(4), LIF(accumulate=False)], FRAMES)
    with pytest.raises(InputError, match=r"no number of draws of 0.dense.mu gives this network's law"):
        network.kl(network.initial(Streams(0)), each_draw=True)


def test_extra_uniforms_reach_the_member():
    layers = [Dense(4), Spike(member="gr(tau=0.5,K=3)"), Dense(2)]
    network = Network(layers, Signal("values", (5,)))
    parameters = network.initial(Streams(0))
    output, tape = network.forward(
        parameters, np.ones((2, 5)), CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(2))
    )
    gradients, _ = network.backward(parameters, tape, output)
    assert all(np.isfinite(g).all() for g in gradients.values())


@pytest.mark.parametrize(
    ("layers", "signal", "message"),
    [
        ([Dense(3), Dense(2)], Signal("values", (4,)), "layer 1.dense: dense takes values"),
        ([Spike()], Signal("values", (4,)), "layer 0.spike: spike takes moments"),
        ([Dense(3), LIF()], Signal("values", (4,)), "layer 1.lif: lif takes moments over time"),
        ([Dense(3)], IMAGE, "layer 0.dense: dense takes values of shape"),
        ([Conv2d(3, size=9)], IMAGE, "layer 0.conv2d: conv2d: a filter of 9 does not fit"),
        ([Dense(3), Spike(), MaxPool(2)], Signal("values", (4,)), "layer 2.max_pool"),
        (
            [Dense(3), Residual((Spike(), Dense(4)))],
            Signal("values", (4,)),
            "layer 1.residual: residual: the branch gives",
        ),
        ([Dense(3), Residual((Dense(3),))], Signal("values", (4,)), "layer 0.dense: dense takes values"),
        ([], IMAGE, "at least one layer"),
        (["dense"], IMAGE, "layer 0 is a str"),
    ],
)
def test_layers_that_do_not_fit(layers, signal, message):
    with pytest.raises(InputError, match=message):
        Network(layers, signal)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "dense: out is 0"),
        (lambda: Dense(2, posterior="laplace"), "accepted: 'gaussian', 'point'"),
        (lambda: Dense(2, spread=-1.0), "dense: spread is -1.0"),
        (lambda: Spike(member="stt"), "estimator is 'stt'"),
        (lambda: Spike(noise="cauchy"), "cauchy"),
        (lambda: Spike(domain="ternary"), "accepted: 'binary', 'bipolar'"),
        (lambda: LIF(beta=1.5), "lif: beta is 1.5"),
        (lambda: LIF(reset="none"), "accepted: 'hard', 'soft'"),
        (lambda: LeakyReadout(reduce="sum"), "accepted: 'mean', 'max', 'last'"),
        (lambda: MaxPool(0), "max_pool: size is 0"),
        (lambda: Residual((), scale=np.nan), "residual: scale is nan"),
    ],
)
def test_impossible_layers(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_impossible_batches():
    network, parameters, x, draws, _ = problem("mlp")
    with pytest.raises(InputError, match="input has shape"):
        network.forward(parameters, x[:, :3], draws)
    with pytest.raises(InputError, match="NaN"):
        network.forward(parameters, np.where(x == x[0, 0], np.nan, x), draws)
    with pytest.raises(InputError, match=r"'0\.dense\.mu' is missing"):
        network.check({k: v for k, v in parameters.items() if k != "0.dense.mu"})
    with pytest.raises(InputError, match="penalty is 'curvature'; accepted: 'sensitivity', 'norm'"):
        Network([Dense(2)], Signal("values", (4,)), penalty="curvature")
    with pytest.raises(InputError, match="backend is 'cuda'"):
        Network([Dense(2)], Signal("values", (4,)), backend="cuda")
