"""Small networks whose weights are drawn more than once for an example: objective and log evidence, each exact."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

import oracle


class Drawn(NamedTuple):
    """The objective with KL charged once and for each draw, and the log evidence of weights shared and drawn each time.

    NaN where it is not asked for.
    """

    label: str
    once: float
    each: float
    shared: float
    own: float


class Likelihood:
    """Minus the likelihood N(y; m, v + noise), the readout's weights integrated: its mean is minus an evidence."""

    def __init__(self, y: float, noise: float) -> None:
        self.y, self.noise = y, noise

    def check(self, outputs: int) -> None:
        """Any readout of one output."""

    def evaluate(self, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Value; no derivatives are asked for."""
        return -stats.norm.pdf(self.y, m, np.sqrt(v + self.noise))[:, 0], np.zeros_like(m), np.zeros_like(v)


def neuron() -> Drawn:
    """A neuron that always fires, 20 steps read as a mean: the readout's weight is drawn at every step."""
    net = oracle.LIF(
        [oracle.Layer([[0.0]], [[1.0]])], oracle.Layer([[0.9]], [[0.67]]), beta=0.0, theta=-50.0, readout_beta=0.0
    )
    x = np.ones((20, 1))
    found = oracle.elbo(net, [x], [oracle.Gaussian([1.0], 0.1)])
    times = {name: number for name, number in oracle.draws(net, x).items() if number is not None}
    each = found.loglik - oracle.kl(net, times=times)[0]
    shared, own = (float(stats.norm.logpdf(1.0, 0.0, np.sqrt(v + 0.1))) for v in (1.0, 1.0 / 20.0))
    return Drawn("LIF", found.value, each, shared, own)


def convolution() -> Drawn:
    """A 1x1 filter on ten equal places, prior N(0, 1), the spikes averaged; nine of ten is the target."""
    places, y, noise, r = 10, 0.9, 0.0015, 1.2815515655446004  # F(r) = .9
    sigma2 = 1.0 / (1.0 + r * r)  # the least divergence for this r
    mu = r * np.sqrt(sigma2)
    layer = oracle.Layer(*(oracle.unroll([[[[value]]]], 1, places) for value in (mu, sigma2)))
    known = oracle.Layer(np.full((1, places), 1.0 / places), np.zeros((1, places)))
    net, x = oracle.Layered([layer], known), np.ones(places)
    loglik = -oracle.exact(net, x, oracle.Gaussian([y], noise)).loss
    divergence = oracle.kl(oracle.Layered([oracle.Layer([[mu]], [[sigma2]])], known_one()), times={"readout": 0})[0]
    at_prior = oracle.Layered([layer._replace(mu=0.0 * layer.mu, sigma2=np.eye(places))], known)
    own = float(np.log(-oracle.exact(at_prior, x, Likelihood(y, noise)).loss))
    shared = float(np.log(0.5 * sum(stats.norm.pdf(y, z, np.sqrt(noise)) for z in (0.0, 1.0))))
    return Drawn("convolution", loglik - divergence, loglik - places * divergence, shared, own)


def stream() -> Drawn:
    """A residual stream on two examples, x = 1 and 20: found by a search over posteriors, priors and slopes."""
    mu, sigma2, prior, slopes = (0.94, -4.46), (0.153, 5.25), (1.0, 26.0), (-4.03, 4.66)
    net = residual(mu, sigma2)
    priors = {"stem.mu": prior[0], "blocks.0.0.mu": prior[1], "readout.mu": 1.0}
    xs, losses = [[1.0], [20.0]], [linear(slope) for slope in slopes]
    options: dict[str, Any] = {"prior_sigma2": priors, "known": ["readout"]}
    once, each = (oracle.elbo(net, xs, losses, each_draw=draw, **options).value for draw in (False, True))
    return Drawn("residual, two examples", once, each, np.nan, stream_evidence(prior[1], (1.0, 20.0), slopes))


def known_one() -> oracle.Layer:
    """A readout of one known weight: the logit is the spike."""
    return oracle.Layer([[1.0]], [[0.0]])


def residual(mu: tuple[float, float], sigma2: tuple[float, float], accumulate: bool = True) -> oracle.Residual:
    """A stream of one unit and one block of one weight each, read by a known weight."""
    stem, branch = (oracle.Layer([[m]], [[s]]) for m, s in zip(mu, sigma2, strict=True))
    return oracle.Residual(stem, [[branch]], known_one(), accumulate=accumulate)


def linear(slope: float) -> oracle.Custom:
    """Log-likelihood slope * z (up to a constant that evidence and objective share)."""
    return oracle.Custom(lambda logits: (-slope * logits[:, 0], np.full_like(logits, -slope)))


def stream_evidence(branch: float, x: tuple[float, float], slopes: tuple[float, float]) -> float:
    """Log evidence of the stream of one unit and block on two examples, weights of their own at each unit."""
    total = 0.0
    for h in product((0, 1), repeat=2):
        k = [[x[a] * x[b] + branch * h[a] * h[b] for b in range(2)] for a in range(2)]
        same = 0.25 + np.arcsin(k[0][1] / np.sqrt(k[0][0] * k[1][1])) / (2.0 * np.pi)
        first = 0.5 if h[0] == h[1] else 0.0  # x has one sign: one weight decides both
        for z in product((0, 1), repeat=2):
            total += first * (same if z[0] == z[1] else 0.5 - same) * np.exp(slopes[0] * z[0] + slopes[1] * z[1])
    return float(np.log(total))
