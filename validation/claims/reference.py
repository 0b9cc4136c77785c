"""The reference layers run on one of the oracle's networks: same arrays, same names, no code in common.

`estimate` sums the estimator's gradient over samples, each sample's gradient times a weight. With the uniforms of
every joint state and the states' probabilities as weights that sum is the estimator's exact mean; with random uniforms
and weights 1/N it is a Monte-Carlo mean.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

import oracle
from refsbnn import objective
from refsbnn.reference import dense, lif, readout, residual, unit
from refsbnn.reference.moments import LinearGradients

Arrays = Sequence[np.ndarray]
BELOW_ONE = 1.0 - 2.0**-53  # forces z = 0 unless P(z = 0) < 2^-53: such a state adds nothing to a mean


def forced(stages: Sequence[int], domain: str = "binary") -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Uniforms that force every joint state, and the spikes they give.

    Returns
    -------
    uniforms, spikes : lists of (2^n, units) arrays, one for each stage
    """
    z = np.array(list(product((0.0, 1.0), repeat=sum(stages))))
    cuts = np.cumsum(stages)[:-1]
    values = 2.0 * z - 1.0 if domain == "bipolar" else z
    return np.split(np.where(z > 0.0, 0.0, BELOW_ONE), cuts, axis=1), np.split(values, cuts, axis=1)


def loss_and_cotangents(loss: Any, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The oracle's loss evaluated by refsbnn.objective and refsbnn.reference.readout: value, dL/dm, dL/dv."""
    shape = m.shape
    if isinstance(loss, oracle.Gaussian):
        value, dm, dv = objective.gaussian(m, v, np.broadcast_to(loss.targets, shape), loss.noise_variance)
        return -value, -dm, -dv
    eps = None if loss.eps is None else np.broadcast_to(loss.eps, shape)
    logits = m if eps is None else readout.sample_forward(m, v, eps)
    if isinstance(loss, oracle.Custom):
        value, g = (-part for part in loss.function(logits))
    elif isinstance(loss, oracle.Categorical):
        value, g = objective.categorical(logits, np.full(shape[:-1], loss.label))
    else:
        value, g = objective.bernoulli(logits, np.broadcast_to(loss.targets, shape))
    if eps is None:
        return -value, -g, np.zeros(shape)
    return -value, *readout.sample_backward(-g, v, eps)


def estimate(
    net: oracle.Network,
    x: np.ndarray,
    loss: Any,
    member: Any,
    uniforms: Arrays,
    weights: np.ndarray,
    extra: Arrays | None = None,
) -> tuple[float, dict[str, np.ndarray]]:
    """The weighted sum over samples of the loss and of the estimator's gradient.

    Parameters
    ----------
    net, x, loss
        As the oracle takes them.
    member : Member or str
    uniforms : sequence of (samples, units) arrays
        One for each stage, in the oracle's order.
    weights : (samples,) array
    extra : sequence of (draws, samples, units) arrays, optional
        For members that draw in the backward pass.

    Returns
    -------
    loss : float
    gradients : dict of str to array
        By the oracle's parameter names.
    """
    options = {"noise": net.noise, "member": member}
    if isinstance(net, oracle.Layered):
        return _layered(net, x, loss, options, uniforms, weights, extra)
    if isinstance(net, oracle.Residual):
        return _residual(net, x, loss, options, uniforms, weights, extra)
    return _lif(net, x, loss, options, uniforms, weights, extra)


def _named(name: str, layer: oracle.Layer, gradients: LinearGradients) -> dict[str, np.ndarray]:
    named = {f"{name}.mu": gradients.mu, f"{name}.sigma2": gradients.sigma2}
    if layer.bias_mu is not None:
        named[f"{name}.bias_mu"] = gradients.bias_mu
    if layer.bias_sigma2 is not None:
        named[f"{name}.bias_sigma2"] = gradients.bias_sigma2
    return named


def _read_out(
    net: oracle.Layered | oracle.Residual, loss: Any, h: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray, dict[str, np.ndarray]]:
    """Loss, cotangent of the last spikes and the readout's gradients."""
    words: dict[str, Any] = {"domain": net.domain, "variance": net.variance}
    value, dm, dv = loss_and_cotangents(loss, *dense.forward(h, *net.readout[:4], **words))
    gradients = dense.backward(dm * weights[:, None], dv * weights[:, None], h, *net.readout[:2], **words)
    return float(weights @ value), gradients.x, _named("readout", net.readout, gradients)


def _layered(
    net: oracle.Layered, x: np.ndarray, loss: Any, options: dict, u: Arrays, weights: np.ndarray, extra: Arrays | None
) -> tuple[float, dict[str, np.ndarray]]:
    h, domain, tape = np.broadcast_to(x, (len(weights), len(x))), "real", []
    for layer, uniforms in zip(net.layers, u, strict=True):
        m, v = dense.forward(h, *layer[:4], domain=domain, variance=net.variance)
        tape.append((h, domain, m, v))
        h, domain = unit.forward(m, v, uniforms, domain=net.domain, **options), net.domain
    value, g, named = _read_out(net, loss, h, weights)
    for i in reversed(range(len(tape))):
        before, domain, m, v = tape[i]
        draws = None if extra is None else extra[i]
        dm, dv = unit.backward(g, h, m, v, u[i], domain=net.domain, extra=draws, **options)
        gradients = dense.backward(dm, dv, before, *net.layers[i][:2], domain=domain, variance=net.variance)
        named |= _named(f"layers.{i}", net.layers[i], gradients)
        g, h = gradients.x, before
    return value, named


def _residual(
    net: oracle.Residual, x: np.ndarray, loss: Any, options: dict, u: Arrays, weights: np.ndarray, extra: Arrays | None
) -> tuple[float, dict[str, np.ndarray]]:
    words = {**options, "domain": net.domain, "variance": net.variance, "accumulate": net.accumulate}
    inputs = np.broadcast_to(x, (len(weights), len(x)))
    H, U = dense.forward(inputs, *net.stem[:4], domain="real")
    tape, start = [], 0
    for block, scale in zip(net.blocks, net.scales, strict=True):
        linears = [residual.Linear(*layer[:4]) for layer in block]
        part = slice(start, start + len(block))
        start = part.stop
        H, U, units = residual.block_forward(H, U, u[part], linears, scale=scale, **words)
        tape.append((units, linears, part, scale))
    h = unit.forward(H, U, u[-1], domain=net.domain, **options)
    value, g, named = _read_out(net, loss, h, weights)
    draws = None if extra is None else extra[-1]
    dH, dU = unit.backward(g, h, H, U, u[-1], domain=net.domain, extra=draws, **options)
    for b in reversed(range(len(tape))):
        units, linears, part, scale = tape[b]
        draws_here = None if extra is None else extra[part]
        dH, dU, gradients = residual.block_backward(
            dH, dU, units, u[part], linears, scale=scale, extra=draws_here, **words
        )
        for k, (layer, each) in enumerate(zip(net.blocks[b], gradients, strict=True)):
            named |= _named(f"blocks.{b}.{k}", layer, each)
    return value, named | _named("stem", net.stem, dense.backward(dH, dU, inputs, *net.stem[:2], domain="real"))


def _lif(
    net: oracle.LIF, x: np.ndarray, loss: Any, options: dict, u: Arrays, weights: np.ndarray, extra: Arrays | None
) -> tuple[float, dict[str, np.ndarray]]:
    neuron: dict[str, Any] = {"beta": net.beta, "theta": net.theta, "reset": net.reset, "accumulate": net.accumulate}
    neuron |= {"variance": net.variance, **options}
    h, domain, tapes, depth = (
        np.broadcast_to(x[:, None], (len(x), len(weights), x.shape[1])),
        "real",
        [],
        len(net.layers),
    )
    for j, layer in enumerate(net.layers):
        m, v = dense.forward(h, *layer[:4], domain=domain, variance=net.variance)
        z, tape = lif.forward(m, v, np.stack(u[j::depth]), _recurrent(layer), **neuron)
        tapes.append((h, domain, tape))
        h, domain = z, "binary"
    m, v = dense.forward(h, *net.readout[:4], domain="binary", variance=net.variance)
    m, v, kept = readout.integrate_forward(m, v, beta=float(net.readout_beta or 0.0), reduce=net.reduce)
    value, dm, dv = loss_and_cotangents(loss, m, v)
    dm, dv = readout.integrate_backward(dm * weights[:, None], dv * weights[:, None], kept)
    gradients = dense.backward(dm, dv, h, *net.readout[:2], domain="binary", variance=net.variance)
    named = _named("readout", net.readout, gradients)
    for j in reversed(range(depth)):
        before, domain, tape = tapes[j]
        draws = None if extra is None else np.stack(extra[j::depth], axis=1)
        back = lif.backward(
            gradients.x, tape, np.stack(u[j::depth]), _recurrent(net.layers[j]),
            reset_gradient=net.reset_gradient, extra=draws, **neuron,
        )  # fmt: skip
        gradients = dense.backward(back.m, back.v, before, *net.layers[j][:2], domain=domain, variance=net.variance)
        named |= _named(f"layers.{j}", net.layers[j], gradients)
        if back.recurrent_mu is not None and back.recurrent_sigma2 is not None:
            named |= {f"layers.{j}.recurrent_mu": back.recurrent_mu}
            named |= {f"layers.{j}.recurrent_sigma2": back.recurrent_sigma2}
    return float(weights @ value), named


def _recurrent(layer: oracle.Layer) -> tuple[np.ndarray, np.ndarray] | None:
    return None if layer.recurrent_mu is None else (layer.recurrent_mu, layer.recurrent_sigma2)
