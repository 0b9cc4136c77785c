"""The intervals of a probe hold the oracle's answers as often as they say, on small networks of every kind.

Each network is probed with 40 seeds, 0 to 39. An interval of 95 % may miss more often than that in small samples; a
test fails where misses would be too many even for one of 90 %, all of them together by chance in one of 10,000 runs.
"""

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

import oracle
from refsbnn import objective
from refsbnn.layers import Moments
from refsbnn.probe import bias
from refsbnn.probe.report import Report, probe
from refsbnn.streams import Streams
from tests.validation.test_probe_exact import estimate, gradient
from tests.validation.twins import FIRST, filters, pooled
from validation import twin
from validation.evidence import networks
from validation.evidence.networks import layer

SEEDS, INPUTS, COPIES = 40, 4, 25
SPREAD = 0.7  # variance of the observations
CASES = {
    "dense": lambda rng: (networks.layered(rng, [3, 3, 3]), (3,), {}),
    "bipolar": lambda rng: (networks.layered(rng, [3, 3, 3], domain="bipolar"), (3,), {}),
    "residual": lambda rng: (networks.residual(rng, 3, 2, [1, 2], scales=[0.8, -1.1]), (3,), {}),
    "neurons": lambda rng: (networks.lif(rng, [3, 3], recurrent=True, theta=0.4), (3, 3), {}),
    "convolution": lambda rng: (
        oracle.Layered([filters(rng, FIRST)], layer(rng, 2, 2), pools=pooled("average", 2, 2, 2, 2)),
        (9,),
        {"convolutions": {"layers.0": FIRST}},
    ),
}
MEMBERS = ["st", "agr(tau=0.5)"]
# What is counted: 5 networks, up to 4 layers, 2 members, 2 averages, 3 intervals, 2 choices of examples.
LIMIT = int(stats.binom.isf(1e-4 / (5 * 4 * 2 * 2 * 3 * 2), SEEDS, 0.1))


class Part(NamedTuple):
    """Inputs and targets of a regression, each of INPUTS examples COPIES times."""

    x: np.ndarray
    targets: np.ndarray
    timed: bool

    def batch(self, rows: np.ndarray, draws: Any) -> np.ndarray:
        """As a probe asks for it."""
        each = self.x[rows % INPUTS]
        return np.moveaxis(each, 0, 1) if self.timed else each

    def loss(self, output: Moments, rows: np.ndarray) -> tuple[np.ndarray, Moments]:
        """The closed form over the readout's noise."""
        loglik, dm, dv = objective.gaussian(output.m, output.v, self.targets[rows % INPUTS], SPREAD)
        return -loglik, Moments(-dm, -dv, np.zeros(output.m.shape[-1]))


def made(name: str, member: str = "st") -> tuple[twin.Twin, Part, list[tuple[np.ndarray, oracle.Gaussian]]]:
    """A network, its data, and the same as the oracle's questions."""
    rng = np.random.default_rng(0)
    net, shape, words = CASES[name](rng)
    x, targets = rng.normal(size=(INPUTS, *shape)), rng.normal(size=(INPUTS, 2))
    asked = [(each, oracle.Gaussian(target, SPREAD)) for each, target in zip(x, targets, strict=True)]
    both = twin.of(net, *asked[0], member, **words)
    timed = both.network.input.steps is not None
    whole = x if timed else x.reshape(INPUTS, *both.network.input.shape)
    return both, Part(whole, targets, timed), asked


def probed(name: str, seed: int, examples: int) -> Report:
    """The probe of every unit."""
    both, part, _ = made(name)
    of = INPUTS * COPIES
    words: dict[str, Any] = {"of": of, "part": "copies", "members": MEMBERS, "examples": examples, "draws": 8}
    return probe(both.network, both.parameters, part, part.loss, Streams(seed), **words)


def exact(name: str) -> dict[tuple[int, str, str], tuple[float, float, float]]:
    """Relative bias, scale and cosine by layer, member and average, from the oracle."""
    found = {}
    for member in MEMBERS:
        both, _, asked = made(name, member)
        g = [np.stack(each, axis=1) for each in zip(*(gradient(both, *one) for one in asked), strict=True)]
        e = [np.stack(each, axis=1) for each in zip(*(estimate(both, *one)[0] for one in asked), strict=True)]
        for number, (a, b) in enumerate(zip(g, e, strict=True)):
            found[number, member, "each"] = ratios(a, b)
            found[number, member, "all"] = ratios(a.mean(axis=1), b.mean(axis=1))
    return found


def ratios(g: np.ndarray, e: np.ndarray) -> tuple[float, float, float]:
    """Theory 5.14 of numbers without noise."""
    norm, product = np.linalg.norm, (g * e).sum()
    return float(norm(e - g) / norm(g)), float(product / (g * g).sum()), float(product / (norm(g) * norm(e)))


def misses(name: str, examples: int, seeds: int = SEEDS) -> dict[tuple[int, str, str, str], int]:
    """How often each interval missed."""
    wanted, count = exact(name), {}
    for seed in range(seeds):
        rows = probed(name, seed, examples).rows
        order = list(dict.fromkeys(row.layer for row in rows))
        for row in rows:
            for own in ("each", "all"):
                answers = wanted[order.index(row.layer), row.member, own]
                for what, answer in zip(("bias", "scale", "cosine"), answers, strict=True):
                    _, low, high = getattr(getattr(row, own), what)
                    key = (order.index(row.layer), row.member, own, what)
                    # Rounding of a cosine of 1, or of no bias at all, is no miss.
                    count[key] = count.get(key, 0) + (not low - 1e-9 <= answer <= high + 1e-9)
    return count


@pytest.mark.parametrize("examples", [20, INPUTS * COPIES])
@pytest.mark.parametrize("name", CASES)
def test_intervals_hold_the_exact_answers(name: str, examples: int) -> None:
    count = misses(name, examples)
    assert not {key: missed for key, missed in count.items() if missed > LIMIT}


def test_a_square_that_noise_makes_too_large_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The squared mean in the place of the sum over pairs of different draws."""

    def naive(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return x.mean(axis=-1) * y.mean(axis=-1)

    monkeypatch.setattr(bias, "products", naive)
    assert max(misses("dense", INPUTS * COPIES).values()) > LIMIT
