"""KL divergence in the network's own parameter (theory 4.2); `refsbnn.posterior.add_kl`, fast."""

import math

import numpy as np
from numba import njit, prange

from refsbnn import posterior
from refsbnn.errors import check_array
from refsbnn.kernels.check import check_float, checked_once
from refsbnn.kernels.exponential import exponential, narrowed, widened
from refsbnn.kernels.moves import copy
from refsbnn.kernels.simd import LANES, address, aligned_zeros, load, splat, store

SHARDS = 16  # parts of the weights whose sums are added in order


def add_kl(
    dmu: np.ndarray,
    drho: np.ndarray,
    mu: np.ndarray,
    rho: np.ndarray,
    prior_sigma2: float,
    *,
    weight: float = 1.0,
    count: int = 1,
) -> float:
    """KL of a posterior from a prior of one variance, its gradients added; as in `refsbnn.posterior.add_kl`.

    Examples
    --------
    >>> import numpy as np
    >>> dmu, drho = np.full((2, 1), 3.0, np.float32)
    >>> add_kl(dmu, drho, np.ones(1, np.float32), np.zeros(1, np.float32), 1.0, weight=0.5)
    0.5
    >>> dmu.tolist(), drho.tolist()
    ([3.5], [3.0])
    """
    mu = check_float("mu", mu)
    rho = check_float("rho", rho, mu.shape, mu.dtype)
    prior = float(check_array("prior_sigma2", prior_sigma2, positive=True))
    posterior.check_added(dmu, drho, mu.shape, weight, count)
    with checked_once():  # written to by address, so their form matters; a NaN in them is clipping's to tell
        check_float("dmu", dmu, dtype=mu.dtype)
        check_float("drho", drho, dtype=mu.dtype)
    if mu.dtype == np.float64:  # whose last digits near the prior the plain sum below would lose
        return posterior.add_kl(dmu, drho, mu, rho, prior, weight=weight, count=count)
    parts, kind = np.zeros(SHARDS), mu.dtype.type
    mu, rho, dmu, drho = (part.reshape(-1) for part in (mu, rho, dmu, drho))
    _add(mu, rho, dmu, drho, prior, kind(count), kind(weight), parts)
    return count * float(parts.sum())


@njit(cache=True, parallel=True, error_model="numpy")
def _add(mu, rho, dmu, drho, prior, count, weight, parts):
    """KL by parts of the weights; adds its gradients.

    Parameters
    ----------
    mu, rho : (n,) float32
    dmu, drho : (n,) float32, added to
    prior : float64, the prior's variance
    count, weight : float32, of the gradients; the products are rounded one after the other
    parts : (SHARDS,) float64, overwritten, in nats
    """
    for shard in prange(SHARDS):
        own = slice(shard * len(mu) // SHARDS, (shard + 1) * len(mu) // SHARDS)
        parts[shard] = _part(mu[own], rho[own], dmu[own], drho[own], prior, count, weight)


@njit(cache=True, error_model="numpy")
def _part(mu, rho, dmu, drho, prior, count, weight):
    """KL of one part, in nats, summed in order; adds its gradients.

    Parameters
    ----------
    mu, rho : (n,) float32
    dmu, drho : (n,) float32
    prior : float64
    count, weight : float32
    """
    shift = math.log(prior)
    terms, total, whole = aligned_zeros(LANES, np.float64), 0.0, len(mu) // LANES * LANES
    at_mu, at_rho, at_dmu, at_drho = address(mu), address(rho), address(dmu), address(drho)
    for i in range(0, whole, LANES):
        _sixteen(at_mu, at_rho, at_dmu, at_drho, i, prior, shift, count, weight, terms)
        for j in range(LANES):
            total += terms[j]
    n = len(mu) - whole
    last = aligned_zeros(4 * LANES, np.float32)  # of a vector that is not whole
    own_mu, own_rho, own_dmu, own_drho = last[:LANES], last[LANES:], last[2 * LANES :], last[3 * LANES :]
    copy(mu, whole, own_mu, 0, n)
    copy(rho, whole, own_rho, 0, n)
    copy(dmu, whole, own_dmu, 0, n)
    copy(drho, whole, own_drho, 0, n)
    _sixteen(own_mu, own_rho, own_dmu, own_drho, 0, prior, shift, count, weight, terms)
    for j in range(n):
        total += terms[j]
    copy(own_dmu, 0, dmu, whole, n)
    copy(own_drho, 0, drho, whole, n)
    return 0.5 * total


@njit(cache=True, error_model="numpy")
def _sixteen(mu, rho, dmu, drho, i, prior, shift, count, weight, terms):
    """Twice the KL of sixteen weights; adds its gradients.

    Parameters
    ----------
    mu, rho, dmu, drho : arrays of float32, or their addresses
    i : int, the first weight's place
    prior, shift : float64, the prior's variance and its logarithm
    count, weight : float32
    terms : (16,) float64, overwritten
    """
    one, variance = splat(1.0), splat(prior)
    m, e = widened(load(mu, i)), widened(load(rho, i)) - splat(shift)
    ratio = exponential(e)
    store(terms, 0, m * m / variance + (ratio - one - e))  # theory 4.2
    of_mu, of_rho = narrowed(m / variance), narrowed(splat(0.5) * (ratio - one))
    store(dmu, i, load(dmu, i) + of_mu * splat(count) * splat(weight))
    store(drho, i, load(drho, i) + of_rho * splat(count) * splat(weight))
