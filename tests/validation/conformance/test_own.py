"""Own noise: exact tests, a law that is the oracle's, fail-closed runs, and the false-alarm rate that is promised."""

import numpy as np
import pytest
from scipy import stats

from validation.conformance.adapters import Capabilities, Unsupported
from validation.conformance.adapters.reference import Reference
from validation.conformance.own import run as own
from validation.conformance.own.cases import make
from validation.conformance.own.law import law
from validation.conformance.own.statistics import bernstein_p, bernstein_reach, binomial_p, detectable

CASES = {case.id: case for case in make()}
SMALL = [CASES[name] for name in ("own.layered_gaussian_st", "own.layered_bipolar", "own.lif_hard_flowing")]


@pytest.mark.parametrize("p", [0.0, 1e-6, 0.3, 0.5, 0.999, 1.0])
def test_the_binomial_test_is_exact(p: float) -> None:
    """Twice the smaller tail; summed over all counts, P(p-value <= a) <= a for every a that occurs."""
    draws = 40
    counts = np.arange(draws + 1)
    values = binomial_p(counts, draws, np.full(counts.shape, p), 0.0)
    law = stats.binom(draws, p)
    tails = np.minimum(law.cdf(counts), law.sf(counts - 1))
    np.testing.assert_allclose(values, np.minimum(1.0, 2.0 * tails), rtol=1e-9, atol=1e-300)
    for level in np.unique(values):
        # The rounding of 41 probabilities.
        assert law.pmf(counts[values <= level]).sum() <= level * (1.0 + 1e-9) + 1e-15


def test_an_uncertain_probability_only_loosens_the_test() -> None:
    counts, p = np.arange(41), np.full(41, 0.3)
    assert (binomial_p(counts, 40, p, 0.01) >= binomial_p(counts, 40, p, 0.0)).all()


def test_bernstein_bounds_a_worst_case() -> None:
    """A scaled Bernoulli variable, whose exact tail is binomial."""
    draws, p = 200, 0.05
    for alpha in (0.1, 1e-3, 1e-6):
        t = float(bernstein_reach(alpha, draws, np.array(p * (1 - p)), np.array(1.0 - p)))
        law = stats.binom(draws, p)
        exact = law.sf(np.ceil(draws * (p + t)) - 1) + law.cdf(np.floor(draws * (p - t)))
        assert exact <= alpha
        assert float(bernstein_p(np.array(t), draws, np.array(p * (1 - p)), np.array(1.0 - p))) == pytest.approx(alpha)


def test_a_mean_without_spread_has_to_be_met() -> None:
    zero = np.zeros(1)
    assert bernstein_p(np.array([1e-9]), 10, zero, zero) == 0.0
    assert bernstein_p(zero, 10, zero, zero) == 1.0


def test_a_detectable_error_is_detected() -> None:
    """A shifted Bernoulli of the stated size is missed by both stages together at most as often as stated."""
    p, level, draws = 0.3, 1e-9, (2000, 20_000)
    shift = float(detectable((own.SUSPICIOUS, level), draws, own.MISS, np.array(p * (1 - p)), np.array(1.0)))
    missed = 0.0
    for alpha, n in zip((own.SUSPICIOUS, level), draws, strict=True):
        counts = np.arange(n + 1)
        passing = binomial_p(counts, n, np.full(n + 1, p), 0.0) >= alpha
        # A spread no larger than the right one's is the assumption; p - shift has a smaller one.
        missed += stats.binom(n, p - shift).pmf(counts[passing]).sum()
    assert missed <= own.MISS


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_law_is_a_law(case) -> None:
    exact = law(case)
    # 2^6 products of six probabilities.
    assert exact.joint.sum() == pytest.approx(1.0, abs=64 * 8 * 2.0**-52)
    assert set(exact.mean) == {f"d{name}" for name in case.parameters}
    for name, mean in exact.mean.items():
        assert mean.shape == case.parameters[name[1:]].shape
        # No variable deviates less than its standard deviation from its mean at most.
        assert (exact.variance[name] <= np.square(exact.reach[name]) * (1.0 + 1e-9)).all()


def test_the_reference_passes() -> None:
    outcomes, facts = own.run(Reference(), "float64", 3)
    assert {outcome.verdict for outcome in outcomes} == {"pass"}
    assert "at most 1e-06" in facts["false alarms"]
    assert all(outcome.detectable for outcome in outcomes)


class Broken(Reference):
    """Changes what a correct network returns."""

    def __init__(self, change) -> None:
        self.change = change

    def run(self, op, arrays, noise, dtype, seed):
        return self.change(dict(super().run(op, arrays, noise, dtype, seed)))


def unsupported(out):
    raise Unsupported("no networks")


CHANGES = {
    "a missing gradient": lambda out: {k: y for k, y in out.items() if k != "dmu0"},
    "an unknown output": lambda out: {**out, "more": np.zeros(1)},
    "a NaN": lambda out: {**out, "dmu0": np.full_like(out["dmu0"], np.nan)},
    "a transposed gradient": lambda out: {**out, "dmu0": out["dmu0"].T},
    "float spikes": lambda out: {**out, "z0": out["z0"] * 1.0},
    "too few examples": lambda out: {**out, "z0": out["z0"][1:], "z1": out["z1"][1:]},
    "no spikes": lambda out: {k: y for k, y in out.items() if k[0] != "z"},
    "a gradient of another type": lambda out: {**out, "dmu0": out["dmu0"].astype(np.float32)},
    "a complex gradient": lambda out: {**out, "dmu0": out["dmu0"] + 0j},
    "a loss that is none": lambda out: {**out, "loss": np.full(3, np.nan)},
    "numbers for names": lambda out: {1: out["dmu0"]},
    "spikes of 2": lambda out: {**out, "z0": 2 * out["z0"]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_malformed_outputs_fail(change) -> None:
    outcome = own.run_case(Broken(change), SMALL[0], "float64", 0, 1e-9, 2000)
    assert outcome.verdict == "fail"
    assert "ValueError" in outcome.message


def test_no_results_fail() -> None:
    outcome = own.run_case(Broken(lambda out: None), SMALL[0], "float64", 0, 1e-9, 2000)
    assert outcome.message == "ValueError: the results are a NoneType; expected a mapping from names to arrays"


def leaves(out):
    raise SystemExit(0)


def test_an_adapter_that_exits_has_not_passed() -> None:
    assert own.run_case(Broken(leaves), SMALL[0], "float64", 0, 1e-9, 2000).verdict == "fail"


def test_what_is_declared_is_unsupported() -> None:
    assert own.run_case(Broken(unsupported), SMALL[0], "float64", 0, 1e-9, 2000).verdict == "unsupported"
    assert own.run_case(Reference(), SMALL[0], "bfloat16", 0, 1e-9, 2000).verdict == "unsupported"

    class Quiet(Reference):
        def capabilities(self):
            return Capabilities(("float64",), own_noise=False)

    assert own.run_case(Quiet(), SMALL[0], "float64", 0, 1e-9, 2000).verdict == "unsupported"


def test_false_alarms_are_as_rare_as_promised() -> None:
    """A correct implementation at alpha = 1/2, 200 times: failing runs, and each single test, stay within the bound.

    Were the rate above the bound, the number of alarms would be above the binomial quantile; this test's own chance of
    a false alarm is 1e-6 for each of the three counts.
    """
    runs, alpha, adapter = 200, 0.5, Reference()
    level = own.level_of(alpha, SMALL)
    alarms = sum(
        any(
            o.verdict == "fail"
            for o in own.run(adapter, "float64", 900 + k, alpha=alpha, examples=2000, cases=SMALL)[0]
        )
        for k in range(runs)
    )
    assert alarms <= stats.binom(runs, alpha).ppf(1.0 - 1e-6)
    # One unit's test on its own: the exact rate at 5 % is that of the binomial, so it is bounded on both sides.
    case, draws = SMALL[0], 2000
    p = float(law(case).marginals[0])
    counts = np.arange(draws + 1)
    values = binomial_p(counts, draws, np.full(counts.shape, p), own.LAW_ERROR * law(case).units)
    rate = stats.binom(draws, p).pmf(counts[values <= 0.05]).sum()
    assert 0.02 < rate <= 0.05
    seen = sum(
        float(own.sample(adapter, case, draws, "float64", 50_000_000 + k).p["marginal"][0]) <= 0.05 for k in range(400)
    )
    assert stats.binom(400, rate).ppf(1e-6) <= seen <= stats.binom(400, rate).ppf(1.0 - 1e-6)
    assert level < own.SUSPICIOUS
