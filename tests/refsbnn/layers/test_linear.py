"""Linear layers: what their weights begin with, and the prior they are held to."""

import numpy as np
import pytest

from refsbnn.layers import Conv2d, Dense, Signal
from refsbnn.layers.linear import Linear
from refsbnn.network import Network
from refsbnn.streams import Streams

EPS = np.finfo(float).eps


@pytest.mark.parametrize(
    ("layer", "signal", "inputs"),
    [
        (Dense(500, gain=2.0, spread=0.3, prior=5.0), Signal("values", (40,)), 40),
        (Conv2d(500, size=3, gain=2.0, spread=0.3, prior=5.0), Signal("values", (6, 5, 4)), 36),
    ],
)
def test_initial_variance_and_prior_are_shared_by_the_inputs_of_a_unit(
    layer: Linear, signal: Signal, inputs: int
) -> None:
    """Gain, spread and prior are variances times the fan-in, so that v does not grow with it (theory 3.5, 4.2).

    mu's variance over 18,000 weights or more: its relative error has a standard deviation of sqrt(2 / 18000) = 0.011,
    and 0.06 is beyond 5 of them (false alarm 6e-7 or less).
    """
    network = Network([layer], signal)
    name = network.stages[0].name
    parameters = network.initial(Streams(1))
    assert abs(inputs * parameters[f"{name}.mu"].var() / 2.0 - 1.0) < 0.06
    for key in ("rho", "bias_rho"):  # a logarithm and a quotient: a few roundings of numbers up to 6
        np.testing.assert_allclose(parameters[f"{name}.{key}"], np.log(0.3 / inputs), rtol=4 * EPS)
    # With mu = 0 and sigma2 = the prior the divergence is 0, and with a variance of another size it is not.
    at = {key: np.zeros_like(value) for key, value in parameters.items()}
    at |= {key: np.full_like(value, np.log(5.0 / inputs)) for key, value in at.items() if key.endswith("rho")}
    weights = sum(value.size for key, value in at.items() if key.endswith("rho"))
    # Each term is (s - 1 - log s) / 2 at s = 1 up to a few roundings, of which the first order cancels.
    assert abs(network.kl(at)[0]) <= 8 * EPS * weights
