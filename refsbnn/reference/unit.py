"""The noisy binary unit: z = 1[u < F(m / s)] and the backward of an estimator of the IW-ST family."""

from typing import Any

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError, check_array, check_choice

DOMAINS = ("binary", "bipolar")


def forward(
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
) -> np.ndarray:
    """Values of the units: spikes, or relaxed values between the states (theory 1.1, 1.4, 3.17).

    Parameters
    ----------
    m, v : (...) arrays
        Mean and variance of the pre-activation; v = 0 is a unit without noise, z = 1[m > 0]. None stands for 1, the
        unit's own noise beside point weights (theory 3.18).
    u : (...) array
        Uniforms in [0, 1), of the shape of m.
    noise : Noise or its name
    member : Member or its name
        Says what the forward pass samples.
    domain : {"binary", "bipolar"}
        {0,1}, or {-1,+1}.

    Returns
    -------
    h : (...) float64 array

    Raises
    ------
    InputError
        Shapes that differ, a negative variance, a uniform outside [0, 1), NaN, unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> m, v, u = np.array([0.3, 0.3, -1.0]), np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.7, 0.0])
    >>> forward(m, v, u, noise="gaussian", member="st")
    array([1., 0., 0.])
    """
    check_choice("domain", domain, DOMAINS)
    m, v_or_one, u = check_moments(m, v, u)
    h = fire(m, v_or_one, u, noises.get(noise), estimators.get(member))
    return 2.0 * h - 1.0 if domain == "bipolar" else h  # theory 1.4


def backward(
    g: np.ndarray,
    h: np.ndarray,
    m: np.ndarray,
    v: np.ndarray | None,
    u: np.ndarray,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    extra: np.ndarray | None = None,
) -> tuple[np.ndarray, Any]:
    """The estimator's gradients of m and v (theory 3.2).

    Parameters
    ----------
    g : (...) array
        Gradient of the values that `forward` returned.
    h : (...) array
        Those values.
    m, v, u, noise, member, domain
        As in `forward`.
    extra : (draws, ...) array, optional
        Further uniforms of a member that draws in the backward pass (`gr`).

    Returns
    -------
    dm, dv : (...) float64 arrays
        Zero where v = 0 (theory 3.17); dv None where v is None.

    Raises
    ------
    InputError
        As `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> m, v, u = np.array([0.3]), np.array([1.0]), np.array([0.5])
    >>> z = forward(m, v, u, noise="gaussian", member="st")
    >>> dm, dv = backward(np.array([2.0]), z, m, v, u, noise="gaussian", member="st")
    >>> dm.round(4), dv.round(4)
    (array([0.7628]), array([-0.1144]))
    """
    check_choice("domain", domain, DOMAINS)
    m, v_or_one, u = check_moments(m, v, u)
    g = check_array("g", g, m.shape)
    h = check_array("h", h, m.shape)
    if domain == "bipolar":
        g, h = 2.0 * g, (h + 1.0) / 2.0  # theory 1.4: dy = 2 dz
    dm, dv = fire_backward(g, h, m, v_or_one, u, noises.get(noise), estimators.get(member), extra)
    return dm, None if v is None else dv


def check_moments(m: np.ndarray, v: np.ndarray | None, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m, v (1 where it is None) and u as float64 of one shape, v >= 0, u in [0, 1); raises InputError otherwise."""
    m = check_array("m", m)
    v = np.ones(m.shape) if v is None else check_array("v", v, m.shape, nonnegative=True)
    return m, v, check_uniforms(u, m.shape)


def check_uniforms(u: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The uniforms as float64, after checking that they lie in [0, 1)."""
    u = check_array("u", u, shape, nonnegative=True)
    if u.size and u.max() >= 1.0:
        raise InputError(f"u holds {u.max():g}; expected uniforms in [0, 1)")
    return u


def standardise(m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """r = m / s and s where there is noise; r = 0 and s = 1 stand where v = 0, which `noisy` tells apart."""
    noisy = v > 0.0
    s = np.sqrt(np.where(noisy, v, 1.0))
    r = np.where(noisy, m, 0.0) / s  # theory 1.1
    return r, s, noisy


def fire(m: np.ndarray, v: np.ndarray, u: np.ndarray, noise: noises.Noise, member: estimators.Member) -> np.ndarray:
    """`forward` on {0,1} without the checks."""
    r, _, noisy = standardise(m, v)
    return np.where(noisy, member.sample(r, u, noise), m > 0.0)  # theory 1.1, 3.17


def fire_backward(
    g: np.ndarray,
    h: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    u: np.ndarray,
    noise: noises.Noise,
    member: estimators.Member,
    extra: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """`backward` on {0,1} without the checks."""
    r, s, noisy = standardise(m, v)
    k = np.where(noisy, member.slope(h, r, noise, u=u, extra=extra), 0.0)  # theory 3.17: no slope without noise
    c = g * k  # theory 3.2
    dm = c / s  # theory 3.2
    dv = -(c * r) / (2.0 * s * s)  # theory 3.2: -c m / (2 s^3)
    return dm, dv
