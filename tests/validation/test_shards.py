"""The shards of a batch against the oracle: all joint states in shards, summed as integers, are the exact mean."""

import numpy as np
import pytest

from refsbnn import fixed_point
from refsbnn.training.sums import ZERO, Sum, exponent, next_scale
from tests.validation.twins import CASES
from validation import driver, twin
from validation.evidence.agreement import TOLERANCE

NAMES = ("dense", "residual", "neurons on spikes")


@pytest.mark.parametrize("shards", [2, 5, 16])
@pytest.mark.parametrize("name", NAMES)
def test_the_sum_over_shards_of_all_states_is_the_oracles_mean(name: str, shards: int) -> None:
    """Each state is a row whose loss has its probability for a weight; the oracle knows the estimate's mean."""
    net, x, loss, member, words = CASES[name](np.random.default_rng(len(name)))
    one = twin.of(net, x, loss, member, **words)
    p, draws = driver.states(one, x, loss)
    rows = list(driver.each_row(one, draws))
    cut = [
        sum_of([driver.run(one, x, loss, rows[i], p[i : i + 1])[1] for i in part])
        for part in np.array_split(np.arange(len(rows)), shards)
    ]
    answers = driver.answers(one, x, loss)
    shapes = {key: value.shape for key, value in cut[0].items()}
    exponents = {key: max(exponent(fixed_point.largest(each[key].ravel())) for each in cut) for key in shapes}
    scale = next_scale(dict.fromkeys(shapes, ZERO), exponents)
    total = Sum(shapes, scale, shards, np.zeros(sum(value.size for value in cut[0].values()), np.int64))
    for each in cut:
        total.add(each)
    found = total.value({key: np.dtype(float) for key in shapes})
    for key, answer in answers.items():
        largest = np.abs(answer.mean).max()
        bound = shards**2 * 2.0 ** (scale[key] - 62)  # theory 6.4
        assert bound <= 2.0**-36 * largest  # the rounding that integers add is far below float32's
        np.testing.assert_allclose(found[key], answer.mean, rtol=0.0, atol=bound + 100 * TOLERANCE["float64"] * largest)


def sum_of(gradients: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """A shard's gradient, as one backward pass over its rows adds it up."""
    return {key: np.sum([each[key] for each in gradients], axis=0) for key in gradients[0]}
