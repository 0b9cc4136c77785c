"""Many small networks at once: their numbers, and the gradients of their penalties, are the oracle's."""

import numpy as np
import pytest

import oracle
from validation.evidence import batch, batch_oracle, descent
from validation.evidence.batch_shape import Batch, Charges, Shape
from validation.evidence.descent import Mark

SHAPES = {
    "dense": Shape("dense"),
    "dense bipolar": Shape("dense", "bipolar"),
    "residual": Shape("residual", width=2, stages=3),
    "residual bipolar": Shape("residual", "bipolar", width=2, stages=3),
    "soft": Shape("lif", width=2, stages=3),
    "hard": Shape("lif", width=2, stages=3, hard=True),
}


def made(name: str, count: int = 2, examples: int = 2) -> tuple[Batch, np.random.Generator]:
    rng = np.random.default_rng(4)
    shape = SHAPES[name]
    return Batch(shape, shape.initial(rng, count), *shape.examples(rng, count, examples)), rng


def charged(batch_: Batch, penalty: str) -> np.ndarray:
    """The penalty of each network by the oracle: means over examples."""
    found = []
    for i, (inputs, labels) in enumerate(zip(batch_.x, batch_.labels, strict=True)):
        net = batch_oracle.net_of(batch_, i)
        each = [oracle.penalty(net, x, oracle.Categorical(int(label))) for x, label in zip(inputs, labels, strict=True)]
        found.append(np.mean([one.curvature if penalty == "bent" else one.value - one.curvature for one in each]))
    return np.array(found)


@pytest.mark.parametrize("penalty", ["moved", "bent"])
@pytest.mark.parametrize("name", SHAPES)
def test_the_gradient_of_the_penalty_is_the_oracles(name: str, penalty: str) -> None:
    one, rng = made(name)
    none, all_ = np.zeros(2), np.ones(2)
    charges = Charges(none, none, none, none, none)._replace(**{penalty: all_})
    with_, without = batch.exact(one, charges).gradient, batch.exact(one).gradient
    step = 1e-5
    for key, value in one.parameters.items():
        direction = rng.normal(size=value.shape)
        ends = [
            charged(one._replace(parameters={**one.parameters, key: value + sign * step * direction}), penalty)
            for sign in (1.0, -1.0)
        ]
        got = ((with_[key] - without[key]) * direction).reshape(2, -1).sum(axis=1)
        # Central differences: step^2 times third derivatives below 1e3, and eps / step.
        np.testing.assert_allclose(got, (ends[0] - ends[1]) / (2.0 * step), rtol=1e-6, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("kind", ["first", "rest", "kl"])
def test_the_other_charges_by_differences(kind: str) -> None:
    """B of dense layers from the oracle's activity, KL from its sum."""
    one, rng = made("dense")
    none = np.zeros(2)
    charges = Charges(none, none, none, none, none)._replace(**{kind: np.ones(2)})

    def value(parameters: dict[str, np.ndarray]) -> np.ndarray:
        moved, found = one._replace(parameters=parameters), []
        for i in range(2):
            net = batch_oracle.net_of(moved, i)
            if kind == "kl":
                parts = ((parameters[f"{t}.mu"][i], parameters[f"{t}.rho"][i]) for t in range(2))
                found.append(
                    sum(0.5 * (mu**2 * mu.shape[1] + np.exp(rho) * mu.shape[1] - rho).sum() for mu, rho in parts)
                )
                continue
            layer = 0 if kind == "first" else 1
            found.append(np.mean([oracle.activity(net, x)[layer].penalty for x in one.x[i]]) / 2.0)  # of two layers
        return np.array(found)

    got, without = batch.exact(one, charges).gradient, batch.exact(one).gradient
    step = 1e-5
    for key, parameter in one.parameters.items():
        direction = rng.normal(size=parameter.shape)
        ends = [value({**one.parameters, key: parameter + sign * step * direction}) for sign in (1.0, -1.0)]
        found = ((got[key] - without[key]) * direction).reshape(2, -1).sum(axis=1)
        np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2.0 * step), rtol=1e-6, atol=1e-7, err_msg=key)


def test_training_stops_each_network_at_its_mark() -> None:
    one, _ = made("dense", 8, 4)
    none = np.zeros(8)
    marks = (Mark("loss", loss=0.9), Mark("accuracy", accuracy=0.6), Mark("never", loss=-1.0))
    reached = descent.train(one, Charges(none, none, none, none, none), marks, 60)
    loss, accuracy = (batch.exact(each.batch) for each in reached[:2])
    assert reached[0].met.any()
    assert (loss.loss[reached[0].met] <= 0.9).all()
    assert (accuracy.accuracy[reached[1].met] >= 0.6).all()
    assert not reached[2].met.any()
    np.testing.assert_array_equal(reached[2].batch.parameters["0.mu"], one.parameters["0.mu"])
