"""Predictions: the average of softmaxes, the mean weights, and what they may not depend on."""

import numpy as np
import pytest
from scipy import special

from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.evaluation.operations import Counts
from refsbnn.evaluation.predict import predict
from refsbnn.layers import Dense, Signal
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from tests.refsbnn.evaluation.networks import LAYERS, build

EXAMPLES = 11


def test_the_average_of_softmaxes() -> None:
    network, inputs = build("dense", EXAMPLES)
    parameters = network.initial(Streams(2))
    each = []
    for sample in range(3):
        draws = CounterDraws(Streams(4), Purpose.PREDICT, sample, np.arange(EXAMPLES))
        each.append(special.softmax(network.forward(parameters, inputs.x, draws)[0], axis=1))
    got = predict(network, parameters, inputs, EXAMPLES, Streams(4), 3)
    np.testing.assert_allclose(got, np.mean(each, axis=0), rtol=1e-14)
    np.testing.assert_array_equal(predict(network, parameters, inputs, EXAMPLES, Streams(4), 1), each[0])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("samples", [0, 2])
def test_batches_change_no_bit_of_the_kernels(name: str, samples: int) -> None:
    network, inputs = build(name, EXAMPLES, "numba", "float32")
    parameters = network.initial(Streams(2))
    whole, counted = None, None
    for batch in (EXAMPLES, 1, 4):
        counts = Counts(network)
        got = predict(network, parameters, inputs, EXAMPLES, Streams(4), samples, batch=batch, counts=counts)
        whole, counted = (got, counts) if whole is None else (whole, counted)
        np.testing.assert_array_equal(got, whole)
        assert counts.operations() == counted.operations()
        assert counts.rates() == counted.rates()


@pytest.mark.parametrize("name", LAYERS)
def test_batches_change_the_reference_by_rounding(name: str) -> None:
    """NumPy's matrix products may sum a row in another order in a batch of another size: tens of terms of order 1."""
    network, inputs = build(name, EXAMPLES)
    parameters = network.initial(Streams(2))
    whole = predict(network, parameters, inputs, EXAMPLES, Streams(4), 2)
    for batch in (1, 4):
        got = predict(network, parameters, inputs, EXAMPLES, Streams(4), 2, batch=batch)
        np.testing.assert_allclose(got, whole, rtol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_mean_weights_are_the_limit_of_no_variance(name: str, backend: str) -> None:
    """With sigma2 = exp(-60), r is m / s of order 1e13 and no uniform of the grid is above or below its F(r) by chance;
    the noise of the readout is of order 1e-13."""
    network, inputs = build(name, EXAMPLES, backend)
    parameters = network.initial(Streams(2))
    mean = predict(network, parameters, inputs, EXAMPLES, Streams(4), 0)
    cold = {key: np.full_like(value, -60.0) if key.endswith("rho") else value for key, value in parameters.items()}
    np.testing.assert_array_equal(predict(network, cold, inputs, EXAMPLES, Streams(4), 0), mean)  # no variance enters
    for samples in (1, 3):
        got = predict(network, cold, inputs, EXAMPLES, Streams(4), samples)
        np.testing.assert_allclose(got, mean, rtol=1e-9)


def test_mean_weights_take_one_pass_and_no_seed() -> None:
    network, inputs = build("convolution", EXAMPLES)
    parameters = network.initial(Streams(2))
    counts = Counts(network)
    got = predict(network, parameters, inputs, EXAMPLES, Streams(4), 0, counts=counts)
    assert counts.passes == EXAMPLES
    np.testing.assert_array_equal(got, predict(network, parameters, inputs, EXAMPLES, Streams(5), 0))


def test_alike_depends_on_no_other_example_and_no_place() -> None:
    network, inputs = build("spiking", EXAMPLES, "numba", "float32")
    parameters = network.initial(Streams(2))
    whole = predict(network, parameters, inputs, EXAMPLES, Streams(4), 3, alike=True)
    inputs.x = inputs.x[:, ::-1]
    turned = predict(network, parameters, inputs, EXAMPLES, Streams(4), 3, alike=True, batch=4)
    np.testing.assert_array_equal(turned[::-1], whole)


def test_every_pass_is_reported() -> None:
    network, inputs = build("dense", EXAMPLES)
    told: list[int] = []
    predict(network, network.initial(Streams(2)), inputs, EXAMPLES, Streams(4), 2, batch=4, report=told.append)
    assert told == [4, 4, 4, 4, 3, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": -1}, "samples is -1; expected an integer >= 0"),
        ({"samples": 1.0}, "samples is 1.0"),
        ({"samples": 1, "batch": 0}, "batch is 0; expected an integer >= 1"),
        ({"samples": 1, "examples": 0}, "examples is 0"),
    ],
)
def test_bad_numbers(options: dict[str, object], message: str) -> None:
    network, inputs = build("dense", EXAMPLES)
    given = {"examples": EXAMPLES, "streams": Streams(4), **options}
    with pytest.raises(InputError, match=message):
        predict(network, network.initial(Streams(2)), inputs, **given)  # type: ignore[arg-type]


def test_moments_are_no_logits() -> None:
    network = Network([Dense(2)], Signal("values", (3,)))
    _, inputs = build("dense", 1)
    with pytest.raises(InputError, match="need a SampledReadout at its end"):
        predict(network, network.initial(Streams(1)), inputs, 1, Streams(1), 1)
