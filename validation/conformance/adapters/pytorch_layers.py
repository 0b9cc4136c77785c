"""The layers in PyTorch, as one would write them for a GPU: plain tensors, autograd, one autograd Function for spikes.

Start from here for an implementation of your own. Linear maps, membranes and likelihoods are ordinary differentiable
code; only the spike needs a backward pass of its own, theory 3.2 with the slope of the chosen member.
"""

import ast
import math
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from refsbnn.adapter import Unsupported
from validation.conformance.adapters import masses

SQRT_HALF = math.sqrt(0.5)


class Gaussian:
    """Standard normal noise. `hazard` is f/F: erfcx leaves out the exponential that f and F share."""

    ppf = torch.special.ndtri

    @staticmethod
    def cdf(r: Tensor) -> Tensor:
        return 0.5 * torch.erfc(-r * SQRT_HALF)  # torch.special.ndtr is (1 + erf)/2, which cancels in the tail

    @staticmethod
    def pdf(r: Tensor) -> Tensor:
        return torch.exp(-0.5 * r * r) / math.sqrt(2.0 * math.pi)

    @staticmethod
    def hazard(r: Tensor) -> Tensor:
        return math.sqrt(2.0 / math.pi) / torch.special.erfcx(-r * SQRT_HALF)

    @staticmethod
    def agr(s: Tensor, tau: float) -> Tensor:
        """E[relax'(a/tau)/tau given a > 0] (theory 2.7): all exponentials cancel."""
        width = math.sqrt(1.0 + tau * tau)
        ratio = torch.special.erfcx(-s * (tau / width * SQRT_HALF)) / torch.special.erfcx(-s * SQRT_HALF)
        return ratio / (math.sqrt(2.0 * math.pi) * width)


class Logistic:
    """Standard logistic noise."""

    cdf, ppf = torch.sigmoid, torch.logit

    @staticmethod
    def pdf(r: Tensor) -> Tensor:
        return torch.sigmoid(r) * torch.sigmoid(-r)

    @staticmethod
    def hazard(r: Tensor) -> Tensor:
        return torch.sigmoid(-r)

    @staticmethod
    def agr(s: Tensor, tau: float) -> Tensor:
        """theory 2.8, by its series where the closed form cancels."""
        if tau != 1.0:
            raise Unsupported("agr with logistic noise and a temperature other than 1")
        t = torch.tanh(0.5 * s)
        near = t.abs() < 0.25
        safe = torch.where(near, torch.ones_like(t), t)
        closed = (-(math.log(2.0) + functional.logsigmoid(-s)) - safe - 0.5 * safe * safe) / safe**3
        series = sum((t**n / (n + 3) for n in range(28)), torch.zeros_like(t))
        return torch.where(near, series, closed) * torch.sigmoid(-s)


NOISES: dict[str, Any] = {"gaussian": Gaussian, "logistic": Logistic}
NODES = {
    "simpson": ((0.0, 0.5, 1.0), (1.0 / 6.0, 5.0 / 6.0)),
    "gauss2": ((0.5 - 0.5 / math.sqrt(3.0), 0.5 + 0.5 / math.sqrt(3.0)), (0.5,)),
}
SURROGATES = ("fast-sigmoid", "arctan", "triangular", "gaussian")
RELAXED = ("gs", "uniform", *NODES)


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


def sample(r: Tensor, u: Tensor, noise: Any, name: str, numbers: Any) -> Tensor:
    """The forward value in [0, 1]; for most members the spike 1[u < F(r)] (theory 1.1)."""
    if name == "uniform":
        return u
    if name == "gs":
        return noise.cdf((r - noise.ppf(u)) / numbers["tau"])
    if name in NODES or name == "quadrature":
        points, edges = (torch.tensor(part, dtype=u.dtype, device=u.device) for part in rule(name, numbers))
        return points[torch.bucketize(u, edges, right=True)]
    fires = r > 0.0 if name in SURROGATES else u < noise.cdf(r)
    return fires.to(r.dtype)


def slope(z: Tensor, r: Tensor, u: Tensor | None, extra: Tensor | None, noise: Any, name: str, n: Any) -> Tensor:
    """w f(r), the member's stand-in for dz/dr (theory 2.1)."""
    if name in ("uniform", *NODES):
        return noise.pdf(r)
    if name == "quadrature":
        assert u is not None
        ratio, edges = (torch.tensor(x, dtype=u.dtype, device=u.device) for x in (ratios(n), rule(name, n)[1]))
        return ratio[torch.bucketize(u, edges, right=True)] * noise.pdf(r)
    if name in masses.MASSES or name in masses.OVER_LOGIT:
        return masses.slope(name, n, z, r, noise, torch.where)
    if name == "agr":
        return noise.agr(torch.where(z > 0.5, r, -r), n["tau"])
    if name in ("st-gs", "gs"):
        return noise.pdf((r - noise.ppf(u)) / n["tau"]) / n["tau"]
    if name == "gr":
        pi = noise.cdf(r)
        drawn = torch.where(z > 0.5, extra * pi, pi + extra * (1.0 - pi))
        return (noise.pdf((r - noise.ppf(drawn)) / n["tau"]) / n["tau"]).mean(0)
    if name == "identity-st":
        return torch.ones_like(r)
    k0 = n["scale"]
    if name == "fast-sigmoid":
        return 1.0 / (1.0 + k0 * r.abs()) ** 2
    if name == "arctan":
        return 0.5 * k0 / (1.0 + (0.5 * math.pi * k0 * r) ** 2)
    if name == "triangular":
        return (1.0 - k0 * r.abs()).clamp_min(0.0)
    if name == "gaussian":
        return k0 * Gaussian.pdf(k0 * r)
    raise Unsupported(f"member {name}")


class Spike(torch.autograd.Function):
    """z = 1[u < F(m / sqrt(v))], with the member's slope for its derivative (theory 1.1, 3.2, 3.17).

    The arithmetic is in float32 at least: bfloat16 has too few digits for a probability.
    """

    @staticmethod
    def forward(ctx: Any, m: Tensor, v: Tensor, u: Tensor, extra: Tensor | None, z: Tensor | None, spec: Any) -> Tensor:
        noise, (name, numbers) = NOISES[spec["noise"]], parse(spec["member"])
        work = torch.float64 if m.dtype == torch.float64 else torch.float32
        wide: list[Any] = [None if x is None else x.to(work) for x in (m, v, u, extra, z)]
        m_, v_, u_, extra_, z_ = wide
        noisy = v_ > 0.0
        s = torch.where(noisy, v_, 1.0).sqrt()
        r = torch.where(noisy, m_, 0.0) / s
        h = torch.where(noisy, sample(r, u_, noise, name, numbers), (m_ > 0.0).to(work))
        used = h if z_ is None else z_  # teacher forcing: the backward pass at the spike that is given
        ctx.save_for_backward(r, s, noisy, used, u_, extra_)
        ctx.spec = (noise, name, numbers)
        return h.to(m.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        r, s, noisy, z, u, extra = ctx.saved_tensors
        g = grads[0].to(r.dtype)
        c = torch.where(noisy, g * slope(z, r, u, extra, *ctx.spec), 0.0)
        dm, dv = c / s, -0.5 * c * r / (s * s)
        return dm.to(grads[0].dtype), dv.to(grads[0].dtype), None, None, None, None


def spike(m: Tensor, v: Tensor, u: Tensor, spec: Any, extra: Tensor | None = None, z: Tensor | None = None) -> Tensor:
    """Values of the units' domain (theory 1.4)."""
    h = Spike.apply(m, v, u, extra, z, spec)
    return 2.0 * h - 1.0 if spec.get("domain") == "bipolar" else h


def square(x: Tensor, domain: str, variance: str) -> Tensor:
    """What stands for x^2 in the variance (theory 3.4)."""
    if domain == "real" or variance == "quadratic":
        return x * x
    return x if domain == "binary" else torch.ones_like(x)


def dense(x: Tensor, mu: Tensor, sigma2: Tensor, bias: Any, domain: str, variance: str) -> tuple[Tensor, Tensor]:
    """Moments of a dense layer (theory 3.1)."""
    bias_mu, bias_sigma2 = bias or (None, None)
    x2 = square(x, domain, variance)
    return functional.linear(x, mu, bias_mu), functional.linear(x2, sigma2, bias_sigma2)


def conv2d(x: Tensor, mu: Tensor, sigma2: Tensor, bias: Any, o: Any) -> tuple[Tensor, Tensor]:
    """Moments of a convolution (theory 3.6); PyTorch has channels second."""
    bias_mu, bias_sigma2 = bias or (None, None)

    def convolve(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        w = w.permute(0, 3, 1, 2)
        return functional.conv2d(x.permute(0, 3, 1, 2), w, b, o["stride"], o["padding"]).permute(0, 2, 3, 1)

    x2 = square(x, o["domain"], o["variance"])
    return convolve(x, mu, bias_mu), convolve(x2, sigma2, bias_sigma2)


def lif(m: Tensor, v: Tensor, u: Any, own: Any, o: Any, extra: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Membrane means, variances and spikes over time (theory 3.9 to 3.11); u may be a function of the step."""
    M = V = z = torch.zeros_like(m[0])
    path = []
    for t in range(len(m)):
        past = z if o["reset_gradient"] else z.detach()
        m_t, v_t = m[t], v[t]
        if t and own is not None:
            m_own, v_own = dense(z, own[0], own[1], None, "binary", o["variance"])
            m_t, v_t = m_t + m_own, v_t + v_own
        if o["reset"] == "hard":
            M, V_kept = o["beta"] * M * (1.0 - past) + m_t, o["beta"] ** 2 * V * (1.0 - past)
        else:
            M, V_kept = o["beta"] * M + m_t - o["theta"] * past, o["beta"] ** 2 * V
        V = V_kept + v_t if o["accumulate"] else v_t
        u_t = u(t) if callable(u) else u[t]
        z = Spike.apply(M - o["theta"], V, u_t, None if extra is None else extra[:, t], None, o)
        path.append((M, V, z))
    Ms, Vs, zs = (torch.stack(part) for part in zip(*path, strict=True))
    return Ms, Vs, zs


def lif_slow(m: Tensor, v: Tensor, u: Tensor, own: Any, o: Any) -> tuple[Tensor, Tensor, Tensor]:
    """As `lif`, with a synaptic current and a threshold that adapts (theory 3.30 to 3.33)."""
    M = V = z = J = U = C = a = torch.zeros_like(m[0])
    alpha, beta, decay = o["alpha"], o["beta"], o["adapt_decay"]
    path = []
    for t in range(len(m)):
        a = decay * a + (1.0 - decay) * z
        lowered = z if o["reset_gradient"] else z.detach()
        m_t, v_t = m[t], v[t]
        if t and own is not None:
            m_own, v_own = dense(z, own[0], own[1], None, "binary", o["variance"])
            m_t, v_t = m_t + m_own, v_t + v_own
        kept = 1.0 - lowered if o["reset"] == "hard" else torch.ones_like(lowered)
        J, U = alpha * J + m_t, alpha**2 * U + v_t
        M = beta * kept * M + J - (o["theta"] * lowered if o["reset"] == "soft" else 0.0)
        V = kept * (beta**2 * V + 2.0 * alpha * beta * C) + U if o["accumulate"] else v_t
        C = alpha * beta * kept * C + U
        z = Spike.apply(M - o["theta"] - o["adapt"] * a, V, u[t], None, None, o)
        path.append((M, V, z))
    Ms, Vs, zs = (torch.stack(part) for part in zip(*path, strict=True))
    return Ms, Vs, zs


def leaky_readout(m: Tensor, v: Tensor, beta: float, reduce: str) -> tuple[Tensor, Tensor]:
    """Moments of a leaky integrator's mean, last or largest value (theory 3.13)."""
    steps = len(m)
    age = torch.arange(steps)[:, None] - torch.arange(steps)
    decay = torch.where(age >= 0, float(beta) ** age.clamp_min(0), 0.0).to(m)
    if reduce == "max":
        best = torch.tensordot(decay, m.detach(), 1).argmax(0)
        c = decay[best].movedim(-1, 0)
    else:
        c = (decay.mean(0) if reduce == "mean" else decay[-1]).reshape(-1, *[1] * (m.ndim - 1))
    return (c * m).sum(0), (c * c * v).sum(0)


def sampled_logits(m: Tensor, v: Tensor, eps: Tensor) -> Tensor:
    """m + sqrt(v) eps; the gradient of v is 0 where v = 0 (theory 3.14)."""
    noisy = v > 0.0
    return m + torch.where(noisy, torch.where(noisy, v, 1.0).sqrt() * eps, 0.0)


def kl(mu: Tensor, rho: Tensor, prior: float) -> Tensor:
    """KL divergence of the posterior from N(0, prior) (theory 4.2)."""
    return 0.5 * (mu * mu / prior + rho.exp() / prior - 1.0 - (rho - math.log(prior))).sum()


def bias_penalty(norm2: Tensor, v: Tensor) -> Tensor:
    """Mean of ||mu_i||^2 / v_i, units without variance counting 0 (theory 4.5)."""
    noisy = v > 0.0
    return torch.where(noisy, norm2 / torch.where(noisy, v, 1.0), 0.0).mean()


def philox(counter: Tensor, key: Tensor) -> Tensor:
    """Philox 4x32-10 in int64 (theory 6.1): (n, 4), (n, 2) -> (n, 4)."""
    low = 0xFFFFFFFF

    def multiply(a: int, b: Tensor) -> tuple[Tensor, Tensor]:
        # High and low word of a 32 x 32 bit product, by halves of b: int64 has no room for all of it.
        first, second = a * (b & 0xFFFF), a * (b >> 16)
        middle = second + (first >> 16)
        return middle >> 16, ((middle & 0xFFFF) << 16) | (first & 0xFFFF)

    c, k = list(counter.unbind(-1)), list(key.unbind(-1))
    for _ in range(10):
        (h0, l0), (h1, l1) = multiply(0xD2511F53, c[0]), multiply(0xCD9E8D57, c[2])
        c = [h1 ^ c[1] ^ k[0], l1, h0 ^ c[3] ^ k[1], l0]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return torch.stack(c, -1)
