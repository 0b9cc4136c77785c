"""One layer's moments and adjoint, and the gradient terms the adjoint gives.

A term is an outer product kept as its two factors: a sum over states is then one matrix product, and the gradient of
a single state is formed only where its square is needed.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from oracle import pool
from oracle.network import Layer, Network, named_layers


class Term(NamedTuple):
    """One contribution to the gradient of parameter `key`: left (states, out), right (states or 1, in) or None."""

    key: str
    left: np.ndarray
    right: np.ndarray | None


def square(y: np.ndarray, domain: str, variance: str) -> tuple[np.ndarray, np.ndarray]:
    """What stands for y^2 in the layer's variance, and its derivative (theory 3.4)."""
    if domain == "real" or variance == "quadratic":
        return y * y, 2.0 * y
    if domain == "binary":
        return y, np.ones_like(y)
    return np.ones_like(y), np.zeros_like(y)


def linear(layer: Layer, y: np.ndarray, y2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of a layer's pre-activation (theory 3.1): y (states, in) -> (states, out)."""
    m, v = y @ layer.mu.T, y2 @ layer.sigma2.T
    return m if layer.bias_mu is None else m + layer.bias_mu, v if layer.bias_sigma2 is None else v + layer.bias_sigma2


def pull_linear(
    name: str, layer: Layer, y: np.ndarray, y2: np.ndarray, dy2: np.ndarray, dm: np.ndarray, dv: np.ndarray
) -> tuple[list[Term], np.ndarray]:
    """Adjoint of `linear` (theory 3.3): the terms of its parameters and the cotangent of y."""
    terms = [Term(f"{name}.mu", dm, y), Term(f"{name}.sigma2", dv, y2)]
    if layer.bias_mu is not None:
        terms.append(Term(f"{name}.bias_mu", dm, None))
    if layer.bias_sigma2 is not None:
        terms.append(Term(f"{name}.bias_sigma2", dv, None))
    return terms, dm @ layer.mu + (dv @ layer.sigma2) * dy2


def read(net: Network, name: str, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moments that a layer gives on the spikes it reads, or on the input where it is the first."""
    layer, seen, domain = _seen(net, name, y)
    return linear(layer, seen, square(seen, domain, net.variance)[0])


def pull_read(net: Network, name: str, y: np.ndarray, dm: np.ndarray, dv: np.ndarray) -> tuple[list[Term], np.ndarray]:
    """Adjoint of `read`: the terms of the layer's parameters and the cotangent of y."""
    layer, seen, domain = _seen(net, name, y)
    terms, dy = pull_linear(name, layer, seen, *square(seen, domain, net.variance), dm, dv)
    return terms, pool.pull(net.pools[name], y, dy) if name in net.pools else dy


def _seen(net: Network, name: str, y: np.ndarray) -> tuple[Layer, np.ndarray, str]:
    """A layer, what it reads, pooled if the network says so, and of which domain that is: the input is real."""
    layers = named_layers(net)
    domain = "real" if name == next(iter(layers)) else net.domain
    if name not in net.pools:
        return layers[name], y, domain
    pooling = net.pools[name]
    return layers[name], pool.forward(pooling, y), "real" if pooling.kind == "average" else domain


def add_totals(totals: dict[str, np.ndarray], terms: Iterable[Term]) -> None:
    """Add every term, summed over its states, to `totals`."""
    for key, left, right in terms:
        if right is None:
            totals[key] += left.sum(axis=0)
        elif right.shape[0] == 1:
            totals[key] += left.sum(axis=0)[:, None] * right
        else:
            totals[key] += left.T @ right


def per_state(terms: Iterable[Term]) -> dict[str, np.ndarray]:
    """The gradient at each state: {key: (states, *shape of the parameter)}."""
    gradients: dict[str, np.ndarray] = {}
    for key, left, right in terms:
        value = left if right is None else left[:, :, None] * right[:, None, :]
        gradients[key] = gradients[key] + value if key in gradients else value
    return gradients
