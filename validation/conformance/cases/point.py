"""Cases of layers with point weights, losses, clipping, schedules, and optimisers as libraries have them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from validation.conformance.cases.draw import Draw, case
from validation.conformance.schema import Case

DENSE = {"x": "batch,in", "w": "out,in", "b": "out", "dy": "batch,out", "y": "batch,out"}
CONV = {
    **dict.fromkeys(("dy", "y"), "batch,row,column,out"),
    "x": "batch,height,width,in",
    "w": "out,kernel_height,kernel_width,in",
    "b": "out",
}


def dense(name: str, bias: bool, steps: int = 0) -> Case:
    """A dense layer: 5 inputs, 3 outputs, 2 examples."""
    d = Draw(f"point_dense.{name}")
    first = (steps, 2) if steps else (2,)
    params = {"w": d.signed("w", (3, 5))} | ({"b": d.signed("b", (3,))} if bias else {})
    arrays = {
        "params": params,
        "inputs": {"x": d.signed("x", (*first, 5))},
        "cotangents": {"dy": d.signed("dy", (*first, 3))},
    }
    dims = DENSE if not steps else {k: v.replace("batch", "time,batch") for k, v in DENSE.items()}
    return case(d.case, {}, arrays, dims, "forward backward", "transposed-weight zero-gradient")


def conv2d(name: str, stride: int, padding: int, bias: bool) -> Case:
    """A convolution: 9 x 6 pixels, 4 channels, 8 filters of 3 x 2, 2 examples."""
    d = Draw(f"point_conv2d.{name}")
    rows, columns = (9 + 2 * padding - 3) // stride + 1, (6 + 2 * padding - 2) // stride + 1
    params = {"w": d.signed("w", (8, 3, 2, 4))} | ({"b": d.signed("b", (8,))} if bias else {})
    arrays = {
        "params": params,
        "inputs": {"x": d.signed("x", (2, 9, 6, 4))},
        "cotangents": {"dy": d.signed("dy", (2, rows, columns, 8))},
    }
    options = {"stride": stride, "padding": padding}
    return case(d.case, options, arrays, CONV, "forward backward", "transposed-weight padding stride")


def losses() -> Iterator[Case]:
    """Losses of logits, of membranes over time, of spike counts."""
    labels = np.array([1, 3], dtype=np.int64)
    for kind in ("cross_entropy", "mse"):
        for reduce in ("mean", "sum"):
            d = Draw(f"loss.{kind}_{reduce}")
            inputs = {"x": d.signed("x", (2, 4))}
            inputs |= {"labels": labels} if kind != "mse" else {"targets": d.signed("targets", (2, 4))}
            dims = {"x": "batch,class", "targets": "batch,class", "labels": "batch", "loss": ""}
            yield case(
                d.case,
                {"kind": kind, "reduce": reduce},
                {"inputs": inputs},
                dims,
                "forward backward",
                "loss-scale sign",
            )
    dims = {"x": "time,batch,class", "labels": "batch", "loss": ""}
    for kind in ("rate_cross_entropy", "count_cross_entropy", "max_cross_entropy", "count_mse"):
        d = Draw(f"loss.{kind}")
        spiking = kind in ("count_cross_entropy", "count_mse", "rate_cross_entropy")
        x = d.grid("x", (5, 2, 4), 0, 1, 1) if spiking else d.signed("x", (5, 2, 4))
        options: dict[str, Any] = {"kind": kind, "reduce": "mean"}
        options |= {"right": 0.75, "wrong": 0.25, "per_step": True} if kind == "count_mse" else {}
        arrays = {"inputs": {"x": x, "labels": labels}}
        yield case(d.case, options, arrays, dims, "forward backward", "loss-scale sign")


def clips() -> Iterator[Case]:
    """Gradients of two parameters."""
    dims = {"g0": "out,in", "g1": "out"}
    for name, options in (
        ("norm", {"kind": "norm", "largest": 1.25}),
        ("norm_below", {"kind": "norm", "largest": 64.0}),
        ("norm_epsilon", {"kind": "norm", "largest": 1.25, "epsilon": 0.125}),
        ("each_norm", {"kind": "each_norm", "largest": 1.25}),
        ("value", {"kind": "value", "largest": 0.5}),
    ):
        d = Draw(f"clip.{name}")
        arrays = {"inputs": {"g0": d.signed("g0", (3, 5)), "g1": d.signed("g1", (3,))}}
        yield case(d.case, {"epsilon": 0.0, **options}, arrays, dims, "forward", "clip-joint")


def schedules() -> Iterator[Case]:
    """Rates at steps before, at and after each change."""
    base = {"peak": 0.5, "warmup": 0, "steps": 12, "first": 1, "floor": 0.0, "factor": 0.5, "drops": [4, 9]}
    for name, options in (
        ("constant_warmup", {"kind": "constant", "warmup": 4}),
        ("cosine", {"kind": "cosine"}),
        ("cosine_warmup", {"kind": "cosine", "warmup": 4}),
        ("cosine_floor", {"kind": "cosine", "floor": 0.125}),
        ("step", {"kind": "step"}),
        ("linear", {"kind": "linear"}),
        ("exponential", {"kind": "exponential", "factor": 0.875}),
    ):
        inputs = {"steps": np.array([0, 1, 3, 4, 5, 8, 9, 11], dtype=np.int64)}
        dims = {"steps": "step", "rate": "step"}
        yield case(f"schedule.{name}", {**base, **options}, {"inputs": inputs}, dims, "forward", "schedule-step")


def optimisers() -> Iterator[Case]:
    """What the optimisers of libraries have beside those of `objective`."""
    dims = dict.fromkeys(("parameter", "g", "mean", "square", "velocity"), "out,in")
    sgd = {"rate": 0.125, "momentum": 0.875, "weight_decay": 0.25}
    for name, options in (
        ("nesterov", {"nesterov": True}),
        ("dampening", {"dampening": 0.25}),
        ("rate_in_velocity", {"rate_in": "velocity"}),
    ):
        d, shape = Draw(f"sgd.{name}"), (3, 5)
        arrays = {
            "params": {"parameter": d.signed("p", shape)},
            "inputs": {"velocity": d.signed("velocity", shape)},
            "cotangents": {"g": d.signed("g", shape)},
        }
        yield case(d.case, {**sgd, **options}, arrays, dims, "forward", "sign weight-decay")
    d, shape = Draw("adam.decay_in_gradient"), (3, 5)
    options = {"decay1": 0.9, "decay2": 0.999, "epsilon": 1e-8, "weight_decay": 0.25, "rate": 0.125, "step": 3}
    arrays = {
        "params": {"parameter": d.signed("p", shape)},
        "inputs": {"mean": d.signed("mean", shape), "square": d.variances("square", shape)},
        "cotangents": {"g": d.signed("g", shape)},
    }
    yield case(d.case, {**options, "decay_in": "gradient"}, arrays, dims, "forward", "weight-decay bias-correction")


def make() -> Iterator[Case]:
    """All of them."""
    yield dense("bias", True)
    yield dense("no_bias", False)
    yield dense("over_time", True, 4)
    yield conv2d("padded", 1, 1, True)
    yield conv2d("strided", 2, 1, False)
    yield from losses()
    yield from clips()
    yield from schedules()
    yield from optimisers()
