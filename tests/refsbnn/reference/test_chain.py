"""Whole networks, from parameters to objective: with the relaxation `gs` the chained backward is the derivative of the
chained forward, so one number checks every hand-over between layers (order, axes, factors, sums over time)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn import objective, posterior
from refsbnn.reference import conv2d, dense, lif, pool, readout, unit
from tests.refsbnn.differences import check_gradient

seeds = st.integers(0, 2**32 - 1)
EXAMPLES, LABELS, PRIOR, PENALTY = 50, np.array([2, 0]), 0.7, 0.03


def uniforms(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(1, 2**24, shape) * 2.0**-24


def weights(rng: np.random.Generator, *shape: int) -> list[np.ndarray]:
    """mu and rho."""
    return [rng.uniform(-0.8, 0.8, shape), rng.uniform(-2.0, 0.5, shape)]


def kl_part(parameters: list[np.ndarray]) -> tuple[float, list[np.ndarray]]:
    """Weighted KL of pairs mu, rho, and its gradients."""
    weight = objective.kl_weight(10, EXAMPLES, warmup=10).value
    value, gradients = 0.0, []
    for mu, rho in zip(parameters[::2], parameters[1::2], strict=True):
        sigma2 = posterior.sigma2_of(rho)
        part = posterior.kl(mu, sigma2, PRIOR)
        value += weight * part.value
        gradients += [weight * part.mu, weight * part.sigma2 * sigma2]
    return value, gradients


def regression(parameters: list[np.ndarray], x: np.ndarray, u: np.ndarray, targets: np.ndarray, noise: str) -> tuple:
    """Zero-mean dense layer, bipolar units, dense layer, Gaussian likelihood, KL, bias penalty; and the gradients."""
    mu1, rho1, bias_mu, bias_rho, mu2, rho2 = parameters
    kinds = {"noise": noise, "member": "gs(tau=0.8)", "domain": "bipolar"}
    filters, sigma2, bias_sigma2 = posterior.zero_mean(mu1), posterior.sigma2_of(rho1), posterior.sigma2_of(bias_rho)
    m, v = dense.forward(x, filters, sigma2, bias_mu, bias_sigma2)
    h = unit.forward(m, v, u, **kinds)
    sigma2_out = posterior.sigma2_of(rho2)
    m_out, v_out = dense.forward(h, mu2, sigma2_out, domain="bipolar", variance="quadratic")
    loglik, dm_out, dv_out = objective.gaussian(m_out, v_out, targets, 0.4)
    kl, dkl = kl_part(parameters)
    B, dnorm2, dv_B = objective.bias_penalty((filters**2).sum(axis=1), v)

    out = dense.backward(dm_out, dv_out, h, mu2, sigma2_out, domain="bipolar", variance="quadratic")
    dm, dv = unit.backward(out.x, h, m, v, u, **kinds)
    first = dense.backward(dm, dv - PENALTY * dv_B, x, filters, sigma2)
    dmu1 = posterior.zero_mean_backward(first.mu - PENALTY * 2 * dnorm2[:, None] * filters)
    gradients = [dmu1, first.sigma2 * sigma2, first.bias_mu, first.bias_sigma2 * bias_sigma2, out.mu]
    gradients.append(out.sigma2 * sigma2_out)
    return loglik.sum() - kl - PENALTY * B, [a - b for a, b in zip(gradients, dkl, strict=True)]


@given(seed=seeds, noise=st.sampled_from(["gaussian", "logistic"]))
@settings(deadline=None, max_examples=10)
def test_regression_elbo(seed: int, noise: str) -> None:
    rng = np.random.default_rng(seed)
    x, u, targets = rng.normal(size=(3, 4)), uniforms(rng, 3, 5), rng.normal(size=(3, 2))
    parameters = [*weights(rng, 5, 4), *weights(rng, 5), *weights(rng, 2, 5)]
    _, gradients = regression(parameters, x, u, targets, noise)
    check_gradient(
        lambda *p: (np.array(regression(list(p), x, u, targets, noise)[0]),),
        parameters, [np.array(1.0)], gradients, rng,
    )  # fmt: skip


def spiking(
    parameters: list[np.ndarray], x: np.ndarray, u: dict[str, np.ndarray], eps: np.ndarray, reset: str, reduce: str
) -> tuple:
    """Convolution, LIF over time, average pooling, recurrent LIF, leaky readout, sampled logits, softmax; gradients."""
    mu1, rho1, mu2, rho2, mu_r, rho_r, mu3, rho3 = parameters
    kinds = {"beta": 0.8, "theta": 0.4, "noise": "gaussian", "member": "gs(tau=1)", "reset": reset}
    s1, s2, s_r, s3 = (posterior.sigma2_of(rho) for rho in (rho1, rho2, rho_r, rho3))
    m1, v1 = conv2d.forward(x, mu1, s1, padding=1, domain="binary")
    z1, tape1 = lif.forward(m1, v1 + 0.3, u["conv"], **kinds)
    pooled = pool.average_forward(z1, 2)
    flat = pooled.reshape(*pooled.shape[:2], -1)
    m2, v2 = dense.forward(flat, mu2, s2)
    z2, tape2 = lif.forward(m2, v2 + 0.3, u["dense"], (mu_r, s_r), **kinds)
    m3, v3 = dense.forward(z2, mu3, s3, domain="binary")
    m_out, v_out, tape3 = readout.integrate_forward(m3, v3, beta=0.9, reduce=reduce)
    logits = readout.sample_forward(m_out, v_out, eps)
    loglik, dlogits = objective.categorical(logits, LABELS)

    dm, dv = readout.integrate_backward(*readout.sample_backward(dlogits, v_out, eps), tape3)
    third = dense.backward(dm, dv, z2, mu3, s3, domain="binary")
    second = lif.backward(third.x, tape2, u["dense"], (mu_r, s_r), **kinds)
    inner = dense.backward(second.m, second.v, flat, mu2, s2)
    dz1 = pool.average_backward(inner.x.reshape(pooled.shape), z1.shape, 2)
    first = lif.backward(dz1, tape1, u["conv"], **kinds)
    conv = conv2d.backward(first.m, first.v, x, mu1, s1, padding=1, domain="binary")
    gradients = [
        conv.mu, conv.sigma2 * s1, inner.mu, inner.sigma2 * s2,
        second.recurrent_mu, second.recurrent_sigma2 * s_r, third.mu, third.sigma2 * s3,
    ]  # fmt: skip
    return loglik.sum(), gradients


@pytest.mark.parametrize("reduce", ["mean", "last"])
@pytest.mark.parametrize("reset", lif.RESETS)
def test_spiking_classifier(reset: str, reduce: str) -> None:
    rng = np.random.default_rng()
    x = rng.integers(0, 2, (3, 2, 4, 4, 2)).astype(float)
    u = {"conv": uniforms(rng, 3, 2, 4, 4, 3), "dense": uniforms(rng, 3, 2, 5)}
    parameters = [*weights(rng, 3, 3, 3, 2), *weights(rng, 5, 12), *weights(rng, 5, 5), *weights(rng, 4, 5)]
    eps = rng.normal(size=(2, 4))
    _, gradients = spiking(parameters, x, u, eps, reset, reduce)
    check_gradient(
        lambda *p: (np.array(spiking(list(p), x, u, eps, reset, reduce)[0]),),
        parameters, [np.array(1.0)], gradients, rng,
    )  # fmt: skip
