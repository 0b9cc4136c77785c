"""A planted error for each claim: a formula that the claim holds, wrong, which must turn the claim to "failed".

`tests/validation/test_ledger.py` plants them. A claim's entry is a line: where the function stands, what becomes of it.
"""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest


class Error(NamedTuple):
    """A function, method or property, "module:attribute.attribute", and what is made of it."""

    where: str
    change: Callable[[Callable[..., Any]], Callable[..., Any]]

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the wrong function in its place."""
        module, path = self.where.split(":")
        owner: Any = importlib.import_module(module)
        *above, name = path.split(".")
        for part in above:
            owner = getattr(owner, part)
        right = vars(owner)[name]
        wrong = property(self.change(right.fget)) if isinstance(right, property) else self.change(right)
        monkeypatch.setattr(owner, name, wrong)


def scaled(where: str, by: float = 1.01) -> Error:
    """A result that is off by a factor."""
    return Error(where, lambda right: lambda *given, **named: times(right(*given, **named), by))


def instead(where: str, wrong: Callable[..., Any]) -> Error:
    """Another function."""
    return Error(where, lambda right: wrong)


def times(value: Any, by: float) -> Any:
    """Every number in a result, times a factor."""
    if isinstance(value, dict):
        return {key: times(each, by) for key, each in value.items()}
    if isinstance(value, list):
        return [times(each, by) for each in value]
    if isinstance(value, tuple):
        parts = [times(each, by) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value * by if isinstance(value, float | np.ndarray | np.floating) else value


def a_floor(right: Callable[..., Any]) -> Callable[..., Any]:
    """Noise of variance 1 besides the posterior's."""

    def wrong(*given: Any) -> tuple[np.ndarray, np.ndarray]:
        m, v = right(*given)
        return m, v + 1.0

    return wrong


ERRORS: dict[str, Error] = {
    "state_of_the_art": scaled("validation.claims.state_of_the_art:scores", 2.0),
    "surrogates": scaled("oracle.noise:Noise.pdf"),
    "exactness": scaled("oracle.noise:Noise.pdf"),
    "end_to_end": scaled("refsbnn.reference.unit:fire_backward", 0.0),
    "unification": scaled("refsbnn.estimators.binary:Affine.weight"),
    "trade_off": scaled("oracle.noise:Noise.pdf"),
    "auxiliary": scaled("validation.evidence.leading_order:bias"),
    "bound": scaled("oracle.elbo:kl", 0.0),
    "weight_sampling": scaled("refsbnn.reference.weights:uniforms", 0.5),
    "noise_bias": instead("validation.claims.noise_bias:toward", lambda layer, t: layer),
    "matched_loss": scaled("validation.evidence.descent:estimate"),
    "regulariser": scaled("validation.claims.regulariser:curvature"),
    "link": scaled("refsbnn.posterior:kl"),
    "depth": scaled("validation.claims.depth:predicted", 2.0),
    "matches": scaled("validation.claims.matches:scores", 0.5),
    "member_mean": scaled("refsbnn.estimators.gumbel:Agr.masses"),
    "outside": scaled("refsbnn.baselines:arm_gradient"),
    "unbiased": scaled("oracle.noise:Noise.pdf"),
    "error_order": scaled("oracle.noise:Noise.pdf", 2.0),
    "least_variance": scaled("refsbnn.noise:Gaussian.pdf"),
    "least_mass": scaled("validation.claims.least_mass:optimum"),
    "least_error": scaled("oracle.moments:Estimate.variance", 20.0),
    "quadratures": scaled("oracle.noise:Noise.pdf"),
    "bipolar": scaled("validation.claims.bipolar:chain_rule"),
    "extension": scaled("oracle.terms:square"),
    "deep_bias": scaled("oracle.moments:Estimate.bias"),
    "scaling": Error("oracle.terms:linear", a_floor),
    "lif_noise": scaled("oracle.lif:membrane"),
    "shared_in_time": scaled("validation.claims.shared_in_time:conditional"),
    "divergence": scaled("refsbnn.posterior:kl"),
    "charged_once": scaled("oracle.elbo:kl", 10.0),
    "convolution": scaled("refsbnn.reference.unit:fire_backward"),
    "enumerated": scaled("refsbnn.reference.unit:fire_backward"),
    "monte_carlo": scaled("refsbnn.reference.unit:fire_backward", 2.0),
    "rao_blackwell": scaled("refsbnn.estimators.gumbel:Agr.slope"),
    "small_temperature": scaled("oracle.members:slope_moment"),
    "relaxation": scaled("oracle.noise:Noise.pdf"),
    "baselines": scaled("refsbnn.baselines:disarm_gradient"),
}


def one_field(where: str, field: str) -> Error:
    """One field of a named tuple that is off by a factor."""
    return Error(
        where,
        lambda right: (
            lambda *given, **named: (found := right(*given, **named))._replace(**{field: 1.01 * getattr(found, field)})
        ),
    )


def sure(right: Callable[..., Any]) -> Callable[..., Any]:
    """Wilson's interval of 96 % for that of 95 %."""
    return lambda fraction, trials, confidence: right(fraction, trials, 0.96)


# A second error, of the kind that ratios and inequalities do not show.
SUBTLE: dict[str, Error] = {
    "unification": scaled("validation.evidence.foust:mean"),
    "trade_off": one_field("validation.evidence.hidden:sums", "variance"),
    "matches": Error("validation.evidence.intervals:_wilson", sure),
    "auxiliary": one_field("refsbnn.curvature:categorical", "logits"),
}
