"""Many small networks at once: exact loss, gradient and penalties, exact mean of an estimate (theory 4.1 to 4.15).

A network here has the oracle's meaning: dense layers, a residual stream of one-layer branches, or one layer of LIF
neurons over time; all stages of one width, a readout without noise, a softmax. Level t of the tree has a node for each
history of the stages before t, as in `oracle.tree`; every array has the networks first, then examples, nodes, units.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from validation.evidence.batch_shape import CLASSES, Batch, Charges, Parameters, Shape

FIELDS = ("mu", "rho", "bias_mu", "bias_rho")


class Stage(NamedTuple):
    """One stage at every node of its level: moments less threshold, law, sums of what moves it, mean penalty."""

    H: np.ndarray
    U: np.ndarray
    r: np.ndarray
    p1: np.ndarray
    p0: np.ndarray
    table: np.ndarray
    reach: np.ndarray
    rows: list[np.ndarray]


class Answer(NamedTuple):
    """Exact numbers of each network: mean over the examples."""

    loss: np.ndarray
    accuracy: np.ndarray
    gradient: Parameters


def forward(batch: Batch, charges: Charges | None) -> list[Stage]:
    """Every stage (theory 3.1, 3.8 to 3.11), with the charged sums of what moves it (theory 4.5, 4.11, 4.13)."""
    shape, p, x = batch.shape, batch.parameters, batch.x
    bits = shape.patterns
    y = bits if shape.domain == "binary" else 2.0 * bits - 1.0
    count, examples = batch.labels.shape
    reach = np.ones((count, examples, 1))
    found: list[Stage] = []
    none = np.zeros((count, 1, 1, shape.width))
    past = [none, none, none]
    for t in range(shape.stages):
        if shape.kind == "lif":
            m, v = _entering(p, x[:, :, t])
            rows = _charged(p, charges, 0, 0.0)
            if t:
                M, V = found[-1].H[:, :, :, None] + shape.theta, found[-1].U[:, :, :, None]
                keep = 1.0 - bits if shape.hard else np.ones(bits.shape)
                H = shape.beta * M * keep + m[:, :, :, None] - (0.0 if shape.hard else shape.theta * bits)
                U = shape.beta**2 * V * keep + v[:, :, :, None]
                d, e = reset(shape, M, V)
                w = none if charges is None else charges.moved[:, None, None, None]
                more = [(w * each[..., 0, :]).repeat(len(bits), axis=2) for each in (d * d, d * e, e * e)]
                rows = [a + b for a, b in zip(rows, more, strict=True)]
                H, U = (each.reshape(count, examples, -1, shape.width) for each in (H, U))
            else:
                H, U = m, v
            H = H - shape.theta
        elif t == 0:
            H, U = _entering(p, x)
            rows = past = _charged(p, charges, 0, 0.0)
        else:
            sigma2 = np.exp(p[f"{t}.rho"])
            m = y @ p[f"{t}.mu"].swapaxes(1, 2) + p[f"{t}.bias_mu"][:, None]
            v = (bits if shape.span == 1.0 else y * y) @ sigma2.swapaxes(1, 2) + np.exp(p[f"{t}.bias_rho"])[:, None]
            rows = _charged(p, charges, t, shape.span)
            H, U = m[:, None, None], v[:, None, None]
            if shape.kind == "residual":
                H, U = H + found[-1].H[:, :, :, None], U + found[-1].U[:, :, :, None]
                rows = past = [a + b for a, b in zip(past, rows, strict=True)]
            nodes = (count, examples, found[-1].H.shape[2], len(bits), shape.width)
            H, U = (np.broadcast_to(each, nodes).reshape(count, examples, -1, shape.width) for each in (H, U))
        r = H / np.sqrt(U)
        p1, p0 = special.ndtr(r), special.ndtr(-r)
        table = np.where(bits > 0, p1[:, :, :, None], p0[:, :, :, None]).prod(axis=-1)
        found.append(Stage(H, U, r, p1, p0, table, reach, rows))
        reach = (reach[..., None] * table).reshape(count, examples, -1)
    return found


def reset(shape: Shape, M: np.ndarray, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a neuron's spike does to mean and variance of its next step (theory 4.13)."""
    return (
        (-shape.beta * M, -(shape.beta**2) * V) if shape.hard else (np.full(M.shape, -shape.theta), np.zeros(V.shape))
    )


def _entering(p: Parameters, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moments that the input gives, at the one node of the first level."""
    m = x @ p["0.mu"].swapaxes(1, 2) + p["0.bias_mu"][:, None]
    v = x**2 @ np.exp(p["0.rho"]).swapaxes(1, 2) + np.exp(p["0.bias_rho"])[:, None]
    return m[:, :, None], v[:, :, None]


def _charged(p: Parameters, charges: Charges | None, t: int, span: float) -> list[np.ndarray]:
    """The sums over weights that count, times their charges: (networks, 1, 1, units) each."""
    mu, sigma2 = p[f"{t}.mu"], np.exp(p[f"{t}.rho"])
    if charges is None:
        return list(np.zeros((3, len(mu), 1, 1, mu.shape[1])))
    a, c, q = _factors(charges, t, span)
    sums = a * (mu * mu).sum(axis=2), c * (mu * sigma2).sum(axis=2), q * (sigma2 * sigma2).sum(axis=2)
    return [each[:, None, None] for each in sums]


def _factors(charges: Charges, t: int, span: float) -> list[np.ndarray]:
    step = span * (2.0 - span)
    norm = charges.rest if t else charges.first
    a, c, q = norm + span**2 * charges.moved, span * step * charges.moved, step**2 * charges.moved
    return [each[:, None] for each in (a, c, q)]


def logits(batch: Batch) -> np.ndarray:
    """Of every leaf: (networks, 1, leaves, classes)."""
    shape, p = batch.shape, batch.parameters
    bits = shape.patterns
    each = (bits if shape.domain == "binary" else 2.0 * bits - 1.0) @ p["readout.mu"].swapaxes(1, 2)
    total = shape.read.sum() * p["readout.bias_mu"][:, None]
    for c in shape.read:
        total = (total[:, :, None] + c * each[:, None]).reshape(len(each), -1, CLASSES)
    return total[:, None]


class Top(NamedTuple):
    """The readout at every leaf: losses, gradient of the logits weighted by the leaf, and its direct part of dmu."""

    loss: np.ndarray
    right: np.ndarray
    curvature: np.ndarray
    dlogits: np.ndarray
    dmu: np.ndarray


def readout(batch: Batch, reach: np.ndarray, bent: np.ndarray | None) -> Top:
    """Cross-entropy (theory 4.3), and `bent` times the curvature (theory 4.14), over the examples."""
    given = logits(batch)
    log_p = given - special.logsumexp(given, axis=-1, keepdims=True)
    p = np.exp(log_p)
    hot = np.arange(CLASSES) == batch.labels[:, :, None, None]
    loss = -(log_p * hot).sum(axis=-1)
    right = np.broadcast_to(given.argmax(axis=-1), loss.shape) == batch.labels[:, :, None]
    weight = reach / reach.shape[1]
    dlogits = weight[..., None] * (p - hot)
    w = batch.parameters["readout.mu"]
    if bent is None:
        return Top(loss, right, np.zeros(given.shape[:3]), dlogits, np.zeros(w.shape))
    factor = batch.shape.span**2 * (batch.shape.read**2).sum() * bent
    norm2 = (w * w).sum(axis=2)[:, None, None]
    mean = p @ w[:, None]
    slope = norm2 - 2.0 * mean @ w[:, None].swapaxes(2, 3)
    curvature = factor[:, None, None] * ((p * norm2).sum(axis=-1) - (mean**2).sum(axis=-1))
    shift = (p * slope).sum(axis=-1, keepdims=True)
    dlogits = dlogits + factor[:, None, None, None] * weight[..., None] * p * (slope - shift)
    total = weight.sum(axis=1)[:, :, None] * p[:, 0]  # the curvature is the same for every example
    dmu = 2.0 * factor[:, None, None] * (total.sum(axis=1)[:, :, None] * w - total.swapaxes(1, 2) @ mean[:, 0])
    return Top(loss, right, curvature, dlogits, dmu)


def exact(batch: Batch, charges: Charges | None = None) -> Answer:
    """Loss, and the exact gradient of it and of what is charged (theory 5.3)."""
    shape = batch.shape
    stages = forward(batch, charges)
    count, examples = batch.labels.shape
    reach = (stages[-1].reach[..., None] * stages[-1].table).reshape(count, examples, -1)
    top = readout(batch, reach, None if charges is None else charges.bent)
    values = top.loss + top.curvature
    gradient = {key: np.zeros(value.shape) for key, value in batch.parameters.items()}
    _pull_readout(batch, gradient, top)
    carried: list[np.ndarray] = []
    sums: list[np.ndarray] | None = None
    bits = shape.patterns
    for t in range(shape.stages - 1, -1, -1):
        one = stages[t]
        weighted = one.table * values.reshape(*one.table.shape)
        whole, upper = weighted.sum(axis=-1, keepdims=True), weighted @ bits
        f = np.exp(-0.5 * one.r**2) / np.sqrt(2.0 * np.pi)
        tiny = np.finfo(float).tiny
        weight = one.reach[..., None] / examples
        dr = weight * f * (upper / np.maximum(one.p1, tiny) - (whole - upper) / np.maximum(one.p0, tiny))
        dH, dU = dr / np.sqrt(one.U), -dr * one.r / (2.0 * one.U)
        values = whole[..., 0]
        direct = None
        if charges is not None:
            a, c, q = one.rows
            slope = one.H / one.U
            values = values + ((a - slope * c + 0.25 * slope**2 * q) / one.U).mean(axis=-1) / shape.stages
            scale = weight / (one.U * shape.width * shape.stages)
            dH = dH + scale * (0.5 * slope * q - c) / one.U
            dU = dU - scale * (a - 2.0 * slope * c + 0.75 * slope**2 * q) / one.U
            direct = [scale, -scale * slope, 0.25 * scale * slope**2]
            mine = [each.sum(axis=(1, 2)) for each in direct]
            if sums is not None and shape.kind == "residual":
                mine = [a + b for a, b in zip(sums, mine, strict=True)]
            sums = mine
            _pull_rows(batch, gradient, charges, t, sums)
        if carried:
            dH, dU = dH + carried[0], dU + carried[1]
        carried, _ = _pull(batch, gradient, stages, t, dH, dU)
        if direct is not None and shape.kind == "lif" and shape.hard and t:
            w = charges.moved[:, None, None, None] if charges is not None else 0.0
            M, V = stages[t - 1].H + shape.theta, stages[t - 1].U
            a, c, q = (w * each.reshape(*M.shape[:3], len(bits), -1).sum(axis=3) for each in direct)
            d, e = reset(shape, M, V)
            carried[0] = carried[0] - shape.beta * (2.0 * d * a + e * c)
            carried[1] = carried[1] - shape.beta**2 * (d * c + 2.0 * e * q)
    if charges is not None:
        for t in range(shape.layers):
            _add_kl(batch, gradient, charges, t)
    mean = (reach * top.loss).sum(axis=2).mean(axis=1), (reach * top.right).sum(axis=2).mean(axis=1)
    return Answer(*mean, gradient)


def estimate(batch: Batch, member: str) -> Parameters:
    """The exact mean of a member's gradient of the loss (theory 5.5, 5.8): of "st", "trapezoid" or "agr(tau=0.5)"."""
    shape = batch.shape
    stages = forward(batch, None)
    count, examples = batch.labels.shape
    reach = (stages[-1].reach[..., None] * stages[-1].table).reshape(count, examples, -1)
    top = readout(batch, reach, None)
    gradient = {key: np.zeros(value.shape) for key, value in batch.parameters.items()}
    _pull_readout(batch, gradient, top)
    message = shape.span * top.dlogits @ batch.parameters["readout.mu"][:, None]
    carried: list[np.ndarray] = []
    back: np.ndarray | None = None
    for t in range(shape.stages - 1, -1, -1):
        one = stages[t]
        cotangent = shape.read[t] * message.reshape(count, examples, one.table[0, 0].size, -1, shape.width).sum(axis=3)
        if back is not None:
            cotangent = cotangent + back
        k1, k0 = (slope(member, side, p) for side, p in ((one.r, one.p1), (-one.r, one.p0)))
        k = np.where(shape.patterns > 0, k1[:, :, :, None], k0[:, :, :, None])
        dr = (k * cotangent.reshape(k.shape)).sum(axis=3)
        dH, dU = dr / np.sqrt(one.U), -dr * one.r / (2.0 * one.U)
        if carried:
            dH, dU = dH + carried[0], dU + carried[1]
        carried, back = _pull(batch, gradient, stages, t, dH, dU)
    return gradient


def slope(member: str, r: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The mean slope for a spike of probability p = F(r); for none it is that of -r and F(-r) (theory 2.3, 2.7)."""
    f = np.exp(-0.5 * r**2) / np.sqrt(2.0 * np.pi)
    p = np.maximum(p, np.finfo(float).tiny)
    if member == "st":
        return f
    if member == "trapezoid":
        return f / (2.0 * p)
    tau = 0.5
    c2 = 1.0 + tau**2
    return np.exp(-0.5 * r**2 / c2) / np.sqrt(2.0 * np.pi * c2) * special.ndtr(r * tau / np.sqrt(c2)) / p


def _pull_readout(batch: Batch, gradient: Parameters, top: Top) -> None:
    shape, bits = batch.shape, batch.shape.patterns
    y = bits if shape.domain == "binary" else 2.0 * bits - 1.0
    dlogits = top.dlogits.sum(axis=1)
    gradient["readout.bias_mu"] += shape.read.sum() * dlogits.sum(axis=1)
    gradient["readout.mu"] += top.dmu
    for t, c in enumerate(shape.read):
        by_state = dlogits.reshape(len(dlogits), len(bits) ** t, len(bits), -1, CLASSES).sum(axis=(1, 3))
        gradient["readout.mu"] += c * by_state.swapaxes(1, 2) @ y


def _pull(
    batch: Batch, gradient: Parameters, stages: list[Stage], t: int, dH: np.ndarray, dU: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Adjoint of a stage: adds to the gradient; what goes to the stage before, and to its spikes (by z in {0,1})."""
    shape, p = batch.shape, batch.parameters
    bits, sigma2 = shape.patterns, np.exp(p[f"{0 if shape.kind == 'lif' else t}.rho"])
    if shape.kind == "lif" or t == 0:
        x = batch.x[:, :, t] if shape.kind == "lif" else batch.x
        dm, dv = dH.sum(axis=2), dU.sum(axis=2)
        _add(gradient, p, 0, [dm.swapaxes(1, 2) @ x, dv.swapaxes(1, 2) @ x**2, dm.sum(axis=1), dv.sum(axis=1)])
    if t == 0:
        return [], None
    parents = stages[t - 1].H.shape[:3]
    children = [each.reshape(*parents, len(bits), shape.width) for each in (dH, dU)]
    if shape.kind == "lif":
        M, V = stages[t - 1].H[:, :, :, None] + shape.theta, stages[t - 1].U[:, :, :, None]
        keep = 1.0 - bits if shape.hard else np.ones(bits.shape)
        d, e = reset(shape, M, V)
        back = d * children[0] + e * children[1]
        carried = [shape.beta * (keep * children[0]).sum(axis=3), shape.beta**2 * (keep * children[1]).sum(axis=3)]
        return carried, back.reshape(dH.shape)
    y = bits if shape.domain == "binary" else 2.0 * bits - 1.0
    dm, dv = (each.sum(axis=(1, 2)) for each in children)
    _add(gradient, p, t, [dm.swapaxes(1, 2) @ y, dv.swapaxes(1, 2) @ y**2, dm.sum(axis=1), dv.sum(axis=1)])
    back = shape.span * dH @ p[f"{t}.mu"][:, None]
    if shape.span == 1.0:
        back = back + dU @ sigma2[:, None]
    carried = [each.sum(axis=3) for each in children] if shape.kind == "residual" else []
    return carried, back


def _add(gradient: Parameters, p: Parameters, t: int, parts: list[np.ndarray]) -> None:
    for field, part in zip(FIELDS, parts, strict=True):
        gradient[f"{t}.{field}"] += part * (np.exp(p[f"{t}.{field}"]) if "rho" in field else 1.0)


def _pull_rows(batch: Batch, gradient: Parameters, charges: Charges, t: int, sums: list[np.ndarray]) -> None:
    """Adjoint of `_charged`, given the gradients (networks, units) of a stage's sums."""
    t = 0 if batch.shape.kind == "lif" else t
    mu, sigma2 = batch.parameters[f"{t}.mu"], np.exp(batch.parameters[f"{t}.rho"])
    factors = _factors(charges, t, batch.shape.span if t else 0.0)
    a, c, q = ((factor * each)[:, :, None] for factor, each in zip(factors, sums, strict=True))
    gradient[f"{t}.mu"] += 2.0 * a * mu + c * sigma2
    gradient[f"{t}.rho"] += sigma2 * (c * mu + 2.0 * q * sigma2)


def _add_kl(batch: Batch, gradient: Parameters, charges: Charges, t: int) -> None:
    """Of a layer's weights against N(0, 1 / fan_in) (theory 4.2)."""
    mu, rho = batch.parameters[f"{t}.mu"], batch.parameters[f"{t}.rho"]
    weight, fan = charges.kl[:, None, None], mu.shape[2]
    gradient[f"{t}.mu"] += weight * mu * fan
    gradient[f"{t}.rho"] += 0.5 * weight * (np.exp(rho) * fan - 1.0)
