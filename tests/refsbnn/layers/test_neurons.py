"""Neurons with numbers of their own: initial values, what is trained, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from refsbnn import optim
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.layers import LIF, Conv2d, Dense, LeakyReadout, SampledReadout, Signal, description
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams

SOUND = Signal("values", (5,), "binary", 6)
END = [Dense(2), LeakyReadout(), SampledReadout()]


def test_initial_values_differ_by_the_spread_around_the_layers() -> None:
    """2,000 normals: mean and deviation lie within six standard errors with probability 1 - 4e-9 each."""
    layer = LIF(beta=0.8, theta=0.5, learn_beta=True, beta_spread=1.5, learn_theta=True, theta_spread=0.1)
    own = Network([Dense(2000), layer, *END], SOUND).initial(Streams(3))
    for key, centre, spread in (("1.lif.beta_logit", special.logit(0.8), 1.5), ("1.lif.theta", 0.5, 0.1)):
        z = (own[key] - centre) / spread
        assert z.shape == (2000,)
        assert abs(z.mean()) <= 6 / np.sqrt(2000)
        assert abs(z.std() - 1.0) <= 6 / np.sqrt(2 * 2000)
    assert abs(np.corrcoef(own["1.lif.beta_logit"], own["1.lif.theta"])[0, 1]) <= 6 / np.sqrt(2000)


def test_without_spread_all_begin_as_the_layer_says_and_the_other_weights_are_those_of_without() -> None:
    layers = [Dense(4), LIF(beta=0.8, recurrent=True), *END]
    plain = Network(layers, SOUND).initial(Streams(1))
    layers[1] = LIF(beta=0.8, recurrent=True, learn_beta=True, learn_theta=True)
    own = Network(layers, SOUND).initial(Streams(1))
    assert own.keys() - plain.keys() == {"1.lif.beta_logit", "1.lif.theta"}
    assert all((own[key] == plain[key]).all() for key in plain)
    np.testing.assert_allclose(special.expit(own["1.lif.beta_logit"]), 0.8, rtol=1e-15)
    assert (own["1.lif.theta"] == 1.0).all()


def test_neither_kl_nor_weight_decay_and_one_for_each_channel() -> None:
    layers = [Conv2d(3), LIF(learn_beta=True, learn_theta=True)]
    network = Network(layers, Signal("values", (5, 4, 1), "binary", 2))
    own = network.initial(Streams(1))
    assert own["1.lif.beta_logit"].shape == own["1.lif.theta"].shape == (3,)
    assert not {key for key in network.kl(own)[1] if ".lif." in key}
    assert not optim.decayed("1.lif.beta_logit")
    assert not optim.decayed("1.lif.theta")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta_spread": 0.5}, "lif: beta_spread is 0.5; it needs learn_beta = true"),
        ({"theta_spread": 0.5, "learn_beta": True}, "lif: theta_spread is 0.5; it needs learn_theta = true"),
        ({"learn_beta": True, "beta_spread": -1.0}, "lif: beta_spread is -1.0; expected a number >= 0"),
        ({"learn_beta": True, "beta": 1.0}, "lif: beta is 1.0; one that is learnt lies between 0 and 1"),
        ({"learn_beta": True, "beta": 0.0}, "lif: beta is 0.0; one that is learnt"),
    ],
)
def test_what_is_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        LIF(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.5}, "lif: alpha is 1.5; expected a number from 0 to 1"),
        ({"alpha": "x"}, "lif: alpha is 'x'; expected a number from 0 to 1"),
        ({"adapt": -0.5}, "lif: adapt is -0.5; expected a finite number >= 0"),
        ({"adapt": 0.5, "adapt_decay": -0.1}, "lif: adapt_decay is -0.1; expected a number from 0 to 1"),
        ({"adapt_decay": 0.5}, "lif: adapt_decay is 0.5; it needs an adapt above 0"),
    ],
)
def test_slow_states_that_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        LIF(**options)
    assert "\n" not in str(caught.value)


def test_slow_states_have_no_parameters_and_are_described() -> None:
    layers = [Dense(4), LIF(recurrent=True, alpha=0.5, adapt=0.7, adapt_decay=0.8), *END]
    network, plain = Network(layers, SOUND), Network([Dense(4), LIF(recurrent=True), *END], SOUND)
    own, other = network.initial(Streams(1)), plain.initial(Streams(1))
    assert own.keys() == other.keys()
    assert all((own[key] == other[key]).all() for key in own)
    assert description.build(description.describe(layers)) == layers


@pytest.mark.parametrize(("reset", "beta"), [("hard", 0.9), ("soft", 0.0)])
def test_what_a_layer_hears_is_the_estimate_of_each_unit(reset: str, beta: float) -> None:
    """(5.11) through a current and a threshold: summed with dr_t/dtheta, c_t gives the threshold's gradient (3.28).

    With a soft reset and beta = 0 dM_t is c_t / s_t, so what the reset adds is known too.
    """
    slow = {"alpha": 0.6, "adapt": 0.7, "adapt_decay": 0.8, "theta": 0.3}
    layers = [Dense(4), LIF(beta=beta, recurrent=True, learn_theta=True, reset=reset, **slow), *END]
    network, heard = Network(layers, SOUND), dict[int, np.ndarray]()
    parameters, rng = network.initial(Streams(1)), np.random.default_rng(3)
    x = (rng.random((6, 3, 5)) < 0.5).astype(np.uint8)
    logits, tape = network.forward(parameters, x, CounterDraws(Streams(1), Purpose.TRAIN, 0, np.arange(3)))
    listening = replace(tape, run=replace(tape.run, heard=heard))
    gradients, _ = network.backward(parameters, listening, rng.normal(size=logits.shape))
    own = tape.stages[1]
    each = heard[1] / np.sqrt(own.V)
    expected = -each.sum(axis=(0, 1))
    if reset == "soft":
        expected -= (own.z[:-1] * each[1:]).sum(axis=(0, 1))
    # Some forty terms of order one.
    np.testing.assert_allclose(gradients["1.lif.theta"], expected, rtol=1e-12, atol=1e-13)
