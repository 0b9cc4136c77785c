"""KL divergence in the network's own parameter (theory 4.2); `refsbnn.posterior.kl_of`, fast."""

import math

import numpy as np
from numba import njit, prange

from refsbnn import posterior
from refsbnn.errors import check_array
from refsbnn.kernels.check import check_float

SHARDS = 16  # parts of the weights whose sums are added in order


def kl_of(mu: np.ndarray, rho: np.ndarray, prior_sigma2: float) -> tuple[float, np.ndarray, np.ndarray]:
    """KL of a posterior from a prior of one variance; as in `refsbnn.posterior.kl_of`.

    Examples
    --------
    >>> import numpy as np
    >>> value, dmu, drho = kl_of(np.ones(1, np.float32), np.zeros(1, np.float32), 1.0)
    >>> value, dmu.tolist(), drho.tolist()
    (0.5, [1.0], [0.0])
    """
    mu = check_float("mu", mu)
    rho = check_float("rho", rho, mu.shape, mu.dtype)
    prior = float(check_array("prior_sigma2", prior_sigma2, positive=True))
    if mu.dtype == np.float64:  # whose last digits near the prior the plain sum below would lose
        return posterior.kl_of(mu, rho, prior)
    parts, dmu, drho = np.zeros(SHARDS), np.empty_like(mu), np.empty_like(rho)
    _sum(mu.reshape(-1), rho.reshape(-1), prior, parts, dmu.reshape(-1), drho.reshape(-1))
    return float(parts.sum()), dmu, drho


@njit(cache=True, parallel=True, error_model="numpy")
def _sum(mu, rho, prior, parts, dmu, drho):
    """KL by parts of the weights, and its gradients.

    Parameters
    ----------
    mu, rho : (n,) float32
    prior : float64, the prior's variance
    parts : (SHARDS,) float64, overwritten, in nats
    dmu, drho : (n,) float32, overwritten
    """
    shift = math.log(prior)
    for shard in prange(SHARDS):
        total = 0.0
        for i in range(shard * len(mu) // SHARDS, (shard + 1) * len(mu) // SHARDS):
            m, e = np.float64(mu[i]), np.float64(rho[i]) - shift
            ratio = math.exp(e)
            total += m * m / prior + (ratio - 1.0 - e)  # theory 4.2
            dmu[i] = m / prior
            drho[i] = 0.5 * (ratio - 1.0)
        parts[shard] = 0.5 * total
