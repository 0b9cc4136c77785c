"""The leading order of a deep estimate's bias, by hand from theory 4.8 to 4.10, for two layers and a softmax."""

from math import comb

import numpy as np
from scipy import special

import oracle
from oracle.losses import Categorical

HERMITE = tuple(np.polynomial.hermite_e.HermiteE.basis(k) for k in range(6))


def derivative(order: int, r: np.ndarray, delta: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    """d^n F(r_i) / dz_j^n over f(r_i) (theory 4.10): r (units, 1), delta and kappa (units, spikes)."""
    return sum(
        comb(order, k) * delta ** (order - k) * (kappa / 2.0) ** k * (-1) ** (order + k - 1) * HERMITE[order + k - 1](r)
        for k in range(order + 1)
    )


def bias(net: oracle.Layered, x: np.ndarray, loss: Categorical, member: str) -> np.ndarray:
    """Predicted bias of "layers.0.mu", for `st` or the trapezoid: everything above taken at the midpoint of its spikes.

    It is the leading order as what a spike does to the layer above and to the logits goes to 0.
    """
    span = 1.0 if net.domain == "binary" else 2.0
    middle = 0.5 if net.domain == "binary" else 0.0
    first, second = net.layers
    low_s = np.sqrt(first.sigma2 @ x**2 + first.bias_sigma2)
    low_r = (first.mu @ x + first.bias_mu) / low_s
    v = second.sigma2.sum(axis=1) * (0.5 if span == 1.0 else 1.0) + second.bias_sigma2
    s = np.sqrt(v)
    r = (second.mu.sum(axis=1) * middle + second.bias_mu) / s
    f, pi = np.exp(-0.5 * r**2) / np.sqrt(2.0 * np.pi), special.ndtr(r)
    w = span * net.readout.mu  # of each logit by a spike
    p = special.softmax(net.readout.mu.sum(axis=1) * middle + net.readout.bias_mu)
    change = w.T @ (p - np.eye(len(p))[loss.label])  # D_i of theory 4.10
    centred = w - p @ w
    bent, third = p @ centred**2, p @ centred**3  # second and third derivative of the loss along w_i
    delta = span * second.mu / s[:, None]
    kappa = second.sigma2 / v[:, None] if span == 1.0 else np.zeros(delta.shape)
    rho = derivative(1, r[:, None], delta, kappa)
    own = {"st": (pi - 0.5) * bent, "trapezoid": third / 12.0}[member]  # theory 4.9 at the readout
    weighted = (change * f)[:, None]
    if member == "st":
        here = (special.ndtr(low_r) - 0.5) * (weighted * derivative(2, r[:, None], delta, kappa)).sum(axis=0)
    else:
        here = (weighted * derivative(3, r[:, None], delta, kappa)).sum(axis=0) / 12.0
    b = here + (f * own) @ rho  # theory 4.8
    slope = np.exp(-0.5 * low_r**2) / np.sqrt(2.0 * np.pi) / low_s
    return (slope * b)[:, None] * x
