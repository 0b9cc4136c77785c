"""Own noise: exact tests, a law that is the oracle's, fail-closed runs, and the false-alarm rate that is promised."""

from unittest import mock

import numpy as np
import pytest
from scipy import stats

from refsbnn.adapter import Capabilities, Unsupported
from validation.conformance.adapters.reference import Reference
from validation.conformance.own import alarms
from validation.conformance.own import run as own
from validation.conformance.own.cases import LayerCase, make
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


LAYERS = [case for case in CASES.values() if isinstance(case, LayerCase)]


class Given(Reference):
    """Layers with uniforms of a rule."""

    def __init__(self, rule) -> None:
        self.rule = rule

    def run(self, op, arrays, noise, dtype, seed):
        class Ruled:
            """A generator of such uniforms."""

            def random(one, shape, dtype):
                return self.rule(np.random.RandomState(seed).random_sample(shape))

        with mock.patch.object(np.random, "default_rng", return_value=Ruled()):
            return super().run(op, arrays, noise, dtype, seed)


WRONG = {
    "a variance's gradient with its sign turned": lambda out: {**out, "dv": -out["dv"]},
    "a mean's gradient 10 % too large": lambda out: {**out, "dm": 1.1 * out["dm"]},
    "spikes where there are none": lambda out: {**out, "z": 1 - out["z"]},
}


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_a_single_layer_is_held_to_its_law(case) -> None:
    """What is wrong in a layer alone, at a fifth of a run's examples."""
    level = own.level_of(own.ALPHA, list(CASES.values()))
    assert own.run_case(Reference(), case, "float64", 4, level, 20_000).verdict == "pass"
    for name, change in WRONG.items():
        assert own.run_case(Broken(change), case, "float64", 4, level, 20_000).verdict == "fail", name
    for rule in (lambda u: np.broadcast_to(u[..., :1], u.shape), lambda u: u**1.1):
        outcome = own.run_case(Given(rule), case, "float64", 4, level, 20_000)
        assert outcome.verdict == "fail"
        assert "joint" in outcome.message
    short = own.run_case(Broken(lambda out: {**out, "dm": out["dm"].sum(axis=-2)}), case, "float64", 4, level, 2000)
    assert "dm has shape" in short.message


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


def excessive(p: np.ndarray, rates: np.ndarray, chance: float) -> bool:
    """Whether some test's p-values are at most 0.05 more often, or more rarely, than they should be.

    p (runs, tests) come from independent runs, and `rates` are the exact ones; a sound p-value is called excessive
    with a probability of at most `chance`.
    """
    seen, law = (p <= 0.05).sum(axis=0), stats.binom(len(p), rates)
    each = chance / (2.0 * len(rates))
    return bool(((seen > law.isf(each)) | (seen < law.ppf(each))).any())


def test_false_alarms_are_as_rare_as_promised() -> None:
    """A correct implementation, 300 times: failing runs at alpha = 1/2 stay within the bound, single tests at theirs.

    This test's own chance of a false alarm: 1e-6 for the runs, and 1e-6 for each of the two kinds of counts. That it
    can fail is shown with p-values of a quarter of their size: they are noticed.
    """
    runs, alpha, draws = 300, 0.5, 2000
    found = alarms.count(Reference(), "float64", SMALL, runs=runs, alpha=alpha, examples=draws, seed=900)
    assert found.alarms <= stats.binom(runs, alpha).isf(1e-6)
    laws = [law(case) for case in SMALL]
    for kind, p in (("joint", [one.joint for one in laws]), ("marginal", [one.marginals for one in laws])):
        errors = np.concatenate([np.full(len(q), own.LAW_ERROR * one.units) for q, one in zip(p, laws, strict=True)])
        probability = np.concatenate(p)
        counts = np.arange(draws + 1)[:, None]
        values = binomial_p(counts, draws, probability, errors)
        rates = (stats.binom(draws, probability).pmf(counts) * (values <= 0.05)).sum(axis=0)
        assert (rates <= 0.05).all()
        assert not excessive(found.p[kind], rates, 1e-6), kind
        assert excessive(0.25 * found.p[kind], rates, 1e-6), kind
    # Bernstein's bound is not tight, so its rate is bounded on one side; test_bernstein_bounds_a_worst_case is closer.
    often = (found.p["gradient"] <= 0.05).sum(axis=0)
    assert (often <= stats.binom(runs, 0.05).isf(1e-6 / len(often))).all()
    assert own.level_of(alpha, SMALL) < own.SUSPICIOUS
