"""One block of a residual stream; the functions of `refsbnn.reference.block`, one pass over a narrow stream.

A narrow stream costs more to read and write than to compute: units, convolution and sum of an image then run in one
task, while the image lies in the first-level cache. Spikes are made as bits (`refsbnn.kernels.keep.Bits`). Wide
streams, and whatever else `narrow` says no to, go through the kernels of the three parts.
"""

from typing import Any

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import check_choice
from refsbnn.kernels import block_adjoint, block_image, conv2d, fire, philox, residual, slopes, unit
from refsbnn.kernels.block_image import Pair, Shape
from refsbnn.kernels.check import check_float
from refsbnn.kernels.keep import Bits
from refsbnn.kernels.simd import LANES
from refsbnn.reference.block import BlockGradients
from refsbnn.reference.unit import DOMAINS

WIDEST = 16  # channels of a narrow stream; the products of wider ones are worth more than a pass


def forward(
    H: np.ndarray,
    U: np.ndarray,
    u: Any,
    mu: np.ndarray,
    sigma2: np.ndarray,
    bias_mu: np.ndarray,
    bias_sigma2: np.ndarray,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    variance: str = "linear",
    stride: int = 1,
    padding: int = 0,
    scale: float = 1.0,
    accumulate: bool = True,
) -> tuple[np.ndarray, np.ndarray, Any]:
    """The stream after the block, and the values of its units: bits, or as `unit.forward` gives them.

    Arguments and errors as in `refsbnn.reference.block.forward`; `u` may be an address instead of the numbers.
    """
    check_choice("domain", domain, DOMAINS)
    law, who = noises.get(noise), estimators.get(member)
    H, U = check_stream(H, U)
    if not narrow(H, mu, law, who, variance, stride, padding):
        h = unit.forward(H, U, u, noise=law, member=who, domain=domain)
        options = {"stride": stride, "padding": padding, "domain": domain, "variance": variance}
        m, v = conv2d.forward(h, mu, sigma2, bias_mu, bias_sigma2, **options)  # type: ignore[arg-type]
        return *residual.add_forward(H, U, m, v, scale=scale, accumulate=accumulate), h
    mu, sigma2 = check_filters(H, mu, sigma2)
    bias_mu = check_float("bias_mu", bias_mu, mu.shape[:1], mu.dtype)
    bias_sigma2 = check_float("bias_sigma2", bias_sigma2, mu.shape[:1], mu.dtype, nonnegative=True)
    source = philox.source(u, H.shape)
    stream = np.empty((2, *H.shape), H.dtype)  # one array: large ones then get large pages
    into, bits = stream.reshape(2, len(H), -1), np.empty((len(H), H[0].size // 8), np.uint8)
    shape = Shape(H.shape[1], H.shape[2], len(mu), domain == "bipolar", np.float32(scale), accumulate)
    step, weights, biases = fire.kind_of(who) == fire.STEP, Pair(mu, sigma2), Pair(bias_mu, bias_sigma2)
    block_image.forward(Pair(flat(H), flat(U)), source, weights, biases, shape, step, into, bits)
    return stream[0], stream[1], Bits(bits.reshape(-1), H.shape)


def backward(
    dH: np.ndarray,
    dU: np.ndarray,
    h: Any,
    H: np.ndarray,
    U: np.ndarray,
    u: Any,
    mu: np.ndarray,
    sigma2: np.ndarray,
    *,
    noise: noises.Noise | str,
    member: estimators.Member | str,
    domain: str = "binary",
    variance: str = "linear",
    stride: int = 1,
    padding: int = 0,
    scale: float = 1.0,
    accumulate: bool = True,
    extra: np.ndarray | None = None,
) -> BlockGradients:
    """Gradients of the stream that enters and of the weights.

    Arguments, results and errors as in `refsbnn.reference.block.backward`; h is what `forward` returned.
    """
    check_choice("domain", domain, DOMAINS)
    law, who = noises.get(noise), estimators.get(member)
    H, U = check_stream(H, U)
    if not isinstance(h, Bits) or not narrow(H, mu, law, who, variance, stride, padding):
        h = np.asarray(h)
        kept, U_kept, dm, dv = residual.add_backward(dH, dU, scale=scale, accumulate=accumulate)
        options = {"stride": stride, "padding": padding, "domain": domain, "variance": variance}
        through = conv2d.backward(dm, dv, h, mu, sigma2, **options)  # type: ignore[arg-type]
        own_m, own_v = unit.backward(through.x, h, H, U, u, noise=law, member=who, domain=domain, extra=extra)
        return BlockGradients(
            kept + own_m, U_kept + own_v, through.mu, through.sigma2, through.bias_mu, through.bias_sigma2
        )
    mu, sigma2 = check_filters(H, mu, sigma2)
    dH, dU = check_float("dH", dH, H.shape, H.dtype), check_float("dU", dU, H.shape, H.dtype)
    stream, weights = np.empty((2, *H.shape), H.dtype), np.empty((2, *mu.shape), H.dtype)
    biases = np.empty((2, len(mu)), H.dtype)
    into, bits = stream.reshape(2, len(H), -1), h.bits.reshape(len(H), -1)
    shape = Shape(H.shape[1], H.shape[2], len(mu), domain == "bipolar", np.float32(scale), accumulate)
    before, after, given = Pair(flat(H), flat(U)), Pair(flat(dH), flat(dU)), Pair(mu, sigma2)
    rule, floor = slopes.rule(who, law), slopes.floor(H.dtype)
    block_adjoint.backward(after, bits, before, given, shape, rule, floor, into, weights, biases)
    return BlockGradients(*stream, *weights, *biases)


def narrow(
    H: np.ndarray,
    mu: np.ndarray,
    noise: noises.Noise,
    member: estimators.Member,
    variance: str,
    stride: int,
    padding: int,
) -> bool:
    """Whether one pass can do it: float32 Gaussian spikes, 3x3 filters that keep the image, few channels."""
    if H.ndim != 4 or H.size == 0:
        return False
    channels = H.shape[3]
    sizes = channels <= WIDEST and channels % 8 == 0 and H.shape[2] * channels % LANES == 0
    filters = np.shape(mu) == (channels, 3, 3, channels) and (stride, padding, variance) == (1, 1, "linear")
    return (
        sizes
        and filters
        and unit.is_fast(fire.kind_of(member), noise, H.dtype)
        and slopes.rule(member, noise) is not None
    )


def check_stream(H: np.ndarray, U: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H and U of one float type and shape, U >= 0."""
    H = check_float("H", H)
    return H, check_float("U", U, H.shape, H.dtype, nonnegative=True)


def check_filters(H: np.ndarray, mu: np.ndarray, sigma2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mu and sigma2 of the stream's type and of one shape, sigma2 >= 0."""
    mu = check_float("mu", mu, None, H.dtype)
    return mu, check_float("sigma2", sigma2, mu.shape, H.dtype, nonnegative=True)


def flat(stream: np.ndarray) -> np.ndarray:
    """An image a row."""
    return stream.reshape(len(stream), -1)
