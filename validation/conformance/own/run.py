"""Running the own-noise cases: sample, test against the law, and sample again where something looks odd.

False alarms of a whole run have a probability of at most `alpha`: with n tests, a test fails if its p-value is below
alpha / (2n) in the first sample or, where the first one's was below `SUSPICIOUS`, in a fresh sample ten times as large.
Each test so has two chances of alpha / (2n), and the union bound does the rest. There is no third sample.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from refsbnn.adapter import Adapter, Unsupported
from validation.conformance.adapters import DTYPES, one_line
from validation.conformance.judge import Outcome
from validation.conformance.own.cases import LayerCase, OwnCase, make
from validation.conformance.own.law import Law, law
from validation.conformance.own.statistics import LAW_ERROR, bernstein_p, binomial_p, detectable

ALPHA = 1e-6
SUSPICIOUS = 1e-3
MISS = 1e-3  # what the smallest detectable error may be missed with
EXAMPLES = 100_000
MORE = 10
# Examples a call. One after the other they add up with an error of at most BATCH/2 roundings of the largest sum; all
# 100,000 at once would show in float32, where the sum of a matrix product has been seen to drift by 2e-3 of its terms.
BATCH = 2_000
MEAN_ROUNDINGS = 256.0  # a quarter of that: the roundings' signs vary


@dataclass(frozen=True)
class Tests:
    """p-values by kind of test: "joint", "marginal", or a gradient's name."""

    p: Mapping[str, np.ndarray]

    @property
    def number(self) -> int:
        """How many."""
        return sum(values.size for values in self.p.values())


def number_of_tests(exact: Law) -> int:
    """Tests of one case: cells of the joint table, units, entries of gradients."""
    return exact.joint.size + exact.units + sum(mean.size for mean in exact.mean.values())


def counts(case: OwnCase, exact: Law, results: Mapping[str, Any]) -> np.ndarray:
    """How often each joint state was drawn.

    Raises
    ------
    ValueError
        Spikes that are missing, too many, of a wrong shape or not 0 and 1.
    """
    names = sorted(name for name in results if name.startswith("z"))
    parts = []
    for name in names:
        z = np.asarray(results[name])
        if z.dtype != np.uint8 or z.ndim < 2 or z.size == 0 or z.max() > 1:
            raise ValueError(f"{name} has shape {z.shape}, type {z.dtype}; expected uint8 spikes (examples, units)")
        if case.op.name in ("network.lif", "lif"):
            z = np.concatenate(list(z), axis=-1)  # steps side by side
        parts.append(z.reshape(-1, z.shape[-1]))
    if not parts or len({len(part) for part in parts}) > 1 or sum(part.shape[1] for part in parts) != exact.units:
        shapes = ", ".join(f"{name} {np.shape(results[name])}" for name in names) or "none"
        raise ValueError(f"spikes are {shapes}; expected {exact.units} units for each example")
    bits = np.concatenate(parts, axis=1).astype(np.int64)
    return np.bincount(bits @ (1 << np.arange(exact.units)[::-1]), minlength=exact.joint.size)


def sample(adapter: Adapter, case: OwnCase, examples: int, dtype: str, seed: int) -> Tests:
    """Draw, and test against the law.

    Raises
    ------
    ValueError
        Outputs that are missing, unknown, of a wrong shape or not finite.
    Unsupported
        The adapter declares so.
    """
    exact = law(case)
    batch = min(BATCH, examples)
    arrays = case.arrays(batch)
    table, sums = np.zeros(exact.joint.size, np.int64), {k: np.zeros(y.shape) for k, y in exact.mean.items()}
    for call in range(examples // batch):
        results = adapter.run(case.op, {k: y.copy() for k, y in arrays.items()}, None, dtype, seed + call)
        if not isinstance(results, Mapping) or not all(isinstance(name, str) for name in results):
            raise ValueError(f"the results are a {type(results).__name__}; expected a mapping from names to arrays")
        table += counts(case, exact, results)
        for name, gradient in gradients(case, exact, results, dtype, batch).items():
            sums[name] += gradient
    return test(case, exact, table, {k: y / (examples // batch) for k, y in sums.items()}, examples, dtype)


def gradients(case: OwnCase, exact: Law, results: Mapping[str, Any], dtype: str, batch: int) -> dict[str, np.ndarray]:
    """The gradients of one call, in float64. A loss may be among the results, and has to be a number.

    Those of a layer have a row for each example, and their mean is taken here; its membranes are let pass.

    Raises
    ------
    ValueError
        Outputs that are missing, unknown, of a wrong shape or type, or not finite.
    """
    layer = isinstance(case, LayerCase)
    unknown = {k for k in results if not k.startswith("z")} - set(exact.mean) - ({"M", "V"} if layer else {"loss"})
    if unknown:
        raise ValueError(f"output {min(unknown)} is unknown")
    found = {}
    for name, mean in exact.mean.items():
        if name not in results:
            raise ValueError(f"output {name} is missing")
        shape = (*mean.shape[:-1], batch, mean.shape[-1]) if layer else mean.shape
        value = number(name, results[name], shape, dtype)
        found[name] = value.mean(axis=-2) if layer else value
    if "loss" in results:
        number("loss", results["loss"], (), dtype)
    return found


def number(name: str, value: Any, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """One output in float64; ValueError if it is not finite, or not an array of this shape and type."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.name != DTYPES[dtype][2]:
        raise ValueError(f"{name} is {getattr(value, 'dtype', type(value).__name__)}; expected {DTYPES[dtype][2]}")
    if value.shape != shape or not np.isfinite(value).all():
        raise ValueError(f"{name} has shape {value.shape} or is not finite; expected {shape}")
    return np.asarray(value, dtype=np.float64)


def test(
    case: OwnCase, exact: Law, table: np.ndarray, means: Mapping[str, np.ndarray], examples: int, dtype: str
) -> Tests:
    """p-values of a table of joint states and of mean gradients."""
    draws = int(table.sum())
    if draws != examples * case.draws:
        raise ValueError(f"{draws} joint states were drawn; expected {examples * case.draws}")
    bits = (np.arange(table.size)[:, None] >> np.arange(exact.units)[::-1]) & 1
    p: dict[str, np.ndarray] = {
        "joint": binomial_p(table, draws, exact.joint, LAW_ERROR * exact.units),
        "marginal": binomial_p(table @ bits, draws, exact.marginals, LAW_ERROR * exact.units),
    }
    for name, mean in exact.mean.items():
        slack = MEAN_ROUNDINGS * DTYPES[dtype][0] * (exact.reach[name] + np.abs(mean))
        deviation = np.maximum(np.abs(means[name] - mean) - slack, 0.0)
        p[name] = bernstein_p(deviation, examples, exact.variance[name], exact.reach[name])
    return Tests(p)


def judge(first: Tests, again: Callable[[], Tests], level: float) -> list[str]:
    """The tests that fail, as text; `again` draws the fresh sample, if anything is suspicious."""
    failed, suspicious = [], {}
    for name, p in first.p.items():
        failed += [text(name, index, p, "first sample") for index in np.argwhere(p < level)]
        suspicious[name] = (p < SUSPICIOUS) & (p >= level)
    if failed or not any(odd.any() for odd in suspicious.values()):
        return failed
    fresh = again()
    for name, odd in suspicious.items():
        p = np.where(odd, fresh.p[name], 1.0)
        failed += [text(name, index, p, "fresh sample") for index in np.argwhere(p < level)]
    return failed


def text(name: str, index: np.ndarray, p: np.ndarray, which: str) -> str:
    """One failed test in words."""
    where = tuple(map(int, index))
    return f"{name}{where if len(where) > 1 else list(where)}: p = {float(p[where]):.1g} in the {which}"


def run(
    adapter: Adapter,
    dtype: str,
    seed: int,
    *,
    alpha: float = ALPHA,
    examples: int = EXAMPLES,
    cases: Sequence[OwnCase] | None = None,
) -> tuple[list[Outcome], dict[str, str]]:
    """Run cases of own noise; returns outcomes and what the header has to say."""
    chosen = list(make()) if cases is None else cases
    level = level_of(alpha, chosen)
    outcomes = [run_case(adapter, case, dtype, seed, level, examples) for case in chosen]
    return outcomes, told(alpha, chosen, seed, examples)


def told(alpha: float, cases: Sequence[OwnCase], seed: int, examples: int) -> dict[str, str]:
    """What the header has to say of a run of these cases."""
    total = sum(number_of_tests(law(case)) for case in cases)
    return {
        "own noise": f"{examples} examples a case, {MORE} times as many for what looks odd; seed {seed}",
        "false alarms": f"at most {alpha:g} a run: {total} tests at {level_of(alpha, cases):.1e}, twice",
    }


def run_case(adapter: Adapter, case: OwnCase, dtype: str, seed: int, level: float, examples: int) -> Outcome:
    """Run one case; exceptions and malformed outputs are failures."""
    if dtype == "bfloat16":
        return Outcome(case.id, "unsupported", "bfloat16 rounds a mean by more than the sample tells")
    calls = examples // min(BATCH, examples)  # each call has a seed of its own, in this run and between runs
    seeds = [seed * 1_000_000, seed * 1_000_000 + calls]
    try:
        declared = adapter.capabilities()
        if not declared.own_noise or (declared.ops and case.op.name not in declared.ops):
            return Outcome(case.id, "unsupported", f"the adapter draws no noise of its own for {case.op.name}")
        first = sample(adapter, case, examples, dtype, seeds[0])
        failed = judge(first, lambda: sample(adapter, case, MORE * examples, dtype, seeds[1]), level)
    except Unsupported as reason:
        return Outcome(case.id, "unsupported", one_line(reason).partition(": ")[2])
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(case.id, "fail", one_line(error), bug_class=case.bug_class)
    outcome = Outcome(case.id, "pass", bug_class=case.bug_class)
    outcome.detectable = {name: float(size.max()) for name, size in smallest(case, level, examples, dtype).items()}
    if failed:
        outcome.verdict, outcome.message = "fail", f"{len(failed)} tests: {'; '.join(failed[:4])}"
    return outcome


def smallest(case: OwnCase, level: float, examples: int = EXAMPLES, dtype: str = "float32") -> dict[str, np.ndarray]:
    """The smallest error of each tested mean that is found with probability 1 - MISS.

    For a count the mean is a probability p, with variance p (1 - p) and reach 1; the binomial test is sharper than
    Bernstein's, so this is an upper bound.
    """
    exact = law(case)
    alphas, draws = (SUSPICIOUS, level), (examples, MORE * examples)
    found = {}
    for name, p in (("joint", exact.joint), ("marginal", exact.marginals)):
        of = (draws[0] * case.draws, draws[1] * case.draws)
        found[name] = detectable(alphas, of, MISS, p * (1.0 - p), np.ones(p.shape)) + LAW_ERROR * exact.units
    for name, mean in exact.mean.items():
        slack = MEAN_ROUNDINGS * DTYPES[dtype][0] * (exact.reach[name] + np.abs(mean))
        found[name] = detectable(alphas, draws, MISS, exact.variance[name], exact.reach[name]) + slack
    return found


def level_of(alpha: float, cases: Sequence[OwnCase]) -> float:
    """The level of each test in a run of these cases."""
    return alpha / (2.0 * math.fsum(number_of_tests(law(case)) for case in cases))
