"""simpson and gauss2 are exact for cubic L', uniform for every loss: for one unit. In depth they are not.

Source: theory 2.12. Their forward value does not depend on pi, so the layers above see another law than the network's:
to lowest order in the effect of a spike, the gradient of a weight mu_ij above is proportional to the mean of its input,
1/2 instead of pi_j. The relative bias of that weight then tends to 1/(2 pi) - 1, which no rule makes smaller.
"""

import oracle
from refsbnn import noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Quadrature members",
    sentence="uniform is unbiased for one unit and every L; simpson and gauss2 integrate a cubic L' exactly.",
    owner="ours",
    source="theory 2.12",
    statement="So they do for one unit. In depth their forward value has another law than the network's: the relative "
    "bias of a small weight above tends to 1/(2 pi) - 1, which no rule makes smaller.",
    assumptions=("one unit",),
    finding="holds with conditions",
    reason="one unit only: behind a relaxed value the layers above are another network",
    claimed="bias 0",
    headline="uniform, second of two units in a chain, mu = 2^-10: relative bias of mu",
    equations=(
        Formula("2.12", r"h = u,\ w = 1; \quad h = x_j \text{ with probability } q_j,\ w = \frac{w_j}{q_j}"),
        Formula("5.9", r"E[e] = \sum_{\text{nodes}} e \prod_i \text{weight}_i\, \text{density}_i"),
    ),
    code=(
        "refsbnn/estimators/quadrature.py",
        "oracle/quadrature.py",
    ),
)
MEMBERS = {"uniform": oracle.uniform(), "simpson": oracle.simpson(), "gauss2": oracle.gauss2()}
# integral of L' = 5 u^4 by the rule, minus 1.
DEGREE_5 = {"uniform": 0.0, "simpson": 1.0 / 24.0, "gauss2": -1.0 / 36.0}


def check(level: Level) -> Rows:
    """One unit: bias by the loss's degree. Two in a chain: relative bias of the second one's weight."""
    rng = level.rng(__name__)
    for spec, member in MEMBERS.items():
        coefficients = rng.normal(size=5)
        f = float(noise.GAUSSIAN.pdf(0.9))
        bias = single.estimate("gaussian", 0.9, coefficients, member).bias
        yield equal(CLAIM.title, f"{spec}, one unit, random L of degree 4: bias", bias, 0.0, 1e-13, "rounding")
        bias = single.estimate("gaussian", 0.9, (0, 0, 0, 0, 0, 1), member).bias
        yield equal(CLAIM.title, f"{spec}, one unit, L = z^5: bias", bias, f * DEGREE_5[spec], 1e-13, "rounding")
    delta, pi = 2.0**-10, float(noise.GAUSSIAN.cdf(0.7))
    first, second = oracle.Layer([[0.7]], [[0.0]], [0.0], [1.0]), oracle.Layer([[delta]], [[0.0]], [0.4], [1.0])
    net = oracle.Layered([first, second], oracle.Layer([[delta]], [[0.0]]))
    for spec, member in MEMBERS.items():
        found = oracle.moments(net, [1.0], single.loss((0, 1)), member)["layers.1.mu"]
        relative = float((found.bias / found.gradient)[0, 0])
        setting = f"{spec}, second of two units in a chain, mu = 2^-10: relative bias of mu"
        yield equal(CLAIM.title, setting, relative, 0.5 / pi - 1.0, 2.0 * delta, "next order in mu")
