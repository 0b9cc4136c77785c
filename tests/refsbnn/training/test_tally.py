"""Sums over an epoch: signal-to-noise against its definition; a restored tally goes on to the same bits."""

import json

import numpy as np

from refsbnn.training.tally import Tally


def steps(count: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        {
            key: 0.3 + rng.standard_normal((3, 5))
            for key in ("0.dense.mu", "1.lif.recurrent_mu", "0.dense.bias_mu", "0.dense.rho")
        }
        for _ in range(count)
    ]


def test_signal_to_noise_is_its_definition():
    """||mean||^2 / trace of the covariance, with NumPy's own variance; weight means alone are recorded."""
    tally, all_steps = Tally(), steps(7)
    for step in all_steps:
        tally.add({}, step)
    ratios = tally.ratios()
    assert sorted(ratios) == ["0.dense.mu", "1.lif.recurrent_mu"]
    for key, ratio in ratios.items():
        g = np.stack([step[key] for step in all_steps])
        # Both are sums of some 100 products; the difference of means loses a factor below 10.
        np.testing.assert_allclose(ratio, (g.mean(0) ** 2).sum() / g.var(0).sum(), rtol=1e-12)


def test_a_number_is_averaged_over_the_steps_that_gave_it():
    tally = Tally()
    for i in range(6):
        tally.add({"loglik": float(i)} | ({"rate.0": float(i)} if i % 3 == 0 else {}), {})
    assert tally.means() == {"loglik": 2.5, "rate.0": 1.5}


def test_a_gradient_that_never_changes_has_no_noise():
    tally = Tally()
    for _ in range(2):
        tally.add({}, {"0.dense.mu": np.zeros(2)})
    assert tally.ratios() == {"0.dense.mu": 0.0}


def test_gradients_are_left_alone():
    tally, g = Tally(), np.ones(2)
    for _ in range(3):
        tally.add({}, {"0.dense.mu": g})
    np.testing.assert_array_equal(g, 1.0)


def test_a_restored_tally_goes_on_to_the_same_bits():
    whole, half = Tally(), Tally()
    for i, step in enumerate(steps(6)):
        numbers = {"loglik": -1 / (i + 3), "rate.0": 0.1 * i}
        if i == 3:
            half = Tally.restored(json.loads(json.dumps(half.facts())), half.gradients.items())
        whole.add(numbers, step)
        half.add(numbers, step)
    assert whole.means() == half.means()
    assert whole.ratios() == half.ratios()
