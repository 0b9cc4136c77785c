"""What has no noise: answers held to the package and to quadrature, and conventions that the judge tells apart."""

import decimal
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from refsbnn.reference import lif
from validation.conformance.adapters import reference_deterministic as plain
from validation.conformance.adapters.reference import Reference
from validation.conformance.answers.surrogate import SHAPES
from validation.conformance.answers.unit import read
from validation.conformance.cases import all_cases
from validation.conformance.cases.deterministic import SPECS
from validation.conformance.mutant import Mutant, wrapped
from validation.conformance.number import CONTEXT
from validation.conformance.run import run_case

CASES = {case.id: case for case in all_cases()}


@pytest.mark.parametrize(("reset", "ours"), [("zero", "hard"), ("subtract", "soft")])
@pytest.mark.parametrize("kept", [True, False])
def test_neurons_are_those_of_the_package_with_point_weights(reset: str, ours: str, kept: bool) -> None:
    """theory 3.18: v = 1 at each step, and the surrogate member's slope."""
    case = CASES[f"lif_deterministic.{reset}_after_decay_{'kept' if kept else 'detached'}"]
    x, o = case.arrays["inputs"]["x"], case.op.options
    words = {k: o[k] for k in ("beta", "theta")} | {"noise": "gaussian", "member": "fast-sigmoid(scale=1)"}
    words |= {"reset": ours, "accumulate": False, "variance": "linear"}
    v, u = np.ones(x.shape), np.full(x.shape, 0.5)
    z, tape = lif.forward(x, v, u, None, **words)
    back = lif.backward(case.arrays["cotangents"]["g"], tape, u, None, reset_gradient=kept, **words)
    np.testing.assert_array_equal(z, case.expected["z"])
    allowed = 4 * 2.0**-52 * case.scale["dx"]
    assert (np.abs(back.m - case.expected["dx"]) <= allowed).all()


@pytest.mark.parametrize("spec", SPECS)
def test_a_shapes_peak_and_area_are_those_of_its_slope(spec: str) -> None:
    member = read(spec)
    with decimal.localcontext(CONTEXT):
        shape = SHAPES[member.name]
        peak, area = shape.peak(member.numbers), shape.area(member.numbers)

    def slope(x: float) -> float:
        return float(plain.slope(np.array([x]), {"shape": spec, "height": "published"})[0])

    assert slope(0.0) == pytest.approx(float(peak), rel=1e-12)
    if area is None:
        assert slope(1e6) > 0.0  # it does not fall off
    else:
        # quad's own bound on its error, of either half line, is far below this.
        pieces = [0.0, *sorted(float(edge) for edge in shape.edges(member.numbers)), np.inf]
        half = sum(quad(slope, a, b, limit=400)[0] for a, b in pairwise(pieces))
        assert 2.0 * half == pytest.approx(float(area), rel=1e-6)


@pytest.mark.parametrize("spec", SPECS)
def test_heights_can_be_told_apart(spec: str) -> None:
    """A case whose published slope has peak 1 and area 1 could not say which of them an implementation has."""
    member = read(spec)
    with decimal.localcontext(CONTEXT):
        peak, area = SHAPES[member.name].peak(member.numbers), SHAPES[member.name].area(member.numbers)
    # Both may be infinite or 1 for the slope that is 1 everywhere, which no scale changes.
    assert area is None or (peak == 1) + (abs(area - 1) < Decimal("1e-30")) < 2


# A case, the convention that an implementation has instead, and the words that the judge finds for it.
FOLLOWED = [
    ("lif_deterministic.subtract_after_decay_kept", {"reset_order": "before-decay"}),
    ("lif_deterministic.subtract_before_decay_detached", {"reset_order": "after-decay"}),
    ("lif_deterministic.zero_after_decay_kept", {"reset_order": "after-input"}),
    ("lif_deterministic.subtract_after_decay_kept", {"reset_gradient": False}),
    ("lif_deterministic.subtract_after_decay_kept", {"reset_order": "before-decay", "reset_gradient": False}),
    ("lif_deterministic.subtract_before_decay_kept", {"reset": "zero"}),
    ("lif_deterministic.membrane_subtract_kept", {"output_delay": 1}),
    ("lif_deterministic.synaptic_subtract_kept", {"current_order": "membrane-first"}),
    ("lif_deterministic.input_gain_zero_kept", {"input_gain": 1.0}),
    ("lif_deterministic.refractory_hold", {"refractory_kind": "mute"}),
    ("lif_deterministic.edge_tie_silent", {"at_threshold": "spike"}),
    ("surrogate.fast_sigmoid_scale4", {"height": "area"}),
    ("surrogate.arctan_scale3", {"shape": "arctan(scale=6)"}),
    ("loss.cross_entropy_mean", {"reduce": "sum"}),
    ("loss.count_mse", {"per_step": False}),
    ("clip.norm", {"kind": "each_norm"}),
    ("schedule.constant_warmup", {"first": 0}),
    ("sgd.nesterov", {"nesterov": False}),
]


@pytest.mark.parametrize(("name", "change"), FOLLOWED)
def test_a_convention_is_named(name: str, change: dict) -> None:
    case = CASES[name]

    class Other(Reference):
        def run(self, op, arrays, noise, dtype, seed):
            return super().run(type(op)(op.name, {**op.options, **change}), arrays, noise, dtype, seed)

    outcome = run_case(Other(), case, "float64")
    assert outcome.verdict == "fail"
    assert outcome.convention.endswith("passes as " + ", ".join(f"{k} {v}" for k, v in change.items()))


def scaled(factor: float) -> Reference:
    return Mutant(
        "", "", (), lambda: [wrapped(plain, "surrogate", lambda f, o, a: {**f(o, a), "dx": factor * f(o, a)["dx"]})]
    ).adapter()


def test_a_constant_factor_is_named_for_slopes_alone() -> None:
    outcome = run_case(scaled(0.25), CASES["surrogate.sigmoid_scale3"], "float64")
    assert outcome.convention == "fails as published, passes times 0.25"


def test_a_number_without_effect_is_no_convention() -> None:
    def ignored(f, o, a):
        return f({**o, "shape": "fast-sigmoid(scale=1)"}, a)

    adapter = Mutant("", "", (), lambda: [wrapped(plain, "surrogate", ignored)]).adapter()
    outcome = run_case(adapter, CASES["surrogate.fast_sigmoid_scale4"], "float64")
    assert outcome.convention == ""
    assert "its number has no effect" in outcome.message
