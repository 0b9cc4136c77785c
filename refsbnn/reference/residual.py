"""Residual stream without normalisation: it carries a mean H and a variance U, as a membrane does (theory 3.8)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError, check_array
from refsbnn.reference import conv2d, dense, unit
from refsbnn.reference.moments import LinearGradients


class Linear(NamedTuple):
    """One noisy linear map of a branch: dense where mu is (out, in), a convolution where it is (out, kh, kw, in).

    Stride and padding are the convolution's.
    """

    mu: np.ndarray
    sigma2: np.ndarray
    bias_mu: np.ndarray | None = None
    bias_sigma2: np.ndarray | None = None
    stride: int = 1
    padding: int = 0


class UnitTape(NamedTuple):
    """What the backward of one unit of a block needs: the moments it fired on and the values it gave."""

    m: np.ndarray
    v: np.ndarray
    h: np.ndarray


class BlockGradients(NamedTuple):
    """Gradients of a block: those of the incoming stream, and of each linear map in order."""

    H: np.ndarray
    U: np.ndarray
    linears: tuple[LinearGradients, ...]


def add_forward(
    H: np.ndarray, U: np.ndarray, m: np.ndarray, v: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The stream after a branch: H + a m and U + a^2 v (theory 3.8).

    Parameters
    ----------
    H, U : (...) arrays
        Mean and variance of the stream.
    m, v : (...) arrays
        Moments that the branch gives.
    scale : float
        The branch scale a.
    accumulate : bool
        Whether the stream keeps earlier variance; otherwise only the last branch's.

    Returns
    -------
    H, U : (...) float64 arrays

    Raises
    ------
    InputError
        Shapes that differ, a negative variance, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> add_forward(one, one, one, one, scale=0.5)
    (array([1.5]), array([1.25]))
    """
    H = check_array("H", H)
    U = check_array("U", U, H.shape, nonnegative=True)
    m = check_array("m", m, H.shape)
    v = check_array("v", v, H.shape, nonnegative=True)
    kept = U if accumulate else 0.0
    return H + scale * m, kept + scale**2 * v  # theory 3.8


def add_backward(
    dH: np.ndarray, dU: np.ndarray, *, scale: float = 1.0, accumulate: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of the incoming stream and of the branch's moments (theory 3.8).

    Parameters
    ----------
    dH, dU : (...) arrays
        Gradients of the stream after the branch.
    scale, accumulate
        As in `add_forward`.

    Returns
    -------
    dH, dU, dm, dv : (...) float64 arrays

    Raises
    ------
    InputError
        Shapes that differ, NaN.
    """
    dH = check_array("dH", dH)
    dU = check_array("dU", dU, dH.shape)
    kept = dU if accumulate else np.zeros_like(dU)
    return dH, kept, scale * dH, scale**2 * dU  # theory 3.8


def block_forward(
    H: np.ndarray,
    U: np.ndarray,
    u: Sequence[np.ndarray],
    linears: Sequence[Linear],
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    variance: str = "linear",
    scale: float = 1.0,
    accumulate: bool = True,
) -> tuple[np.ndarray, np.ndarray, tuple[UnitTape, ...]]:
    """One block: units fire on the stream, a branch of noisy linear maps with units between them adds to it.

    Parameters
    ----------
    H, U : (batch, in) or (batch, height, width, in) arrays
        Mean and variance of the stream.
    u : sequence of arrays
        Uniforms in [0, 1) of the units before each linear map, each of its input's shape.
    linears : sequence of Linear
        The branch, at least one map; its output has the stream's shape.
    noise : Noise or its name
    member : Member or its name
    domain : {"binary", "bipolar"}
    variance : {"linear", "quadratic"}
        Extension between the states (theory 3.4).
    scale, accumulate
        As in `add_forward`.

    Returns
    -------
    H, U : arrays of the stream's shape
    tape : tuple of UnitTape
        One for each linear map, in order.

    Raises
    ------
    InputError
        Not one u for each map, shapes that do not fit, a negative variance, NaN, unknown names.

    Examples
    --------
    >>> import numpy as np
    >>> stream, branch = np.ones((1, 2)), Linear(np.eye(2), np.eye(2))
    >>> H, U, tape = block_forward(stream, stream, [np.array([[0.5, 0.9]])], [branch], noise="gaussian", member="st")
    >>> H, U
    (array([[2., 1.]]), array([[2., 1.]]))
    """
    if len(u) != len(linears) or not linears:
        raise InputError(f"the block has {len(linears)} linear maps and {len(u)} arrays u; expected one u for each map")
    m, v, tape = H, U, []
    for uniforms, linear in zip(u, linears, strict=True):
        h = unit.forward(m, v, uniforms, noise=noise, member=member, domain=domain)  # theory 1.1
        tape.append(UnitTape(m, v, h))
        m, v = linear_forward(h, linear, domain, variance)  # theory 3.1
    H, U = add_forward(H, U, m, v, scale=scale, accumulate=accumulate)  # theory 3.8
    return H, U, tuple(tape)


def block_backward(
    dH: np.ndarray,
    dU: np.ndarray,
    tape: Sequence[UnitTape],
    u: Sequence[np.ndarray],
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
    """Gradients of the incoming stream and of the branch's maps (theory 3.2, 3.3 and 3.8).

    Parameters
    ----------
    dH, dU : arrays of the stream's shape
        Gradients of the stream after the block.
    tape : tuple of UnitTape
        From `block_forward`.
    u, linears, noise, member, domain, variance, scale, accumulate
        As in `block_forward`.
    extra : sequence of (draws, ...) arrays, optional
        Further uniforms of each map's units, for a member that draws in the backward pass (`gr`).

    Returns
    -------
    BlockGradients

    Raises
    ------
    InputError
        As `block_forward`.
    """
    dH, dU, dm, dv = add_backward(dH, dU, scale=scale, accumulate=accumulate)  # theory 3.8
    gradients: list[LinearGradients] = []
    draws = [None] * len(u) if extra is None else extra
    for (m, v, h), uniforms, linear, draw in reversed(list(zip(tape, u, linears, draws, strict=True))):
        gradient = linear_backward(dm, dv, h, linear, domain, variance)  # theory 3.3
        dm, dv = unit.backward(  # theory 3.2
            gradient.x, h, m, v, uniforms, noise=noise, member=member, domain=domain, extra=draw
        )
        gradients.insert(0, gradient)
    return BlockGradients(dH + dm, dU + dv, tuple(gradients))


def linear_forward(h: np.ndarray, linear: Linear, domain: str, variance: str) -> tuple[np.ndarray, np.ndarray]:
    """Moments that one map of a branch gives."""
    mu, sigma2, bias_mu, bias_sigma2, stride, padding = linear
    if np.ndim(mu) == 2:
        return dense.forward(h, mu, sigma2, bias_mu, bias_sigma2, domain=domain, variance=variance)
    return conv2d.forward(
        h, mu, sigma2, bias_mu, bias_sigma2, stride=stride, padding=padding, domain=domain, variance=variance
    )


def linear_backward(
    dm: np.ndarray, dv: np.ndarray, h: np.ndarray, linear: Linear, domain: str, variance: str
) -> LinearGradients:
    """Gradients of one map of a branch."""
    mu, sigma2, _, _, stride, padding = linear
    if np.ndim(mu) == 2:
        return dense.backward(dm, dv, h, mu, sigma2, domain=domain, variance=variance)
    return conv2d.backward(dm, dv, h, mu, sigma2, stride=stride, padding=padding, domain=domain, variance=variance)
