"""Neurons without noise, losses, clipping and schedules in PyTorch: autograd with one `autograd.Function`.

Written from docs/conformance.md ("Deterministic neurons"): nothing of the backward pass is by hand but the slope.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from validation.conformance.adapters.reference_deterministic import spelling

Options = Mapping[str, Any]


def bell(x: Tensor, s: float) -> Tensor:
    """Density of N(0, s^2)."""
    return torch.exp(-((x / s) ** 2) / 2) / (math.sqrt(2 * math.pi) * s)


def logistic(x: Tensor) -> Tensor:
    """sigma'(x)."""
    return torch.sigmoid(x) * torch.sigmoid(-x)


def multi(x: Tensor, sigma: float, h: float, spread: float) -> Tensor:
    """The multi-Gaussian slope."""
    wide = spread * sigma
    return (1 + h) * bell(x, sigma) - h * bell(x - sigma, wide) - h * bell(x + sigma, wide)


SLOPES: dict[str, Callable[..., Tensor]] = {
    "straight-through": torch.ones_like,
    "boxcar": lambda x, width: (x.abs() < width / 2).to(x.dtype) / width,
    "leaky-boxcar": lambda x, width, leak: (x.abs() < width / 2).to(x.dtype) * (1 / width - leak) + leak,
    "triangular": lambda x, scale, gamma: gamma * functional.relu(1 - scale * x.abs()),
    "fast-sigmoid": lambda x, scale: 1 / (1 + scale * x.abs()) ** 2,
    "sigmoid": lambda x, scale: scale * logistic(scale * x),
    "tanh": lambda x, scale: 4 * logistic(2 * scale * x),
    "arctan": lambda x, scale: scale / 2 / (1 + (math.pi * scale * x / 2) ** 2),
    "gaussian": bell,
    "erf": lambda x, scale: scale / math.sqrt(math.pi) * torch.exp(-((scale * x) ** 2)),
    "exponential": lambda x, scale: scale / 2 * torch.exp(-scale * x.abs()),
    "multi-gaussian": multi,
}
AREAS: dict[str, Callable[..., float]] = {
    "boxcar": lambda width: 1.0,
    "triangular": lambda scale, gamma: gamma / scale,
    "fast-sigmoid": lambda scale: 2 / scale,
    "tanh": lambda scale: 2 / scale,
    "multi-gaussian": lambda sigma, h, spread: 1 - h,
}


def slope(x: Tensor, o: Options) -> Tensor:
    """The slope at x = V - theta, in at least float32."""
    name, numbers = spelling(o["shape"])
    if name == "gaussian":
        numbers = {"s": numbers["sigma"]}
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    out = SLOPES[name](wide, **numbers)
    if o["height"] == "peak":
        out = out / SLOPES[name](torch.zeros_like(wide[:1]), **numbers)
    elif o["height"] == "area":
        out = out / AREAS.get(name, lambda **_: 1.0)(**numbers)
    return out.to(x.dtype)


class Spike(torch.autograd.Function):
    """A step forward, a slope backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, o: Options) -> Tensor:
        ctx.save_for_backward(x)
        ctx.o = o
        return ((x >= 0) if o["at_threshold"] == "spike" else (x > 0)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g * slope(ctx.saved_tensors[0], ctx.o), None


def neurons(x: Tensor, o: Options) -> tuple[Tensor, Tensor]:
    """Spikes and membranes of neurons without noise."""
    beta, theta = o["beta"], o["theta"]
    V = z = flow = seen = torch.zeros_like(x[0])
    left = torch.zeros_like(x[0], dtype=torch.int64)
    spikes, membranes = [], []
    for t in range(len(x)):
        before = flow
        flow = x[t] if o["alpha"] is None else o["alpha"] * flow + x[t]
        c = o["input_gain"] * (before if o["current_order"] == "membrane-first" and o["alpha"] is not None else flow)
        past = z if o["reset_gradient"] else z.detach()
        if o["reset"] == "none":
            V = beta * V + c
        elif o["reset"] == "subtract":
            V = beta * (V - theta * past) + c if o["reset_order"] == "before-decay" else beta * V + c - theta * past
        else:
            V = (beta * V + c) * (1 - past) if o["reset_order"] == "after-input" else beta * V * (1 - past) + c
        rests = left > 0
        if o["refractory_kind"] == "hold":
            V = torch.where(rests, torch.zeros_like(V), V)
        z = Spike.apply(V - theta, o) * (~rests).to(x.dtype)
        left = torch.where(z > 0, o["refractory"], (left - 1).clamp(min=0))
        spikes.append(seen if o["output_delay"] else z)
        membranes.append(V)
        seen = z
    return torch.stack(spikes), torch.stack(membranes)


def loss(x: Tensor, labels: Tensor | None, targets: Tensor | None, o: Options) -> Tensor:
    """A loss as a number."""
    kind, reduce = o["kind"], o["reduce"]
    if kind == "mse":
        assert targets is not None
        return functional.mse_loss(x, targets, reduction=reduce)
    assert labels is not None
    if kind == "cross_entropy":
        return functional.cross_entropy(x, labels, reduction=reduce)
    if kind == "rate_cross_entropy":
        return torch.stack([functional.cross_entropy(step, labels, reduction=reduce) for step in x]).mean()
    if kind == "max_cross_entropy":
        return functional.cross_entropy(x.max(0).values, labels, reduction=reduce)
    if kind == "count_cross_entropy":
        return functional.cross_entropy(x.sum(0), labels, reduction=reduce)
    hot = functional.one_hot(labels, x.shape[-1]).to(x.dtype)
    wanted = len(x) * (o["wrong"] + (o["right"] - o["wrong"]) * hot)
    value = functional.mse_loss(x.sum(0), wanted, reduction=reduce)
    return value / len(x) if o["per_step"] else value


def clip(parts: list[Tensor], o: Options) -> list[Tensor]:
    """Clipped gradients."""
    c = o["largest"]
    if o["kind"] == "value":
        return [g.clamp(-c, c) for g in parts]
    norms = [torch.linalg.vector_norm(g) for g in parts]
    if o["kind"] == "norm":
        norms = [torch.linalg.vector_norm(torch.stack(norms))] * len(parts)
    return [g * (c / (n + o["epsilon"])).clamp(max=1) for g, n in zip(parts, norms, strict=True)]


def rate(step: int, o: Options) -> float:
    """A learning rate: arithmetic of Python, as every library has it."""
    if step < o["warmup"]:
        return o["peak"] * (step + o["first"]) / o["warmup"]
    gone, length = step - o["warmup"], max(o["steps"] - o["warmup"], 1)
    if o["kind"] == "cosine":
        return o["peak"] * (o["floor"] + (1 - o["floor"]) * (1 + math.cos(math.pi * gone / length)) / 2)
    if o["kind"] == "linear":
        return o["peak"] * (1 - gone / length)
    power = {"step": sum(step >= drop for drop in o["drops"]), "exponential": gone, "constant": 0}[o["kind"]]
    return o["peak"] * o["factor"] ** power
