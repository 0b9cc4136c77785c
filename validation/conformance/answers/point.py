"""Layers with point weights (theory 3.18), losses over time, clipping and schedules.

A layer's output is y = W x + b. Losses and their gradients are those that libraries of spiking networks train with; the
conventions that differ between them (mean or sum, an epsilon, which step counts as the first) are options.
"""

from decimal import Decimal
from typing import Any

import numpy as np

from validation.conformance.answers import linear
from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.answers.objective import softmax_loglik
from validation.conformance.number import Array, Real, array, each, lift, scalar, sqrt, total, zeros
from validation.conformance.special import PI

LOSSES = ("cross_entropy", "mse", "rate_cross_entropy", "count_cross_entropy", "count_mse", "max_cross_entropy")


def point_dense(a: Arrays, o: Options) -> Answers:
    """Forward and backward of a dense layer."""
    x, w, dy = (array(a[name]) for name in ("x", "w", "dy"))
    out = {"y": linear.contract(x, w), "dx": linear.contract(dy, w.T), "dw": linear.outer(dy, x)}
    if "b" in a:
        out |= {"y": out["y"] + array(a["b"]), "db": total(dy, linear.leading(dy))}
    return out


def point_conv2d(a: Arrays, o: Options) -> Answers:
    """Forward and backward of a convolution: a dense layer on patches."""
    x, w, dy = (array(a[name]) for name in ("x", "w", "dy"))
    window = (*w.shape[1:3], o["stride"], o["padding"])
    seen, flat = linear.patches(x, *window), w.reshape(len(w), -1)
    out = {
        "y": linear.contract(seen, flat),
        "dx": linear.unpatch(linear.contract(dy, flat.T), x.shape, *window),
        "dw": linear.outer(dy, seen).reshape(w.shape),
    }
    if "b" in a:
        out |= {"y": out["y"] + array(a["b"]), "db": total(dy, linear.leading(dy))}
    return out


def cross_entropy(logits: Array, labels: np.ndarray, reduce: str) -> tuple[Real, Array]:
    """-ln p_y over the batch, and its gradient (theory 4.3)."""
    loglik, d = softmax_loglik(logits, labels)
    share = len(labels) if reduce == "mean" else 1
    return one(total(-loglik, 0)) / share, -d / share


def one(x: Any) -> Real:
    """The number of an array without axes, which NumPy hands out in either form."""
    found: Any = x[()] if isinstance(x, np.ndarray) else x
    assert isinstance(found, Real)
    return found


def loss(a: Arrays, o: Options) -> Answers:
    """A loss and its gradient; x is (batch, class), or (time, batch, class) where the kind says what time means."""
    x, kind, reduce = array(a["x"]), o["kind"], o["reduce"]
    if kind == "cross_entropy":
        value, dx = cross_entropy(x, a["labels"], reduce)
    elif kind == "mse":
        error = x - array(a["targets"])
        share = x.size if reduce == "mean" else 1
        value, dx = one(total(error * error, tuple(range(x.ndim)))) / share, 2 * error / share
    elif kind == "rate_cross_entropy":  # the mean over time of each step's
        steps = [cross_entropy(step, a["labels"], reduce) for step in x]
        value = one(total(np.array([found for found, _ in steps], dtype=object))) / len(x)
        dx = np.stack([d for _, d in steps]) / len(x)
    elif kind == "max_cross_entropy":
        value, dx = at_maximum(x, a["labels"], reduce)
    elif kind == "count_cross_entropy":
        value, d = cross_entropy(total(x, 0), a["labels"], reduce)
        dx = np.stack([d] * len(x))
    else:
        value, dx = counts(x, a["labels"], o)
    return {"loss": scalar(value), "dx": dx}


def at_maximum(x: Array, labels: np.ndarray, reduce: str) -> tuple[Real, Array]:
    """Cross-entropy of each class's largest membrane over time; the first of equal ones gets the gradient."""
    top, where = zeros(x.shape[1:]), np.zeros(x.shape[1:], np.int64)
    for i in np.ndindex(top.shape):
        where[i] = max(range(len(x)), key=lambda t: (x[(t, *i)].value, -t))
        top[i] = x[(int(where[i]), *i)]
    value, d = cross_entropy(top, labels, reduce)
    dx = zeros(x.shape)
    for i in np.ndindex(top.shape):
        dx[(int(where[i]), *i)] = d[i]
    return value, dx


def counts(x: Array, labels: np.ndarray, o: Options) -> tuple[Real, Array]:
    """Squared distance of spike counts from a share of the steps: `right` for the labelled class, `wrong` otherwise."""
    wanted = np.full(x.shape[1:], o["wrong"] * len(x))
    wanted[np.arange(len(labels)), labels] = o["right"] * len(x)
    error = total(x, 0) - array(wanted)
    share = (error.size if o["reduce"] == "mean" else 1) * (len(x) if o["per_step"] else 1)
    return one(total(error * error, (0, 1))) / share, np.stack([2 * error / share] * len(x))


def clip(a: Arrays, o: Options) -> Answers:
    """Gradients of two parameters, clipped: each number to [-c, c], or all to a joint norm of at most c."""
    parts, c = {name: array(a[name]) for name in ("g0", "g1")}, Decimal(str(o["largest"]))
    if o["kind"] == "value":
        # Whole numbers of the type: a limit is handed on as it is, or rounded to the type once.
        edge = Real(c, abs(float(c)))
        cut = {k: each(lambda x: edge if x.value > c else -edge if x.value < -c else x, y) for k, y in parts.items()}
        return {f"{k}_out": y for k, y in cut.items()}
    if o["kind"] == "each_norm":
        return {f"{k}_out": scaled(y, norm([y]), c, o) for k, y in parts.items()}
    joint = norm(list(parts.values()))
    return {f"{k}_out": scaled(y, joint, c, o) for k, y in parts.items()}


def norm(parts: list[Array]) -> Real:
    """The root of the sum of squares."""
    flat = np.concatenate([y.ravel() for y in parts])
    return sqrt(total((flat * flat)[None])[0])


def scaled(y: Array, length: Real, c: Decimal, o: Options) -> Array:
    """y times min(1, c / (norm + epsilon))."""
    below = length + Decimal(str(o["epsilon"])) if o["epsilon"] else length
    return y if below.value <= c else y * (c / below)


def cosine(x: Real) -> Real:
    """cos(x) for x in [0, pi], by its series at x/8 and three doublings."""
    y = x.value / 8
    term = value = Decimal(1)
    for k in range(1, 40):
        term = -term * y * y / ((2 * k - 1) * (2 * k))
        value += term
    for _ in range(3):
        value = 2 * value * value - 1
    slope = max(1 - value * value, Decimal(0)).sqrt()
    return Real(value, float(slope) * x.scale + 1.0)


def schedule(a: Arrays, o: Options) -> Answers:
    """Learning rates at given steps: a linear rise, then constant, cosine, step or exponential."""
    rates: Any = np.empty(len(a["steps"]), dtype=object)
    peak, warmup = lift(Decimal(str(o["peak"]))), o["warmup"]
    for i, step in enumerate(a["steps"].tolist()):
        if step < warmup:
            rates[i] = peak * (lift(step + o["first"]) / warmup)
        else:
            rates[i] = peak * after(step - warmup, step, o)
    return {"rate": rates}


def after(gone: int, step: int, o: Options) -> Real:
    """The factor after the warm-up; `gone` steps of it are over."""
    length = max(o["steps"] - o["warmup"], 1)
    if o["kind"] == "cosine":
        floor = Decimal(str(o["floor"]))
        return floor + (1 - floor) * ((1 + cosine(Real(PI, float(PI)) * gone / length)) / 2)
    if o["kind"] == "linear":
        return 1 - lift(gone) / length
    power = {"step": sum(step >= drop for drop in o["drops"]), "exponential": gone, "constant": 0}[o["kind"]]
    factor = Decimal(str(o["factor"])) ** power
    return Real(factor, (power + 1) * float(factor))


OPS = {
    "point_dense": point_dense,
    "point_conv2d": point_conv2d,
    "loss": loss,
    "clip": clip,
    "schedule": schedule,
}
