"""What the cases promise: exact inputs, margins, random cotangents, distinct dimensions, and full coverage."""

import subprocess
import sys
from collections import Counter
from types import FunctionType

import numpy as np
import pytest

from refsbnn import baselines, estimators, layers, objective, optim, posterior
from refsbnn.baselines import Estimate
from refsbnn.noise import Noise
from refsbnn.reference import lif, moments, readout, weights
from validation.conformance.answers import OPS
from validation.conformance.cases import all_cases
from validation.conformance.cases.draw import HELD_TO, MARGIN
from validation.conformance.schema import Case

CASES = all_cases()
IDS = [case.id for case in CASES]


def test_every_operation_has_cases() -> None:
    assert {case.op.name for case in CASES} == set(OPS)
    assert set(HELD_TO) <= set(OPS)


def test_every_member_has_a_unit_case_with_every_noise() -> None:
    seen = {(c.op.options["noise"], c.op.options["member"].split("(")[0]) for c in CASES if c.op.name == "unit"}
    assert {noise for noise, _ in seen} == {found.name for found in Noise.__subclasses__()}
    assert seen == {(noise, name) for noise, _ in seen for name in estimators.NAMES}


# The operation that checks each layer of a network, each objective, and each optimiser.
CHECKED_BY = {
    **{kind: kind for kind in ("dense", "conv2d", "lif", "average_pool", "max_pool", "flatten", "leaky_readout")},
    **{"spike": "unit", "residual": "residual_block", "sampled_readout": "sampled_readout"},
    **{name: name for name in ("categorical", "bernoulli", "gaussian", "kl_weight", "bias_penalty")},
    **{"Adam": "adam", "SGD": "sgd", "reinforce": "reinforce", "arm": "arm", "disarm": "disarm"},
    **{"zero_mean": "zero_mean", "kl": "kl"},
}


def test_what_the_package_has_is_checked() -> None:
    """Every layer, objective, optimiser and baseline has an operation, and that has cases.

    This fails when the package gets one more of them: add an operation with cases, and a line above.
    """
    there = {x.kind for x in vars(layers).values() if isinstance(x, type) and hasattr(x, "kind")}
    there |= {
        k for k, x in vars(objective).items() if isinstance(x, FunctionType) and x.__module__ == objective.__name__
    }
    there -= {"name"}  # what an objective is called, which is no number
    there |= {k for k, x in vars(optim).items() if hasattr(x, "step")}
    there |= {k for k, x in vars(baselines).items() if getattr(x, "__annotations__", {}).get("return") is Estimate}
    there |= {k for k in ("kl", "zero_mean") if hasattr(posterior, k)}
    assert {k for k in there if k[0] != "_"} == set(CHECKED_BY)
    ops = {case.op.name for case in CASES}
    assert set(CHECKED_BY.values()) <= ops
    assert {f"sampled_{name}" for name in ("dense", "conv2d") if hasattr(weights, name)} <= ops


def test_every_choice_has_a_case() -> None:
    """Resets, reductions of the readout, variance extensions and domains, as the package names them."""

    def values(op: str, key: str) -> set[object]:
        return {case.op.options[key] for case in CASES if case.op.name == op}

    assert values("lif", "reset") == set(lif.RESETS)
    assert values("leaky_readout", "reduce") == set(readout.REDUCTIONS)
    for op in ("dense", "conv2d"):
        assert values(op, "variance") == set(moments.VARIANCES)
        assert values(op, "domain") == set(moments.DOMAINS)


def test_every_variant_of_a_neuron_has_a_case() -> None:
    seen = Counter()
    for case in CASES:
        if case.op.name == "lif":
            o = case.op.options
            seen[o["reset"], o["accumulate"], o["reset_gradient"], "recurrent_mu" in case.arrays["params"]] += 1
    assert len(seen) == 16
    variances = {(c.op.options["variance"], c.op.options["domain"]) for c in CASES if c.op.name == "dense"}
    assert len(variances) == 5


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_case_keeps_its_promises(case: Case) -> None:
    if "reject" in case.flags:
        return  # spoilt on purpose: test_a_case_of_bad_input_is_spoilt_in_one_place
    for name, array in case.given().items():
        if array.dtype.kind == "f":
            bits = array.astype(np.float32).view(np.uint32)
            assert (array == array.astype(np.float32)).all(), name
            assert not (bits & 0xFFFF).any(), f"{name} is not exact in bfloat16"
    for array in case.arrays["noise"].values():
        assert (array == array.astype(np.float32)).all()
    for name, array in case.arrays["cotangents"].items():
        assert (array != 0.0).all(), name
        assert (np.abs(array) != 1.0).all(), name
    assert set(case.dims) == {*case.given(), *case.arrays["noise"], *case.expected}
    for name, array in {**case.given(), **case.arrays["noise"], **case.expected}.items():
        assert len([axis for axis in case.dims[name].split(",") if axis]) == array.ndim, name
    for name, expected in case.expected.items():
        if expected.dtype.kind == "f":
            assert np.isfinite(expected).all(), name
            assert (case.scale[name] >= 0.0).all(), name
            assert (case.bound[name] == np.abs(expected) * 2.0**-53).all(), name
            # A number that is not exact has a scale: otherwise nothing could meet it.
            stream = case.op.name == "uniforms"
            exact = (np.abs(expected) * 2.0**24) % 1.0 == 0.0
            assert stream or ((case.scale[name] > 0.0) | exact).all(), name
    edge = "edge" in case.flags or case.min_margin == 0.0
    assert edge or case.min_margin > float(MARGIN) * (1.0 - 1e-9), case.min_margin


def test_a_case_of_bad_input_is_spoilt_in_one_place() -> None:
    """And what is asked for is that it is refused."""
    from validation.conformance.adapters.reference import Reference
    from validation.conformance.run import hands_on, run_case

    class Takes(Reference):
        """Never refuses: the sums of what it gets, whatever that is."""

        def run(self, op, arrays, noise, dtype, seed):
            return dict.fromkeys(("m", "v", "z", "M", "V", "dm", "dv", "loglik", "dlogits", "kl"), np.zeros(()))

    class Carries(Takes):
        """Hands on what is not finite, as NaN or as infinity."""

        def __init__(self, odd):
            self.odd = odd

        def run(self, op, arrays, noise, dtype, seed):
            bad = any(not np.isfinite(x).all() for x in arrays.values() if x.dtype.kind == "f")
            return {k: np.array(self.odd if bad else 0.0) for k in super().run(op, arrays, noise, dtype, seed)}

    rejected = [case for case in CASES if "reject" in case.flags]
    assert {run_case(Takes(), case, "float64").verdict for case in rejected} == {"fail"}
    for case in rejected:
        assert case.expected.keys() == {"rejected"}
        assert run_case(Carries(np.nan), case, "float64").verdict == ("pass" if hands_on(case) else "fail")
        infinite = "infinity" in case.flags and hands_on(case)
        assert run_case(Carries(-np.inf), case, "float64").verdict == ("pass" if infinite else "fail")


def test_outside_the_edge_group_units_have_margins() -> None:
    for case in CASES:
        if case.arrays["noise"].get("u") is not None and "edge" not in case.flags:
            free = case.op.options.get("member", "") in ("gs(tau=0.5)", "uniform") or "member" not in case.op.options
            assert free or case.min_margin > 0.0, case.id


def test_the_axes_of_an_array_are_pairwise_different() -> None:
    """So that a transpose shows in the shape, but for weights from some units to the same ones or on a stream."""
    for case in CASES:
        if "reject" in case.flags:
            continue
        square = {f"{d}recurrent_{k}" for d in ("", "d", "new_") for k in ("mu", "sigma2", "rho")}
        if case.op.name in ("residual_block", "network.residual"):
            square |= {f"{d}{k}{i}" for d in ("", "d", "new_") for k in ("mu", "sigma2", "rho") for i in range(3)}
        for name, array in {**case.given(), **case.arrays["noise"], **case.expected}.items():
            assert len(set(array.shape)) == array.ndim or name in square, f"{case.id} {name} {array.shape}"


def test_questions_are_answered() -> None:
    asked = " ".join(case.question for case in CASES)
    for words in (
        "gradient flow through the reset",
        "noise differentiated",
        "pi = 0 and 1",
        "without variance an error",
    ):
        assert words in asked


def test_the_answers_share_no_code_with_what_they_check() -> None:
    """Loaded in a fresh interpreter, the cases bring in the contract alone, no mathematics of refsbnn or oracle."""
    probe = "import validation.conformance.cases.networks, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    theirs = {name for name in done.stdout.split() if name.split(".")[0] in ("refsbnn", "oracle")}
    assert theirs <= {"refsbnn", "refsbnn.adapter"}
