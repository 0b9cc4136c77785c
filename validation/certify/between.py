"""Code that sends a value between the states, drawn whatever r is: `uniform` and rules of nodes (theory 2.12)."""

from dataclasses import replace

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from validation.certify.call import CUTS, SAME, Convention, Estimator, call, forward
from validation.certify.networks import Loss, one_unit

MEMBERS = ("uniform", "simpson", "gauss2")
UNIFORMS = np.array([0.03, 0.1, 0.2, 0.35, 0.45, 0.55, 0.7, 0.8, 0.9, 0.97])
R = (-1.5, 0.0, 1.0)
LOOKS = 256  # uniforms at which the nodes of a rule are looked for: less probable ones may be missed
MOST = 16  # nodes; more are taken for a value that varies
HALVINGS = 60  # of the place of a cut


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
    return _rule(fn)


def _rule(fn: Estimator) -> Convention | None:
    """How a rule of other nodes draws: a few values, each between two cuts of the uniform; None where there is none."""
    u = (np.arange(LOOKS) + 0.5) / LOOKS
    sent = np.array([forward(fn, one_unit(0.0), float(each)) for each in u])
    jumps = np.flatnonzero(np.abs(np.diff(sent)) > SAME)
    if not 0 < len(jumps) < MOST or sent.min() < -1.0 - SAME or sent.max() > 1.0 + SAME:
        return None
    cuts = {0.5}  # the profile asks about both halves
    for i in jumps:
        low, high = float(u[i]), float(u[i + 1])
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            same = abs(forward(fn, one_unit(0.0), middle) - sent[i]) <= SAME
            low, high = (middle, high) if same else (low, middle)
        cuts.add(high)
    domain = "bipolar" if sent.min() < -SAME else "binary"
    how = Convention("logistic", domain, True, tuple(sorted(cuts)))
    return replace(how, noise=_noise(fn, how))


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
