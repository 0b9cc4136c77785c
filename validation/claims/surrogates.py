"""What can be said exactly of surrogate gradients: they are the gradient of no function, and their scale acts by depth.

Source: the paper's abstract, theory 2.17. A field G is a gradient only if dG_i/dtheta_j = dG_j/dtheta_i. In a chain of
two units, weights w1, w2, bias b, loss equal to the last spike:

- surrogate, both spikes on: G1 = k(w1) w2 k(w2 + b), G2 = k(w2 + b), and the difference of the cross derivatives is
  k(w1) [k(w2 + b) + w2 k'(w2 + b)];
- `st`, in the mean: G1 = f(w1) w2 E f(w2 z + b), G2 = F(w1) f(w2 + b), and it is
  f(w1) [E f(w2 z + b) + w2 E z f'(w2 z + b) - f(w2 + b)]: not 0 either. In this sense a biased member is a heuristic;
- the exact gradient: 0.

The first layer's gradient holds one factor k for each layer, so a wrong scale costs a power of the depth. Whether that
makes training "sensitive" is a matter of training runs; docs/training.md has those of this project.
"""

import numpy as np

import oracle
from refsbnn import noise
from validation.evidence import single
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most, equal

CLAIM = Claim(
    title="Surrogate gradients",
    sentence="Unlike commonly used surrogate gradient methods -- often heuristic and sensitive to hyperparameter "
    "choices",
    owner="paper",
    source="abstract, sentence 2",
    statement="A surrogate gradient of a chain of units is the gradient of no function, and its scale enters the first "
    "layer's gradient once a layer. The mean of st is the gradient of no function either; the exact gradient is one.",
    assumptions=("a chain of two units, or of three, one weight each",),
    finding="not decidable here",
    reason="sensitivity is a matter of training runs; exactly, st's mean is no gradient either",
    claimed="heuristic, sensitive",
    headline="fast-sigmoid(scale=2): difference of the cross derivatives",
    equations=(
        Formula("2.17", r"k = \frac{1}{(1 + k_0 |r|)^2}"),
        Formula("1.2", r"\frac{d}{d\theta} E[L] = \frac{d\pi}{d\theta} \left( L(1) - L(0) \right)"),
    ),
    code=("refsbnn/estimators/outside.py", "oracle/quadrature.py"),
)
W1, W2, BIAS = 0.7, 0.9, 0.3
STEP = 2.0**-12
WHY = "central difference of order 4, step 2^-12: truncation 1e-14 and rounding 1e-12"


def check(level: Level) -> Rows:
    """Cross derivatives of three fields, and the scale by depth."""
    law, r2 = noise.GAUSSIAN, W2 + BIAS
    k1, k2 = (1.0 / (1.0 + 2.0 * r) ** 2 for r in (W1, r2))
    slope = -4.0 / (1.0 + 2.0 * r2) ** 3
    found = curl(oracle.surrogate("fast-sigmoid", 2.0))
    setting = "difference of the cross derivatives"
    yield equal(CLAIM.title, f"fast-sigmoid(scale=2): {setting}", found, k1 * (k2 + W2 * slope), 1e-10, WHY)
    pi, f1 = float(law.cdf(W1)), float(law.pdf(W1))
    f2 = np.array([float(law.pdf(W2 * z + BIAS)) for z in (0.0, 1.0)])
    mean, last = (1.0 - pi) * f2[0] + pi * f2[1], -r2 * f2[1]  # f' = -r f
    expected = f1 * (mean + W2 * pi * last - f2[1])
    yield equal(CLAIM.title, f"mean of st: {setting}", curl(oracle.st()), expected, 1e-10, WHY)
    yield at_most(CLAIM.title, f"exact gradient: {setting}", abs(curl(None)), 1e-10, WHY)
    for scale in (2.0, 25.0):
        values = [first(oracle.surrogate("fast-sigmoid", k)) for k in (scale, 1.0)]
        r = np.array([1.0, 1.2, 1.2])
        expected = float((((1.0 + r) / (1.0 + scale * r)) ** 2).prod())
        setting = f"fast-sigmoid, three layers: first gradient at scale {scale:g} over that at 1"
        yield equal(CLAIM.title, setting, values[0] / values[1], expected, 1e-13 * expected, "rounding")


def chain(weights: list[float], bias: float) -> oracle.Layered:
    """One unit a layer, point weights, noise of variance 1; the loss reads the last spike."""
    first = oracle.Layer([[weights[0]]], [[0.0]], [0.0], [1.0])
    above = [oracle.Layer([[w]], [[0.0]], [bias], [1.0]) for w in weights[1:]]
    return oracle.Layered([first, *above], oracle.Layer([[1.0]], [[0.0]]))


def field(w1: float, w2: float, member: oracle.Discrete | oracle.Relaxed | None) -> tuple[float, float]:
    """The mean of a member's gradient of both weights; None: the exact one."""
    found = oracle.moments(chain([w1, w2], BIAS), [1.0], single.loss((0, 1)), member or oracle.st())
    first, second = (found[f"layers.{i}.mu"] for i in (0, 1))
    if member is None:
        return float(first.gradient[0, 0]), float(second.gradient[0, 0])
    return float(first.mean[0, 0]), float(second.mean[0, 0])


def curl(member: oracle.Discrete | oracle.Relaxed | None) -> float:
    """dG1/dw2 - dG2/dw1 by central differences."""
    change = 0.0
    for step, factor in ((STEP, 8.0), (2.0 * STEP, -1.0)):
        change += factor * (field(W1, W2 + step, member)[0] - field(W1, W2 - step, member)[0])
        change -= factor * (field(W1 + step, W2, member)[1] - field(W1 - step, W2, member)[1])
    return change / (12.0 * STEP)


def first(member: oracle.Relaxed) -> float:
    """The first weight's gradient of a chain of three, r = 1, 1.2, 1.2."""
    net = chain([1.0, 0.9, 0.9], 0.3)
    return float(oracle.moments(net, [1.0], single.loss((0, 1)), member)["layers.0.mu"].mean[0, 0])
