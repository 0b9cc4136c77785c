"""Code that sends a value between the states, drawn whatever r is: `uniform`, `simpson`, `gauss2` (theory 2.12)."""

from dataclasses import replace

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from validation.certify.call import CUTS, SAME, Convention, Estimator, call, forward
from validation.certify.networks import Loss, one_unit

MEMBERS = ("uniform", "simpson", "gauss2")
UNIFORMS = np.array([0.03, 0.1, 0.2, 0.35, 0.45, 0.55, 0.7, 0.8, 0.9, 0.97])
R = (-1.5, 0.0, 1.0)


def between(fn: Estimator) -> Convention | None:
    """How the code draws such a value; None where what it sends is none, or depends on r."""
    values = np.array([[forward(fn, one_unit(r), float(u)) for u in UNIFORMS] for r in (-1.0, 1.0)])
    if np.abs(values[0] - values[1]).max() > SAME:
        return None
    for name in MEMBERS:
        for domain in ("binary", "bipolar"):
            for below in (True, False):
                how = Convention("logistic", domain, below, CUTS)
                u = how.uniforms([UNIFORMS])[0]
                expected = how.value(estimators.get(name).sample(np.zeros(1), u, noises.get("logistic")))
                if np.abs(values[0] - expected).max() <= SAME:
                    return replace(how, noise=_noise(fn, how))
    return None


def _noise(fn: Estimator, how: Convention) -> str:
    """The noise whose density the unit's gradient follows best over r: a member's does, and others' have no name."""
    slopes = []
    for r in R:
        found = call(fn, one_unit(r), how.uniforms([np.array([UNIFORMS[0]])]), Loss("affine"))
        slopes.append(float(found["b0"][0]))

    def spread(noise: str) -> float:
        ratio = np.array(slopes) / replace(how, noise=noise).law.pdf(np.array(R))
        return float(np.ptp(ratio) / max(np.abs(ratio).max(), 1e-300))

    return min(("logistic", "gaussian"), key=spread)
