"""A convolution is the dense layer it unrolls to: same moments, same estimator, weights shared over positions.

Source: theory 3.6. The oracle enumerates the unrolled layer; refsbnn runs its convolution. Both the weighted mean over
all states and a Monte-Carlo mean (Bernstein's bound, false alarm 1e-9 a run) are held to the oracle's.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import oracle
from oracle import convolution
from refsbnn.reference import conv2d, dense, unit
from validation.claims import enumerated, reference
from validation.evidence import bounds, networks
from validation.evidence.record import Level, Row, at_most

TITLE = "Convolution"
SHAPE = (2, 2, 2, 1)  # out, kernel height, kernel width, in
SIDE = 3
FALSE_ALARM = 5e-10  # and as much for the other networks
LOSS = oracle.Categorical(1, eps=[0.3, -0.4])


def check(level: Level) -> list[Row]:
    """Enumerated and sampled means, with and without stride and padding."""
    rng = level.rng(__name__)
    rows = []
    options = ((1, 0), (2, 1)) if not level.quick else ((2, 1),)
    for stride, padding in options:
        mu, sigma2 = rng.normal(size=SHAPE), rng.uniform(0.1, 0.5, size=SHAPE)
        bias = rng.normal(size=2), rng.uniform(0.1, 0.3, size=2)
        x = rng.normal(size=(SIDE, SIDE, 1))
        net = unrolled(rng, mu, sigma2, bias, stride, padding)
        fold = {key: folding(stride, padding) for key in ("layers.0.mu", "layers.0.sigma2")}
        fold |= {f"layers.0.{key}": shared_bias for key in ("bias_mu", "bias_sigma2")}
        exact = bounds.spread(net, x.ravel(), LOSS, oracle.trapezoid(), fold=fold)
        uniforms, spikes = reference.forced([len(net.layers[0].mu)])
        weights = enumerated.probabilities(net, x.ravel(), spikes)
        found = estimate(net, x, mu, sigma2, bias, stride, padding, uniforms[0], weights)
        scale = {key: np.sqrt(each.variance + each.mean**2).max() for key, each in exact.items()}
        worst = max(np.abs(found[key] - exact[key].mean).max() / scale[key] for key in exact)
        setting = f"stride {stride}, padding {padding}"
        rows.append(at_most(TITLE, f"{setting}, all states: largest deviation", worst, 1e-12, enumerated.WHY))
        samples = 20_000 if level.quick else 100_000
        draws = rng.random((samples, uniforms[0].shape[1]))
        found = estimate(net, x, mu, sigma2, bias, stride, padding, draws, np.full(samples, 1.0 / samples))
        entries = sum(each.mean.size for each in exact.values()) * len(options)
        worst = max(
            float((np.abs(found[key] - each.mean) / bounds.bernstein(each, samples, FALSE_ALARM / entries)).max())
            for key, each in exact.items()
        )
        why = "largest distance over its Bernstein bound; false alarm 1e-9 a run"
        rows.append(at_most(TITLE, f"{setting}, {samples} samples: distance over bound", worst, 1.0, why))
    return rows


def unrolled(
    rng: np.random.Generator, mu: np.ndarray, sigma2: np.ndarray, bias: tuple, stride: int, padding: int
) -> oracle.Layered:
    """The oracle's network: the convolution as a dense layer, and a dense readout."""
    matrices = [convolution.unroll(w, SIDE, SIDE, stride=stride, padding=padding) for w in (mu, sigma2)]
    positions = len(matrices[0]) // len(mu)
    layer = oracle.Layer(*matrices, *(np.tile(b, positions) for b in bias))
    return oracle.Layered([layer], networks.layer(rng, 2, len(matrices[0])))


def folding(stride: int, padding: int) -> Callable[[np.ndarray], np.ndarray]:
    """Gradients of the matrix, (states, out, in), to those of the filters."""

    def fold(gradients: np.ndarray) -> np.ndarray:
        return np.stack(
            [convolution.fold(each, SHAPE, SIDE, SIDE, stride=stride, padding=padding) for each in gradients]
        )

    return fold


def shared_bias(gradients: np.ndarray) -> np.ndarray:
    """Gradients of every position's bias, (states, positions * out), to those of the channels'."""
    return gradients.reshape(len(gradients), -1, SHAPE[0]).sum(axis=1)


def estimate(
    net: oracle.Layered,
    x: np.ndarray,
    mu: np.ndarray,
    sigma2: np.ndarray,
    bias: tuple,
    stride: int,
    padding: int,
    uniforms: np.ndarray,
    weights: np.ndarray,
) -> dict[str, np.ndarray]:
    """The trapezoid's weighted mean by refsbnn's convolution, unit and dense readout."""
    inputs = np.broadcast_to(x, (len(weights), *x.shape))
    where: dict[str, Any] = {"stride": stride, "padding": padding}
    m, v = conv2d.forward(inputs, mu, sigma2, *bias, **where)
    u = uniforms.reshape(m.shape)
    h = unit.forward(m, v, u, noise="gaussian", member="trapezoid")
    flat = h.reshape(len(weights), -1)
    _, dm, dv = reference.loss_and_cotangents(LOSS, *dense.forward(flat, *net.readout[:4], domain="binary"))
    top = dense.backward(dm * weights[:, None], dv * weights[:, None], flat, *net.readout[:2], domain="binary")
    dm, dv = unit.backward(top.x.reshape(h.shape), h, m, v, u, noise="gaussian", member="trapezoid")
    below = conv2d.backward(dm, dv, inputs, mu, sigma2, **where)
    named = {f"layers.0.{key}": getattr(below, key) for key in ("mu", "sigma2", "bias_mu", "bias_sigma2")}
    return named | {f"readout.{key}": getattr(top, key) for key in ("mu", "sigma2", "bias_mu", "bias_sigma2")}
