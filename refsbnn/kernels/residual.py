"""Residual stream of mean and variance (theory 3.8); the functions of `refsbnn.reference.residual`, fast."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit, prange

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.draws import Uniforms
from refsbnn.errors import InputError
from refsbnn.kernels import conv2d, dense, unit
from refsbnn.kernels.check import check_float, float_type
from refsbnn.kernels.unit import check_moments
from refsbnn.reference.moments import LinearGradients
from refsbnn.reference.residual import BlockGradients, Linear, UnitTape

Moments = tuple[np.ndarray, np.ndarray]


def add_forward(
    H: np.ndarray, U: np.ndarray, m: np.ndarray, v: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> Moments:
    """The stream after a branch; as in `refsbnn.reference.residual.add_forward`.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1, np.float32)
    >>> [part.tolist() for part in add_forward(one, one, one, one, scale=0.5)]
    [[1.5], [1.25]]
    """
    H, U = check_moments(H, U)
    m = check_float("m", m, H.shape, H.dtype)
    v = check_float("v", v, H.shape, H.dtype, nonnegative=True)
    out_H, out_U = np.empty_like(H), np.empty_like(U)
    a = H.dtype.type(scale)
    H, U, m, v = (part.reshape(-1) for part in (H, U, m, v))
    _add(H, U, m, v, a, a * a, a.dtype.type(accumulate), out_H.reshape(-1), out_U.reshape(-1))
    return out_H, out_U


def add_backward(
    dH: np.ndarray, dU: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the stream and the branch; as in `refsbnn.reference.residual.add_backward`."""
    dH = check_float("dH", dH, np.shape(dH), float_type("dH", dH))
    dU = check_float("dU", dU, dH.shape, dH.dtype)
    a = dH.dtype.type(scale)
    kept = dU if accumulate else np.zeros_like(dU)
    if scale == 1.0:
        return dH, kept, dH, dU
    return dH, kept, a * dH, a * a * dU  # theory 3.8


def block_forward(
    H: np.ndarray,
    U: np.ndarray,
    u: Sequence[np.ndarray | Uniforms],
    linears: Sequence[Linear],
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    variance: str = "linear",
    scale: float = 1.0,
    accumulate: bool = True,
) -> tuple[np.ndarray, np.ndarray, tuple[UnitTape, ...]]:
    """One block; arguments, results and errors as in `refsbnn.reference.residual.block_forward`."""
    if len(u) != len(linears) or not linears:
        raise InputError(f"the block has {len(linears)} linear maps and {len(u)} arrays u; expected one u for each map")
    m, v, tape = H, U, []
    for uniforms, linear in zip(u, linears, strict=True):
        h = unit.forward(m, v, uniforms, noise=noise, member=member, domain=domain)  # theory 1.1
        tape.append(UnitTape(m, v, h))
        module, options = operator(linear, domain, variance)
        m, v = module.forward(h, *linear[:4], **options)  # theory 3.1
    H, U = add_forward(H, U, m, v, scale=scale, accumulate=accumulate)  # theory 3.8
    return H, U, tuple(tape)


def block_backward(
    dH: np.ndarray,
    dU: np.ndarray,
    tape: Sequence[UnitTape],
    u: Sequence[np.ndarray | Uniforms],
    linears: Sequence[Linear],
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    variance: str = "linear",
    scale: float = 1.0,
    accumulate: bool = True,
    extra: Sequence[np.ndarray] | None = None,
) -> BlockGradients:
    """Gradients of a block; arguments, results and errors as in `refsbnn.reference.residual.block_backward`."""
    dH, dU, dm, dv = add_backward(dH, dU, scale=scale, accumulate=accumulate)  # theory 3.8
    gradients: list[LinearGradients] = []
    draws = [None] * len(u) if extra is None else extra
    for (m, v, h), uniforms, linear, draw in reversed(list(zip(tape, u, linears, draws, strict=True))):
        module, options = operator(linear, domain, variance)
        gradient = module.backward(dm, dv, h, linear.mu, linear.sigma2, **options)  # theory 3.3
        words: dict[str, Any] = {"noise": noise, "member": member, "domain": domain, "extra": draw}
        dm, dv = unit.backward(gradient.x, h, m, v, uniforms, **words)  # theory 3.2
        gradients.insert(0, gradient)
    return BlockGradients(dH + dm, dU + dv, tuple(gradients))


def operator(linear: Linear, domain: str, variance: str) -> tuple[Any, dict[str, Any]]:
    """The module of a branch's map and its options."""
    options: dict[str, Any] = {"domain": domain, "variance": variance}
    if np.ndim(linear.mu) == 2:
        return dense, options
    return conv2d, options | {"stride": linear.stride, "padding": linear.padding}


@njit(cache=True, parallel=True, error_model="numpy")
def _add(H, U, m, v, a, a2, kept, out_H, out_U):
    """The stream after a branch.

    Parameters
    ----------
    H, U, m, v : (n,) float
    a, a2 : float, the scale and its square
    kept : float, 1 if the stream's variance accumulates, else 0
    out_H, out_U : (n,) float, overwritten
    """
    for i in prange(len(H)):
        out_H[i] = H[i] + a * m[i]  # theory 3.8
        out_U[i] = kept * U[i] + a2 * v[i]  # theory 3.8
