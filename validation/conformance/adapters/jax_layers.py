"""The layers in JAX: pure functions, and one `custom_vjp` for the spike. Everything can be compiled by `jax.jit`."""

import ast
import math
from functools import lru_cache
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special, stats

from refsbnn.adapter import Unsupported
from validation.conformance.adapters import masses

Array = Any  # a jax.Array, where JAX is installed


class Gaussian:
    """Standard normal noise; ratios by logarithms, which do not underflow in the tail."""

    cdf, ppf = staticmethod(special.ndtr), staticmethod(special.ndtri)
    pdf = staticmethod(stats.norm.pdf)

    @staticmethod
    def hazard(r: Array) -> Array:
        return jnp.exp(stats.norm.logpdf(r) - special.log_ndtr(r))

    @staticmethod
    def agr(s: Array, tau: float) -> Array:
        """theory 2.7: N(s; 0, c2) Phi(b s) / Phi(s)."""
        c2 = 1.0 + tau * tau
        b = tau / math.sqrt(c2)
        logarithm = -0.5 * s * s / c2 + special.log_ndtr(b * s) - special.log_ndtr(s)
        return jnp.exp(logarithm) / math.sqrt(2.0 * math.pi * c2)


class Logistic:
    """Standard logistic noise."""

    cdf, ppf = staticmethod(jax.nn.sigmoid), staticmethod(special.logit)

    @staticmethod
    def pdf(r: Array) -> Array:
        return jax.nn.sigmoid(r) * jax.nn.sigmoid(-r)

    @staticmethod
    def hazard(r: Array) -> Array:
        return jax.nn.sigmoid(-r)

    @staticmethod
    def agr(s: Array, tau: float) -> Array:
        """theory 2.8, by its series where the closed form cancels."""
        if tau != 1.0:
            raise Unsupported("agr with logistic noise and a temperature other than 1")
        t = jnp.tanh(0.5 * s)
        near = jnp.abs(t) < 0.25
        safe = jnp.where(near, 1.0, t)
        closed = (-(math.log(2.0) + jax.nn.log_sigmoid(-s)) - safe - 0.5 * safe * safe) / safe**3
        small = jnp.where(near, t, 0.0)
        series = jnp.polyval(jnp.array([1.0 / (n + 3) for n in range(27, -1, -1)], t.dtype), small)
        return jnp.where(near, series, closed) * jax.nn.sigmoid(-s)


NOISES: dict[str, Any] = {"gaussian": Gaussian, "logistic": Logistic}
NODES = {
    "simpson": ((0.0, 0.5, 1.0), (1.0 / 6.0, 5.0 / 6.0)),
    "gauss2": ((0.5 - 0.5 / math.sqrt(3.0), 0.5 + 0.5 / math.sqrt(3.0)), (0.5,)),
}
SURROGATES = ("fast-sigmoid", "arctan", "triangular", "gaussian")


def rule(name: str, n: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Nodes of a quadrature rule, and the uniforms at which one follows the other (theory 2.12)."""
    return NODES[name] if name in NODES else (n["nodes"], tuple(accumulate(n["probabilities"][:-1])))


def ratios(n: Any) -> tuple[float, ...]:
    """Weight over probability of the nodes of a rule of the user's own."""
    return tuple(w / p for w, p in zip(n["weights"], n["probabilities"], strict=True))


def parse(spec: str) -> tuple[str, dict[str, Any]]:
    """ "agr(tau=0.5)" as a name and numbers."""
    name, _, rest = spec.partition("(")
    call = ast.parse(f"f({rest or ')'}", mode="eval").body
    assert isinstance(call, ast.Call)
    return name, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}


def sample(r: Array, u: Array, noise: Any, name: str, n: Any) -> Array:
    """The forward value in [0, 1]; for most members the spike 1[u < F(r)] (theory 1.1)."""
    if name == "uniform":
        return u
    if name == "gs":
        return noise.cdf((r - noise.ppf(u)) / n["tau"])
    if name in NODES or name == "quadrature":
        points, edges = (jnp.array(part, u.dtype) for part in rule(name, n))
        return points[jnp.searchsorted(edges, u, side="right")]
    return (r > 0.0 if name in SURROGATES else u < noise.cdf(r)).astype(r.dtype)


def slope(z: Array, r: Array, u: Any, extra: Any, noise: Any, name: str, n: Any) -> Array:
    """w f(r), the member's stand-in for dz/dr (theory 2.1)."""
    if name in ("uniform", *NODES):
        return noise.pdf(r)
    if name == "quadrature":
        ratio, edges = (jnp.array(part, u.dtype) for part in (ratios(n), rule(name, n)[1]))
        return ratio[jnp.searchsorted(edges, u, side="right")] * noise.pdf(r)
    if name in masses.MASSES or name in masses.OVER_LOGIT:
        return masses.slope(name, n, z, r, noise, jnp.where)
    if name == "agr":
        return noise.agr(jnp.where(z > 0.5, r, -r), n["tau"])
    if name in ("st-gs", "gs"):
        return noise.pdf((r - noise.ppf(u)) / n["tau"]) / n["tau"]
    if name == "gr":
        pi = noise.cdf(r)
        drawn = jnp.where(z > 0.5, extra * pi, pi + extra * (1.0 - pi))
        return (noise.pdf((r - noise.ppf(drawn)) / n["tau"]) / n["tau"]).mean(0)
    if name == "identity-st":
        return jnp.ones_like(r)
    k0 = n["scale"]
    if name == "fast-sigmoid":
        return 1.0 / (1.0 + k0 * jnp.abs(r)) ** 2
    if name == "arctan":
        return 0.5 * k0 / (1.0 + (0.5 * math.pi * k0 * r) ** 2)
    if name == "triangular":
        return jnp.maximum(1.0 - k0 * jnp.abs(r), 0.0)
    if name == "gaussian":
        return k0 * Gaussian.pdf(k0 * r)
    raise Unsupported(f"member {name}")


@lru_cache
def spiking(noise_name: str, member: str) -> Any:
    """The spike of one noise and member: z = 1[u < F(m / sqrt(v))], backward by theory 3.2 and 3.17."""
    noise, (name, numbers) = NOISES[noise_name], parse(member)

    def standardise(m: Array, v: Array) -> tuple[Array, Array, Array]:
        noisy = v > 0.0
        s = jnp.sqrt(jnp.where(noisy, v, 1.0))
        return jnp.where(noisy, m, 0.0) / s, s, noisy

    @jax.custom_vjp
    def fire(m: Array, v: Array, u: Array, extra: Any, z: Any) -> Array:
        return forward(m, v, u, extra, z)[0]

    def forward(m: Array, v: Array, u: Array, extra: Any, z: Any) -> tuple[Array, Any]:
        # The arithmetic is in float32 at least: bfloat16 has too few digits for a probability.
        r, s, noisy = standardise(*(x.astype(jnp.promote_types(x.dtype, jnp.float32)) for x in (m, v)))
        h = jnp.where(noisy, sample(r, u, noise, name, numbers), (m > 0.0).astype(r.dtype))
        used = h if z is None else z  # teacher forcing: the backward pass at the spike that is given
        return h.astype(m.dtype), (r, s, noisy, used, u, extra)

    def backward(kept: Any, g: Array) -> tuple[Any, ...]:
        r, s, noisy, z, u, extra = kept
        c = jnp.where(noisy, g.astype(r.dtype) * slope(z, r, u, extra, noise, name, numbers), 0.0)
        dm, dv = c / s, -0.5 * c * r / (s * s)
        zeros = [None if x is None else jnp.zeros_like(x) for x in (u, extra)]
        return dm.astype(g.dtype), dv.astype(g.dtype), *zeros, None

    fire.defvjp(forward, backward)
    return fire


def spike(m: Array, v: Array, u: Array, o: Any, extra: Any = None, z: Any = None) -> Array:
    """Values of the units' domain (theory 1.4)."""
    h = spiking(o["noise"], o["member"])(m, v, u, extra, z)
    return 2.0 * h - 1.0 if o.get("domain") == "bipolar" else h


def square(x: Array, domain: str, variance: str) -> Array:
    """What stands for x^2 in the variance (theory 3.4)."""
    if domain == "real" or variance == "quadratic":
        return x * x
    return x if domain == "binary" else jnp.ones_like(x)


def dense(x: Array, mu: Array, sigma2: Array, bias: Any, domain: str, variance: str) -> tuple[Array, Array]:
    """Moments of a dense layer (theory 3.1)."""
    m, v = x @ mu.T, square(x, domain, variance) @ sigma2.T
    return (m, v) if bias is None else (m + bias[0], v + bias[1])


def convolve(x: Array, w: Array, o: Any) -> Array:
    """A convolution, channels last."""
    pad = [(o["padding"], o["padding"])] * 2
    strides = (o["stride"], o["stride"])
    return jax.lax.conv_general_dilated(x, w, strides, pad, dimension_numbers=("NHWC", "OHWI", "NHWC"))


def conv2d(x: Array, mu: Array, sigma2: Array, bias: Any, o: Any) -> tuple[Array, Array]:
    """Moments of a convolution, channels last (theory 3.6)."""
    m, v = convolve(x, mu, o), convolve(square(x, o["domain"], o["variance"]), sigma2, o)
    return (m, v) if bias is None else (m + bias[0], v + bias[1])


def windows(x: Array, size: int, stride: int) -> Array:
    """What a pooling window sees, (batch, rows, columns, size * size, channels), row by row."""
    rows, columns = ((n - size) // stride + 1 for n in x.shape[1:3])
    taps = [
        x[:, k : k + stride * rows : stride, l : l + stride * columns : stride][:, :rows, :columns]
        for k in range(size)
        for l in range(size)
    ]
    return jnp.stack(taps, 3)


def max_pool(x: Array, size: int, stride: int) -> Array:
    """The first of equal maxima gets the gradient: XLA's reduce_window and jnp.max would share it out."""
    seen = windows(x, size, stride)
    first = jnp.argmax(jax.lax.stop_gradient(seen), axis=3, keepdims=True)
    return jnp.take_along_axis(seen, first, axis=3)[:, :, :, 0]


def lif(m: Array, v: Array, u: Array, own: Any, o: Any, extra: Any = None) -> tuple[Array, Array, Array]:
    """Membrane means, variances and spikes over time (theory 3.9 to 3.11)."""
    M = V = z = jnp.zeros_like(m[0])
    path = []
    for t in range(len(m)):
        past = z if o["reset_gradient"] else jax.lax.stop_gradient(z)
        m_t, v_t = m[t], v[t]
        if t and own is not None:
            m_own, v_own = dense(z, own[0], own[1], None, "binary", o["variance"])
            m_t, v_t = m_t + m_own, v_t + v_own
        kept = 1.0 - past if o["reset"] == "hard" else 1.0
        M = o["beta"] * M * kept + m_t - (o["theta"] * past if o["reset"] == "soft" else 0.0)
        V = o["beta"] ** 2 * V * kept + v_t if o["accumulate"] else v_t
        fire = spiking(o["noise"], o["member"])
        z = fire(M - o["theta"], V, u[t], None if extra is None else extra[:, t], None)
        path.append((M, V, z))
    return tuple(jnp.stack(part) for part in zip(*path, strict=True))


def lif_slow(m: Array, v: Array, u: Array, own: Any, o: Any) -> tuple[Array, Array, Array]:
    """As `lif`, with a synaptic current and a threshold that adapts (theory 3.30 to 3.33)."""
    M = V = z = J = U = C = a = jnp.zeros_like(m[0])
    alpha, beta, decay = o["alpha"], o["beta"], o["adapt_decay"]
    fire, path = spiking(o["noise"], o["member"]), []
    for t in range(len(m)):
        a = decay * a + (1.0 - decay) * z
        past = z if o["reset_gradient"] else jax.lax.stop_gradient(z)
        m_t, v_t = m[t], v[t]
        if t and own is not None:
            m_own, v_own = dense(z, own[0], own[1], None, "binary", o["variance"])
            m_t, v_t = m_t + m_own, v_t + v_own
        kept = 1.0 - past if o["reset"] == "hard" else 1.0
        J, U = alpha * J + m_t, alpha**2 * U + v_t
        M = beta * kept * M + J - (o["theta"] * past if o["reset"] == "soft" else 0.0)
        V = kept * (beta**2 * V + 2.0 * alpha * beta * C) + U if o["accumulate"] else v_t
        C = alpha * beta * kept * C + U
        z = fire(M - o["theta"] - o["adapt"] * a, V, u[t], None, None)
        path.append((M, V, z))
    return tuple(jnp.stack(part) for part in zip(*path, strict=True))


def leaky_readout(m: Array, v: Array, beta: float, reduce: str) -> tuple[Array, Array]:
    """Moments of a leaky integrator's mean, last or largest value (theory 3.13)."""
    steps = len(m)
    decay = jnp.array([[beta ** (t - k) if k <= t else 0.0 for k in range(steps)] for t in range(steps)], m.dtype)
    if reduce == "max":
        best = jnp.argmax(jnp.tensordot(decay, jax.lax.stop_gradient(m), 1), axis=0)
        c = jnp.moveaxis(decay[best], -1, 0)
    else:
        c = (decay.mean(0) if reduce == "mean" else decay[-1]).reshape(-1, *[1] * (m.ndim - 1))
    return (c * m).sum(0), (c * c * v).sum(0)


def sampled_logits(m: Array, v: Array, eps: Array) -> Array:
    """m + sqrt(v) eps; the gradient of v is 0 where v = 0 (theory 3.14)."""
    noisy = v > 0.0
    return m + jnp.where(noisy, jnp.sqrt(jnp.where(noisy, v, 1.0)) * eps, 0.0)


def kl(mu: Array, rho: Array, prior: float) -> Array:
    """KL divergence of the posterior from N(0, prior) (theory 4.2)."""
    return 0.5 * (mu * mu / prior + jnp.exp(rho) / prior - 1.0 - (rho - math.log(prior))).sum()


def bias_penalty(norm2: Array, v: Array) -> Array:
    """Mean of ||mu_i||^2 / v_i, units without variance counting 0 (theory 4.5)."""
    noisy = v > 0.0
    return jnp.where(noisy, norm2 / jnp.where(noisy, v, 1.0), 0.0).mean()


def loglik(logits: Array, labels: Array) -> Array:
    """Categorical log-likelihood (theory 4.3)."""
    return jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)[:, 0]
