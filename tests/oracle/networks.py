"""Random tiny networks for the oracle's tests; sizes and options come from Hypothesis, numbers from a drawn seed."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import oracle

EPS = np.finfo(np.float64).eps
# The same examples on every run: a failure is then the code's, not the draw's.
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
NOISES = st.sampled_from(["gaussian", "logistic"])
VARIANCES = st.sampled_from(["linear", "quadratic"])


def layer(
    rng: np.random.Generator, out: int, below: int, *, bias: bool = True, recurrent: bool = False
) -> oracle.Layer:
    """A layer with effects of order one: r = m / s is mostly within +-3, where every term counts."""
    mu, sigma2 = rng.normal(size=(out, below)), rng.uniform(0.2, 1.0, (out, below))
    biases = (rng.normal(size=out) / 2.0, rng.uniform(0.2, 0.6, out)) if bias else (None, None)
    own = (rng.normal(size=(out, out)), rng.uniform(0.2, 1.0, (out, out))) if recurrent else (None, None)
    return oracle.Layer(mu, sigma2, *biases, *own)


@st.composite
def layered(draw: Callable, depth: int = 3, widest: int = 3, domains: tuple = ("binary", "bipolar")) -> tuple:
    """A `Layered` network, an input and its generator."""
    rng = np.random.default_rng(draw(SEEDS))
    units = draw(st.lists(st.integers(1, widest), min_size=1, max_size=depth))
    # A layer that may see only zeros needs a bias variance; without one it would be a step there, tested elsewhere.
    layers = [layer(rng, here, below) for below, here in zip([2, *units], units, strict=False)]
    readout = layer(rng, 2, units[-1], bias=draw(st.booleans()))
    words = {"noise": draw(NOISES), "variance": draw(VARIANCES), "domain": draw(st.sampled_from(domains))}
    return oracle.Layered(layers, readout, **words), rng.normal(size=2), rng


@st.composite
def residual(draw: Callable) -> tuple:
    """A `Residual` network of two blocks, one with an inner layer of another width."""
    rng = np.random.default_rng(draw(SEEDS))
    one, two = [layer(rng, 2, 2)], [layer(rng, 3, 2), layer(rng, 2, 3)]
    net = oracle.Residual(
        layer(rng, 2, 3),
        [one, two] if draw(st.booleans()) else [two, one],
        layer(rng, 2, 2),
        scales=rng.uniform(0.3, 1.2, 2),
        accumulate=draw(st.booleans()),
        noise=draw(NOISES),
        domain=draw(st.sampled_from(["binary", "bipolar"])),
        variance=draw(VARIANCES),
    )
    return net, rng.normal(size=3), rng


@st.composite
def lif(draw: Callable, **fixed: Any) -> tuple:
    """A `LIF` network: two steps of two layers, or three steps of one; recurrent or not."""
    rng = np.random.default_rng(draw(SEEDS))
    recurrent = draw(st.booleans())
    if draw(st.booleans()):
        layers, steps = [layer(rng, 2, 3, recurrent=recurrent), layer(rng, 1, 2, recurrent=recurrent)], 2
    else:
        layers, steps = [layer(rng, 2, 3, recurrent=recurrent)], 3
    options = {
        "beta": draw(st.floats(0.3, 1.0)),
        "theta": draw(st.floats(-0.5, 1.0)),
        "readout_beta": draw(st.floats(0.3, 1.0)),
        "reset": draw(st.sampled_from(["hard", "soft"])),
        "accumulate": draw(st.booleans()),
        "reset_gradient": draw(st.booleans()),
        "reduce": draw(st.sampled_from(["mean", "max", "last"])),
        "noise": draw(NOISES),
        "variance": draw(VARIANCES),
        "alpha": draw(st.sampled_from([0.0, 0.6])),
        "adapt": draw(st.sampled_from([0.0, 0.8])),
        "adapt_decay": draw(st.sampled_from([0.5, 0.9])),
    }
    net = oracle.LIF(layers, layer(rng, 2, layers[-1].mu.shape[0]), **{**options, **fixed})
    return net, rng.normal(size=(steps, 3)), rng


EVERY = st.one_of(layered(depth=2), residual(), lif())


def loss(rng: np.random.Generator) -> oracle.Loss:
    """A loss of two sampled logits, neither symmetric nor quadratic."""
    return oracle.Bernoulli(rng.uniform(0.0, 1.0, 2), eps=rng.normal(size=2))


def cubic(rng: np.random.Generator) -> oracle.Custom:
    """A loss whose third derivative matters: a random cubic of two logits."""
    a, b = rng.normal(size=(2, 2))

    def function(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        s, t = logits @ a, logits @ b
        return s**3 + s * t - t, (3.0 * s**2 + t)[:, None] * a + (s - 1.0)[:, None] * b

    return oracle.Custom(function)
