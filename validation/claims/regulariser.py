"""Posterior noise is a curvature penalty, and dropout in its first two moments.

Source: theory 3.21 to 3.23. In a dense network without time, with Gaussian noise, the noise of the weights smooths
the expected loss exactly: dE[L]/dsigma2_ij = 1/2 d^2 E[L]/dmu_ij^2 at any sigma2. To first order in sigma2 it
therefore adds 1/2 sum sigma2_ij d^2 E[L]/dmu_ij^2, and what is left falls with sigma2^2. The term penalises
curvature, with sigma2 = alpha mu^2 as a weight decay scaled by the curvature; where the loss is concave in a weight
it is negative. With logistic noise, or noise drawn at every step of a neuron, it is another function.

sigma2 = alpha mu^2 is Gaussian dropout of the weights (Kingma et al. 2015), exactly. Bernoulli dropout of the inputs at
rate p has the same mean and variance with alpha = p / (1 - p), and another law: its skewness moves the firing
probability, less so the more inputs there are.

Trained: recorded runs on the Heidelberg digits (docs/training.md), three seeds, scored on two held-out speakers. The
networks differ by their noise alone: of the posterior, of the units (point weights), none; the slope is the same, that
of `agr`, whose deterministic twin is a Gaussian surrogate (theory 2.7). Beside them dropout of the inputs in a network
whose slope trains without noise. Intervals are Student's over seeds, which the networks share.
"""

from itertools import product

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy import special

import oracle
from refsbnn.reference import dense
from validation.evidence import intervals, networks, recorded
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Row, Rows, at_least, at_most, equal

CLAIM = Claim(
    title="Posterior noise as regulariser and dropout",
    sentence="regularises parameters, and introduces dropout-like noise",
    owner="paper",
    source="abstract, sentence 6",
    statement=(
        "In dense networks with Gaussian noise posterior variance adds, to first order, half of itself times the "
        "loss's curvature in each weight. With sigma2 = alpha mu^2 it is Gaussian dropout of the weights; Bernoulli "
        "dropout of the inputs shares its mean and variance and not its law."
    ),
    assumptions=(
        "dense layers without time, Gaussian noise, a weight drawn once an example (theory 4.6)",
        "units keep noise of their own, so that the loss is smooth in mu",
        "trained: one data set, regenerated, and one network; a narrower slope trains without noise too",
    ),
    finding="holds with conditions",
    reason="exact for dense Gaussian networks; with logistic noise or redrawn noise in time it is another penalty",
    claimed="noise acts as a penalty and as dropout",
    headline="{0,1}, 2 layers: order in sigma2 of what the curvature term leaves",
    equations=(
        Formula("3.21", r"\frac{dE[L]}{d\sigma^2_{ij}} = \frac{1}{2} \frac{d^2 E[L]}{d\mu_{ij}^2}"),
        Formula(
            "3.22", r"E[L; \sigma^2] = E[L; 0] + \frac{1}{2} \sum \sigma^2_{ij} \frac{d^2 E[L; 0]}{d\mu_{ij}^2} + \dots"
        ),
        Formula("3.23", r"\alpha = p / (1 - p)"),
    ),
    code=("refsbnn/reference/dense.py", "oracle/transfer.py"),
)
TITLE = CLAIM.title
STEP = 2e-3  # of the second differences: error of order STEP^4, rounding of order eps / STEP
LOSS = oracle.Categorical(0)


def check(level: Level) -> Rows:
    """The curvature identity, the order of the remainder, where it fails, and dropout."""
    rng = level.rng(__name__)
    for domain, label in (("binary", "{0,1}"), ("bipolar", "{-1,+1}")):
        nets = [(networks.layered(rng, [2, 3, 3], domain=domain), rng.normal(size=2)) for _ in range(6)]
        why = "differences of exact gradients: STEP^4 times a fifth derivative, and rounding over STEP"
        setting = f"{label}, 2 layers: gradient in sigma2 less half the curvature"
        yield at_most(TITLE, setting, gap(*nets[0]), 1e-8, why)
        yield order(nets, f"{label}, 2 layers: order in sigma2 of what the curvature term leaves")
    net, x = networks.layered(rng, [2, 3, 3], noise="logistic"), rng.normal(size=2)
    why = "far above rounding: another function of the variance"
    yield at_least(TITLE, "logistic noise: gradient in sigma2 less half the curvature", gap(net, x), 1e-4, why)
    lif, drive = networks.lif(rng, [2, 2], beta=0.8, theta=0.5), rng.normal(size=(3, 2))
    why = "far above rounding: the noise is drawn at every step, the mean is shared"
    yield at_least(TITLE, "LIF, 3 steps: gradient in sigma2 less half the curvature", gap(lif, drive), 1e-4, why)
    yield concave(level)
    yield from dropout(level)
    if recorded.AT_HAND:
        yield from trained()


TWIN = "gaussian-scale-0.894"  # agr(tau=0.5) without noise: 1 / sqrt(1 + tau^2)


def trained() -> Rows:
    """What a trained network gains by the posterior's noise."""
    others = {
        "the units' noise alone": recorded.sweep("paper/shd_noise", posterior="point", member="agr"),
        "no noise, the same slope": recorded.sweep("paper/shd_noise", posterior="point", member=TWIN),
    }
    own = accuracies(recorded.sweep("paper/shd_noise", posterior="gaussian", member="agr"))
    gaps = {name: intervals.mean(own - accuracies(runs), 0.95) for name, runs in others.items()}
    setting = "SHD, regenerated, {}, posterior noise less {}: points of accuracy"
    name, gap = next(iter(gaps.items()))
    why = f"95 % interval {gap:+.1f}, three seeds: not below 0, and none shown"
    yield at_least(TITLE, setting.format("validation", name), gap.value, 0.0, why, gap.high - gap.value)
    name, gap = list(gaps.items())[1]
    why = f"95 % interval {gap:+.1f}, three seeds: without noise this slope does not train"
    yield at_least(TITLE, setting.format("lower end", name), gap.low, 0.0, why)
    kept, dropped = (accuracies(recorded.sweep("paper/shd_drop", drop=rate)) for rate in ("0.0", "0.1"))
    gap = intervals.mean(dropped - kept, 0.95)
    setting = "SHD, regenerated, validation, wide slope, no noise: points gained by dropping a tenth of the inputs"
    why = f"95 % interval {gap:+.1f}, two seeds: it reaches 0, no gain is shown"
    yield at_most(TITLE, setting, gap.low, 0.0, why)


def accuracies(runs: list[dict]) -> np.ndarray:
    """Validation accuracies in points, seed by seed."""
    return np.array([100.0 * run["validation"]["accuracy"] for run in runs])


def weights(net: oracle.Network) -> list[str]:
    """The hidden mu by name."""
    return [key for key in oracle.parameters(net) if key.endswith(".mu") and not key.startswith("readout")]


def curvature(net: oracle.Network, x: np.ndarray) -> dict[str, np.ndarray]:
    """d^2 E[L] / dmu^2 of every hidden weight, from exact gradients at four points around it."""
    found = {}
    for key in weights(net):
        mu = oracle.parameters(net)[key]
        found[key] = np.empty_like(mu)
        for index in np.ndindex(mu.shape):
            slopes = []
            for step in (-2.0, -1.0, 1.0, 2.0):
                moved = mu.copy()
                moved[index] += step * STEP
                slopes.append(oracle.exact(oracle.replace(net, {key: moved}), x, LOSS).gradient[key][index])
            found[key][index] = (slopes[0] - slopes[3] + 8.0 * (slopes[2] - slopes[1])) / (12.0 * STEP)
    return found


def gap(net: oracle.Network, x: np.ndarray) -> float:
    """Largest difference of a weight's gradient in sigma2 from half its curvature, over the largest gradient."""
    gradient = oracle.exact(net, x, LOSS).gradient
    pairs = [(gradient[f"{key.removesuffix('mu')}sigma2"], 0.5 * bend) for key, bend in curvature(net, x).items()]
    largest = max(float(np.abs(slope).max()) for slope, _ in pairs)
    return max(float(np.abs(slope - half).max()) for slope, half in pairs) / largest


def order(nets: list[tuple[oracle.Layered, np.ndarray]], setting: str) -> Row:
    """The order of E[L](sigma2) - E[L](0) - 1/2 sum sigma2 curvature(0) as sigma2 falls, over all networks."""
    rests = np.linalg.norm([remainders(net, x) for net, x in nets], axis=0)
    slopes = np.log2(rests[:-1] / rests[1:])
    why = f"slope over two halvings, {len(nets)} networks, extrapolated once: its error is second order in sigma2"
    return equal(TITLE, setting, 2.0 * slopes[1] - slopes[0], 2.0, 0.1, why)


def remainders(net: oracle.Layered, x: np.ndarray) -> list[float]:
    """What the curvature term leaves at a 32nd, a 64th and a 128th of the posterior's variance."""
    shares = {key: oracle.parameters(net)[f"{key.removesuffix('mu')}sigma2"] for key in weights(net)}

    def loss(scale: float) -> float:
        return oracle.exact(scaled(scale), x, LOSS).loss

    def scaled(scale: float) -> oracle.Network:
        return oracle.replace(net, {f"{key.removesuffix('mu')}sigma2": scale * share for key, share in shares.items()})

    bend = curvature(scaled(0.0), x)
    term = sum(float((0.5 * shares[key] * bend[key]).sum()) for key in shares)
    return [loss(2.0**-k) - loss(0.0) - 2.0**-k * term for k in (5, 6, 7)]


def concave(level: Level) -> Row:
    """How often the term is a penalty at all."""
    rng, count = level.rng(f"{__name__}.concave"), 40 if level.quick else 200
    positive = 0
    for _ in range(count):
        net, x = networks.layered(rng, [2, 3]), rng.normal(size=2)
        gradient = oracle.exact(net, x, LOSS).gradient  # its entries in sigma2 are half the curvature
        positive += sum(float((gradient[f"{key[:-2]}sigma2"] * net.layers[0].sigma2).sum()) for key in weights(net)) > 0
    setting = "random networks of one layer: share in which posterior noise raises the loss"
    why = f"{positive} of {count}: concave directions are as common away from a minimum"
    return at_most(TITLE, setting, positive / count, 0.95, why)


def dropout(level: Level) -> Rows:
    """Gaussian dropout is sigma2 = alpha mu^2; Bernoulli dropout has its two moments and another law."""
    rng = level.rng(f"{__name__}.dropout")
    mu, x, own, rate = 0.6 * rng.normal(size=3), rng.uniform(0.5, 1.5, size=3), 0.3, 0.2
    alpha = rate / (1.0 - rate)
    moments = dense.forward(x[None], mu[None], alpha * mu[None] ** 2, np.zeros(1), np.full(1, own))
    m, v = (float(one[0, 0]) for one in moments)
    nodes, parts = hermegauss(60)
    xi = np.array(list(product(nodes, repeat=3)))
    chance = np.array(list(product(parts, repeat=3))).prod(axis=1) / (2.0 * np.pi) ** 1.5
    fires = float(chance @ special.ndtr(((x * mu) * (1.0 + np.sqrt(alpha) * xi)).sum(axis=1) / np.sqrt(own)))
    why = "60 nodes a weight"
    setting = "Gaussian dropout of three weights, alpha = 0.25: firing probability"
    yield equal(TITLE, setting, special.ndtr(m / np.sqrt(v)), fires, 1e-9, why)
    masks = np.array(list(product([0.0, 1.0], repeat=3)))
    chance = np.prod(np.where(masks > 0.0, 1.0 - rate, rate), axis=1)
    sums = masks @ (x * mu) / (1.0 - rate)
    mean = float(chance @ sums)
    centred = sums - mean
    setting = f"Bernoulli dropout of three inputs, p = {rate:g}"
    yield equal(TITLE, f"{setting}: mean of the pre-activation", m, mean, 1e-14, "rounding")
    yield equal(TITLE, f"{setting}: variance", v, float(chance @ centred**2) + own, 1e-14, "rounding")
    third = float(((x * mu) ** 3).sum()) * rate * (2.0 * rate - 1.0) / (1.0 - rate) ** 2
    found = float(chance @ centred**3)
    yield equal(TITLE, f"{setting}: third cumulant, 0 for the posterior", found, third, 1e-13, "rounding")
    for p, expected in ((0.2, -0.5), (0.5, -1.0)):
        gaps = [abs(off(p, count)) for count in (256, 1024)]
        setting = f"Bernoulli dropout, p = {p:g}: order in the number of inputs of the change in firing probability"
        why = "from 256 to 1,024 inputs of one weight each; the skewness is 0 at p = 1/2, and the kurtosis is next"
        yield equal(TITLE, setting, np.log2(gaps[1] / gaps[0]) / 2.0, expected, 0.05, why)
    setting = "Bernoulli dropout of four inputs, p = 0.2: change in firing probability"
    yield at_least(TITLE, setting, abs(off(0.2, 4)), 1e-3, "posterior noise is not dropout of the inputs")


def off(p: float, inputs: int, own: float = 0.1) -> float:
    """Firing probability under Bernoulli dropout of equal inputs less that of the posterior with its two moments."""
    mu = 1.0 / np.sqrt(inputs)
    kept = np.arange(inputs + 1)
    ways = special.gammaln(inputs + 1) - special.gammaln(kept + 1) - special.gammaln(inputs - kept + 1)
    chance = np.exp(ways + kept * np.log1p(-p) + (inputs - kept) * np.log(p))
    m = 0.4  # a bias takes the mean there
    fires = chance @ special.ndtr((m + mu * (kept / (1.0 - p) - inputs)) / np.sqrt(own))
    return float(fires - special.ndtr(m / np.sqrt(own + p / (1.0 - p))))
