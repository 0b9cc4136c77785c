"""Neurons with numbers of their own: initial values, what is trained, what is refused."""

import numpy as np
import pytest
from scipy import special

from refsbnn import optim
from refsbnn.errors import InputError
from refsbnn.layers import LIF, Conv2d, Dense, LeakyReadout, SampledReadout, Signal
from refsbnn.network import Network
from refsbnn.streams import Streams

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
