"""Likelihoods, KL, bias penalty, optimisers and baselines: theory 2.13 to 2.15, 3.5, 4.2 to 4.5."""

from decimal import Decimal

import numpy as np

from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import ONE, Array, Real, array, each, exp, lift, log, sqrt, total, zeros
from validation.conformance.special import NOISES, PI, softplus


def softmax_loglik(logits: Array, labels: np.ndarray) -> tuple[Array, Array]:
    """ln p_y and onehot(y) - p (theory 4.3), shifted by the largest logit."""
    batch, classes = logits.shape
    loglik, d = zeros((batch,)), zeros(logits.shape)
    for b in range(batch):
        top = max(range(classes), key=lambda c: logits[b, c].value)
        shifted = [x - logits[b, top] for x in logits[b]]
        norm = total(np.array([exp(x) for x in shifted], dtype=object)[None])[0]
        loglik[b] = shifted[labels[b]] - log(norm)
        for c in range(classes):
            d[b, c] = int(c == labels[b]) - exp(shifted[c]) / norm
    return loglik, d


def categorical(a: Arrays, o: Options) -> Answers:
    """Categorical log-likelihood."""
    loglik, d = softmax_loglik(array(a["logits"]), a["labels"])
    return {"loglik": loglik, "dlogits": d}


def bernoulli(a: Arrays, o: Options) -> Answers:
    """Bernoulli log-likelihood (theory 4.3)."""
    x, y = array(a["logits"]), array(a["targets"])
    F = NOISES["logistic"]
    terms = each(lambda l, t: -(t * softplus(-l)) - (1 - t) * softplus(l), x, y)
    return {"loglik": total(terms), "dlogits": each(lambda l, t: t * F.sf(l) - (1 - t) * F.cdf(l), x, y)}


def gaussian(a: Arrays, o: Options) -> Answers:
    """Gaussian log-likelihood in closed form (theory 4.3)."""
    m, v, y, n = array(a["m"]), array(a["v"]), array(a["targets"]), Decimal(o["noise_variance"])
    constant = log(2 * Real(PI, float(PI)) * n) / 2
    terms = each(lambda a, b, t: -constant - ((t - a) * (t - a) + b) / (2 * n), m, v, y)
    half = lift(-1) / (2 * n)
    return {"loglik": total(terms), "dm": (y - m) / n, "dv": each(lambda b: half, v)}


def kl_terms(mu: Array, sigma2: Array, prior: Decimal) -> tuple[Array, Array, Array]:
    """The KL's terms, and its gradients (theory 4.2)."""

    def term(a: Real, b: Real) -> Real:
        ratio = b / prior
        return (a * a / prior + ratio - 1 - log(ratio)) / 2

    return each(term, mu, sigma2), mu / prior, each(lambda b: (1 / lift(prior) - 1 / b) / 2, sigma2)


def kl(a: Arrays, o: Options) -> Answers:
    """KL of the posterior from the prior, and its gradient in rho as well (theory 3.5, 4.2)."""
    mu, rho = array(a["mu"]), array(a["rho"])
    sigma2 = each(exp, rho)
    terms, dmu, dsigma2 = kl_terms(mu, sigma2, Decimal(o["prior_sigma2"]))
    return {"kl": total(terms, tuple(range(terms.ndim))), "dmu": dmu, "drho": sigma2 * dsigma2}


def kl_weight(a: Arrays, o: Options) -> Answers:
    """The KL's weight at each step (theory 4.4)."""
    warmup, temperature = o["warmup"], Decimal(o["temperature"])
    rise = [ONE if s >= warmup else Decimal(int(s)) / warmup for s in a["steps"]]
    weights = np.empty(len(rise), dtype=object)
    weights[:] = [lift(temperature) * (lift(x) / o["examples"]) for x in rise]
    return {"weight": weights}


def bias_penalty(a: Arrays, o: Options) -> Answers:
    """B of one layer; a unit without variance counts 0 (theory 4.5)."""
    norm2, v = array(a["norm2"]), array(a["v"])
    inverse = each(lambda b: 1 / b if b.value else lift(0), v)
    ratio = norm2 * inverse
    axes = tuple(range(v.ndim - 1))
    return {
        "B": total(ratio, tuple(range(v.ndim))) / v.size,
        "dnorm2": total(inverse, axes) / v.size,
        "dv": -(ratio * inverse) / v.size,
    }


def adam_step(p: Array, g: Array, mean: Array, square: Array, step: int, o: Options) -> tuple[Array, Array, Array]:
    """One descent step of Adam; `step` counts from 1. Weight decay is decoupled, or of the gradient (`decay_in`)."""
    b1, b2 = Decimal(str(o["decay1"])), Decimal(str(o["decay2"]))
    rate, decay = Decimal(str(o["rate"])), Decimal(str(o["weight_decay"]))
    g = g + decay * p if o.get("decay_in") == "gradient" else g
    mean = b1 * mean + (1 - b1) * g
    square = b2 * square + (1 - b2) * g * g
    c1, c2, epsilon = 1 - b1**step, 1 - b2**step, Decimal(str(o["epsilon"]))
    # 1 - b2^step loses digits in the program's own type: its relative error is b2^step step / (1 - b2^step) roundings.
    c1_real = Real(c1, float(b1**step) * step + float(c1))
    c2_real = Real(c2, float(b2**step) * step + float(c2))
    change = each(lambda a, b: a / c1_real / (sqrt(b / c2_real) + epsilon if b.value else epsilon), mean, square)
    if o.get("decay_in") == "gradient":
        return p - rate * change, mean, square
    return p - rate * (change + decay * p), mean, square


def adam(a: Arrays, o: Options) -> Answers:
    """One step of Adam from a given state."""
    p, g, mean, square = (array(a[k]) for k in ("parameter", "g", "mean", "square"))
    new, mean, square = adam_step(p, g, mean, square, o["step"], o)
    return {"parameter_out": new, "mean_out": mean, "square_out": square}


def sgd_step(p: Array, g: Array, velocity: Array, o: Options) -> tuple[Array, Array]:
    """One step of gradient descent with momentum; weight decay is part of the gradient."""
    momentum, rate = Decimal(str(o["momentum"])), Decimal(str(o["rate"]))
    g = g + Decimal(str(o["weight_decay"])) * p
    if o.get("rate_in") == "velocity":  # another convention: the rate at which a gradient came stays with it
        velocity = momentum * velocity + rate * g
        return p - (rate * g + momentum * velocity if o.get("nesterov") else velocity), velocity
    kept = (1 - Decimal(str(o["dampening"]))) * g if o.get("dampening") else g
    velocity = momentum * velocity + kept
    return p - rate * (g + momentum * velocity if o.get("nesterov") else velocity), velocity


def sgd(a: Arrays, o: Options) -> Answers:
    """One step of SGD from a given state."""
    p, g, velocity = (array(a[k]) for k in ("parameter", "g", "velocity"))
    new, velocity = sgd_step(p, g, velocity, o)
    return {"parameter_out": new, "velocity_out": velocity}


def reinforce(a: Arrays, o: Options) -> Answers:
    """REINFORCE with leave-one-out (theory 2.13): losses (K, batch), z (K, batch, units), r (batch, units)."""
    loss, r, F = array(a["losses"]), array(a["r"]), NOISES[o["noise"]]
    draws = len(loss)
    terms = zeros(a["z"].shape)
    for k, b, i in np.ndindex(terms.shape):
        others = total(np.array([[loss[j, b] for j in range(draws) if j != k]], dtype=object))[0] / (draws - 1)
        f, spike = F.pdf(r[b, i]), a["z"][k, b, i]
        score = f / F.cdf(r[b, i]) if spike else -(f / F.sf(r[b, i]))
        terms[k, b, i] = (loss[k, b] - others) / draws * score
    return {"dr": total(terms, 0)}


def _antithetic(a: Arrays, o: Options) -> tuple[Array, Array]:
    loss, other = array(a["loss"]), array(a["loss_antithetic"])
    F = NOISES[o["noise"]]
    return (other - loss)[:, None], each(lambda r: F.pdf(r) / F.cdf(r) + F.pdf(r) / F.sf(r), array(a["r"]))


def arm(a: Arrays, o: Options) -> Answers:
    """ARM (theory 2.14)."""
    change, steepness = _antithetic(a, o)
    return {"dr": change * (array(a["u"]) - Decimal("0.5")) * steepness}


def disarm(a: Arrays, o: Options) -> Answers:
    """DisARM (theory 2.15)."""
    change, _ = _antithetic(a, o)
    F = NOISES[o["noise"]]
    larger = each(lambda r: F.pdf(r) / (F.cdf(r) if r.value < 0 else F.sf(r)), array(a["r"]))
    pair = array(a["z"].astype(float) - a["z_antithetic"].astype(float)) / 2
    return {"dr": -change * pair * larger}


OPS = {
    "categorical": categorical,
    "bernoulli": bernoulli,
    "gaussian": gaussian,
    "kl": kl,
    "kl_weight": kl_weight,
    "bias_penalty": bias_penalty,
    "adam": adam,
    "sgd": sgd,
    "reinforce": reinforce,
    "arm": arm,
    "disarm": disarm,
}
