"""Noise drawn at the units has the law of weights drawn from the posterior, for one example of a dense network.

Source: the paper's abstract, theory 3.1, 3.15; Kingma, Salimans and Welling (2015) for the batch. The reference layers
of refsbnn run with drawn weights (`reference.weights`), one draw for each cell of weight space in which every spike is
the same; the probability of a cell is that of its signs, by products or by a bivariate orthant.

- One example, dense: cells have the probabilities of independent units, so mean and variance of every gradient are the
  oracle's, which knows local reparameterisation only.
- A batch that shares one draw: the same mean; the variance has the covariance of the examples besides, 2 Cov for two.
- Places that share a filter: spikes are dependent, and mean and loss are those of another network.
"""

from itertools import product

import numpy as np
from scipy import integrate, special

import oracle
from refsbnn.reference import conv2d, dense, unit, weights
from validation.evidence import networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_least, at_most, equal

CLAIM = Claim(
    title="Posterior noise at the units",
    sentence="uses posterior noise to train Binary and Spiking Neural Networks with IW-ST",
    owner="paper",
    source="abstract, sentence 5",
    statement="Units with the noise of theory 3.1 and weights drawn once an example (3.15) give the same mean and "
    "variance of every gradient for one example of a dense network; the variance of a batch that shares a draw has the "
    "examples' covariance besides.",
    assumptions=("dense layers without time", "one example, or independent draws for each", "Gaussian noise"),
    finding="holds with conditions",
    reason="places that share a filter, and steps, are dependent: with drawn weights mean and loss are others",
    claimed="noise of the units is noise of the weights",
    headline="one example, two dense layers, trapezoid: largest difference of mean and variance",
    equations=(
        Formula("3.1", r"m = \mu x + \mu_b, \quad v = \sigma^2 x_2 + \sigma^2_b"),
        Formula("3.15", r"u = 1 - \Phi\left( \frac{a - m}{s} \right), \quad 1[u < \Phi(m / s)] = 1[a > 0]"),
        Formula("3.6", r"v[y, x, o] = \sum_{k, l, c} \sigma^2[o, k, l, c]\, X_2[S y + k - P, S x + l - P, c]"),
    ),
    code=("refsbnn/reference/weights.py", "refsbnn/reference/unit.py"),
)
WHY = "rounding of sums over cells, relative to the root mean square"


def check(level: Level) -> Rows:
    """One example, a batch, two places."""
    rng = level.rng(__name__)
    for member in ("st", "trapezoid", "agr(tau=0.5)"):
        worst = max(one_example(rng, member) for _ in range(2 if level.quick else 10))
        setting = f"one example, two dense layers, {member}: largest difference of mean and variance"
        yield at_most(CLAIM.title, setting, worst, 1e-11, WHY)
    for member in ("st", "trapezoid"):
        yield from batch(rng, member)
    yield from places()


def one_example(rng: np.random.Generator, member: str) -> float:
    """Largest difference from the oracle of mean and mean square, in units of the root mean square."""
    net, x = networks.layered(rng, [2, 2, 2]), rng.normal(size=2)
    slope = rng.normal(size=(2, 2))  # of a loss linear in the last layer's spikes, and of their product
    readout = oracle.Layer(np.eye(2), np.zeros((2, 2)))

    def loss(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return z @ slope[0] + slope[1, 0] * z[:, 0] * z[:, 1], slope[0] + slope[1, 0] * z[:, ::-1]

    truth = oracle.moments(oracle.Layered(net.layers, readout), x, oracle.Custom(loss), oracle.member(member))
    signs = np.array(list(product((-1.0, 1.0), repeat=4))).reshape(16, 2, 2)  # of every unit's pre-activation
    p, h, below, kept = np.ones(16), np.tile(x, (16, 1)), "real", []
    for layer, sign in zip(net.layers, signs.transpose(1, 0, 2), strict=True):
        m, v, u = draw(rng, layer, h, sign, below)
        p = p * special.ndtr(sign * m / np.sqrt(v)).prod(axis=1)
        z = unit.forward(m, v, u, noise="gaussian", member=member)
        kept.append((h, m, v, u, z, below))
        h, below = z, "binary"
    worst, g = 0.0, loss(h)[1]
    for index, (layer, (x_in, m, v, u, z, domain)) in reversed(list(enumerate(zip(net.layers, kept, strict=True)))):
        dm, dv = unit.backward(g, z, m, v, u, noise="gaussian", member=member)
        g = dense.backward(dm, dv, x_in, layer.mu, layer.sigma2, domain=domain).x
        exact = truth[f"layers.{index}.bias_mu"], truth[f"layers.{index}.bias_sigma2"]
        for each, value in zip(exact, (dm, dv), strict=True):
            size = np.sqrt(each.square.max())
            worst = max(worst, np.abs(p @ value - each.mean).max() / size)
            worst = max(worst, np.abs(p @ value**2 - each.square).max() / size**2)
    return float(worst)


def draw(
    rng: np.random.Generator, layer: oracle.Layer, x: np.ndarray, sign: np.ndarray, domain: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments and uniforms of drawn weights whose pre-activations have these signs: the bias's draw makes them so."""
    eps = rng.normal(size=(len(x), *layer.mu.shape))
    drawn = np.einsum("bi,boi->bo", x, layer.mu + np.sqrt(layer.sigma2) * eps) + layer.bias_mu
    wanted = sign * rng.uniform(0.1, 1.0, size=sign.shape)
    bias_eps = (wanted - drawn) / np.sqrt(layer.bias_sigma2)
    return weights.dense(x, layer.mu, layer.sigma2, eps, layer.bias_mu, layer.bias_sigma2, bias_eps, domain=domain)


def batch(rng: np.random.Generator, member: str) -> Rows:
    """Two examples of one unit, loss z^2 summed: with one draw for both, and by the formula."""
    x, mu, sigma2 = rng.normal(size=(2, 2)), rng.normal(size=(1, 2)), rng.uniform(0.2, 1.0, size=(1, 2))
    signs = np.array(list(product((-1.0, 1.0), repeat=2)))
    values, r, both = [], np.zeros(2), 0.0
    for sign in signs:
        eps = np.linalg.solve(x * np.sqrt(sigma2), sign * 0.3 - x @ mu[0])  # a = sign * 0.3 for both examples
        m, v, u = weights.dense(x, mu, sigma2, np.tile(eps, (2, 1, 1)))
        z = unit.forward(m, v, u, noise="gaussian", member=member)
        dm, _ = unit.backward(2.0 * z, z, m, v, u, noise="gaussian", member=member)
        r, both = (m / np.sqrt(v))[:, 0], float((x[0] * sigma2[0]) @ x[1] / np.sqrt(v.prod()))
        values.append(dm[:, 0] * x[:, 0])  # of mu's first entry, example by example
    found = np.array(values)
    p = np.array([orthant(sign * r, sign.prod() * both) for sign in signs])
    mean = p @ found
    variance = float(p @ found.sum(axis=1) ** 2 - mean.sum() ** 2)
    # What the oracle knows of each example by itself, and the covariance of two values of two states each.
    alone = [
        oracle.moments(
            oracle.Layered([oracle.Layer(mu, sigma2)], oracle.Layer([[1.0]], [[0.0]])),
            one,
            oracle.Custom(lambda z: (z[:, 0] ** 2, 2.0 * z)),
            oracle.member(member),
        )["layers.0.mu"]
        for one in x
    ]
    steps = found[-1] - found[0]  # both spikes, less none
    dependent = orthant(r, both) - special.ndtr(r).prod()
    local = sum(float(each.variance[0, 0]) for each in alone)
    setting, scale = f"two examples, one draw, {member}", float(p @ found.sum(axis=1) ** 2)
    exact = sum(float(each.mean[0, 0]) for each in alone)
    yield equal(CLAIM.title, f"{setting}: mean of the sum", mean.sum(), exact, 1e-9 * np.sqrt(scale), ORTHANT)
    expected = local + 2.0 * float(steps.prod()) * dependent
    yield equal(CLAIM.title, f"{setting}: variance of the sum", variance, expected, 1e-9 * scale, ORTHANT)


ORTHANT = "quadrature of the orthant to 1e-11; expected: the oracle's variances and 2 Cov"


def orthant(r: np.ndarray, rho: float) -> float:
    """P(a1 > 0, a2 > 0) of two normal numbers of means r, variance 1 and correlation rho."""

    def given(t: float) -> float:
        conditional = special.ndtr((r[1] + rho * t) / np.sqrt(1.0 - rho**2))
        return float(np.exp(-0.5 * t * t) / np.sqrt(2.0 * np.pi) * conditional)

    return integrate.quad(given, -r[0], np.inf, epsabs=1e-12, epsrel=1e-11)[0]


def places() -> Rows:
    """A 1x1 filter and its bias on two places, loss z1 z2, trapezoid: drawn weights against noise at each place."""
    x = np.array([0.8, 1.5]).reshape(1, 1, 2, 1)
    mu, sigma2, bias, spread = np.full((1, 1, 1, 1), 0.4), np.full((1, 1, 1, 1), 0.5), np.array([-0.3]), np.array([0.2])
    m, v = (each.ravel() for each in conv2d.forward(x, mu, sigma2, bias, spread))
    s, pixels = np.sqrt(v), x.ravel()
    r, rho = m / s, float((pixels.prod() * 0.5 + 0.2) / s.prod())
    mean = loss = 0.0
    for sign in product((-1.0, 1.0), repeat=2):
        a = np.array(sign) * 0.1
        scales = np.column_stack([pixels * np.sqrt(0.5), np.full(2, np.sqrt(0.2))])
        eps, bias_eps = np.linalg.solve(scales, a - m)
        m_, v_, u = weights.conv2d(
            x, mu, sigma2, np.full((1, 1, 1, 1, 1), eps), bias, spread, np.full((1, 1), bias_eps)
        )
        z = unit.forward(m_, v_, u, noise="gaussian", member="trapezoid")
        dm, _ = unit.backward(z[:, :, ::-1], z, m_, v_, u, noise="gaussian", member="trapezoid")
        p = orthant(np.array(sign) * r, float(np.prod(sign)) * rho)
        mean += p * float((dm.ravel() * pixels).sum())
        loss += p * float(z.prod())
    pi, f = special.ndtr(r), np.exp(-0.5 * r * r) / np.sqrt(2.0 * np.pi)
    both = orthant(r, rho)
    # E[z2 k1] = f1 / 2 (P11 / pi1 + P01 / (1 - pi1)), and the same with the places exchanged.
    alone = 0.5 * (both / pi + (pi[::-1] - both) / (1.0 - pi))
    expected = float((f * pixels / s) @ alone)
    local = float((f * pixels / s) @ pi[::-1])
    setting = "two places of a 1x1 filter, drawn weights, trapezoid"
    yield equal(CLAIM.title, f"{setting}: mean gradient of mu", mean, expected, 1e-10, "quadrature of the orthant")
    why = "not that of independent places: any visible change"
    yield at_least(CLAIM.title, f"{setting}: distance from noise at each place", abs(mean - local), 1e-3, why)
    setting = "two places of a 1x1 filter, drawn weights: expected loss less that of noise at each place"
    yield at_least(CLAIM.title, setting, loss - float(pi.prod()), 1e-3, why)
