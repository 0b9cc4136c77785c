"""Cases of neurons without noise and of the slopes in the place of their derivative."""

import decimal
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np

from validation.conformance.answers.deterministic import DEFAULTS, path
from validation.conformance.answers.surrogate import edges
from validation.conformance.answers.unit import read
from validation.conformance.cases.draw import MARGIN, Draw, case
from validation.conformance.cases.units import plain
from validation.conformance.number import CONTEXT, array
from validation.conformance.schema import Case

UNITS = "time,batch,unit"
DIMS = dict.fromkeys(("x", "z", "g", "gV", "V"), UNITS)
SHAPE = (6, 2, 3)
SPECS = (
    "straight-through",
    "boxcar(width=1.5)",
    "leaky-boxcar(width=1.5,leak=0.0625)",
    "triangular(scale=0.75,gamma=1)",
    "triangular(scale=1,gamma=0.3)",
    "fast-sigmoid(scale=4)",
    "sigmoid(scale=3)",
    "tanh(scale=1.5)",
    "arctan(scale=3)",
    "gaussian(sigma=0.5)",
    "erf(scale=1.5)",
    "exponential(scale=3)",
    "multi-gaussian(sigma=0.5,h=0.15,spread=6)",
)


def surrogate(name: str, spec: str, height: str = "published") -> Case:
    """Fifteen neurons around their threshold."""
    id, shape = f"surrogate.{name}", (5, 3)
    d = Draw(id)
    arrays = {"inputs": {"x": d.signed("x", shape, 1.25)}, "cotangents": {"g": d.signed("g", shape)}}
    options = {"shape": spec, "height": height, "at_threshold": "silent"}
    dims = dict.fromkeys(("x", "g", "z"), "batch,unit")
    return case(id, options, arrays, dims, "forward backward deterministic", "surrogate-shape surrogate-scale")


def margin(V: Any, o: dict[str, Any]) -> Decimal:
    """How far a membrane is from the threshold, and from where the slope jumps or bends."""
    x = V.value - Decimal(o["theta"])
    return min(abs(abs(x) - edge) for edge in (Decimal(0), *edges(read(o["shape"]))))


def inputs(d: Draw, shape: tuple[int, int, int], o: dict[str, Any]) -> np.ndarray:
    """Inputs, each redrawn until its membrane is clear of the threshold; what rests has no margin to keep."""
    x = np.zeros(shape)
    late = int(o["alpha"] is not None and o["current_order"] == "membrane-first")  # the next membrane gets the input
    with decimal.localcontext(CONTEXT):
        for t, b, i in np.ndindex(shape):
            found = Decimal(1)
            for attempt in range(1000):
                # Mostly upwards, so that neurons spike, some of them at steps in a row.
                x[t, b, i] = (2.0 * (d.word("x", t, b, i, attempt) % 48) - 21.0) / 32.0
                if t + late == len(x):
                    break
                run = path(array(x[: t + late + 1, b : b + 1, i : i + 1]), o)
                found = Decimal(1) if run.resting[-1, 0, 0] else margin(run.V[-1, 0, 0], o)
                if found > MARGIN:
                    break
            d.margins.append(found)
    return x


def lif(name: str, options: dict[str, Any], question: str = "") -> Case:
    """Six steps, two examples, three neurons, from options that differ from the defaults."""
    id = f"lif_deterministic.{name}"
    d, o = Draw(id), {**DEFAULTS, **options}
    arrays = {"inputs": {"x": inputs(d, SHAPE, o)}, "cotangents": {"g": d.signed("g", SHAPE)}}
    if o["record"] == "membrane":
        arrays["cotangents"]["gV"] = d.signed("gV", SHAPE)
    bugs = "reset-gradient decay-after-reset surrogate-scale"
    bugs += " synaptic-current" if o["alpha"] is not None else ""
    bugs += " refractory" if o["refractory"] else ""
    bugs += " input-gain" if o["input_gain"] != 1.0 else ""
    return case(id, o, arrays, DIMS, "forward backward deterministic", bugs, d, question)


def tie(kind: str) -> Case:
    """Membranes that meet their threshold exactly, at the first step and later."""
    id = f"lif_deterministic.edge_tie_{kind}"
    o = {**DEFAULTS, "beta": 0.5, "at_threshold": kind}
    x = np.array([[0.75, 0.5, 1.0], [0.75, 0.25, -1.0]])[None] * np.array([1.0, 0.75, 0.5, 0.25])[:, None, None]
    x[1, 0, 0], x[1, 0, 1] = 0.375, 0.5
    d = Draw(id)
    arrays = {"inputs": {"x": x}, "cotangents": {"g": d.signed("g", x.shape)}}
    question = (
        "Does a deterministic neuron spike at V = theta?  As declared: silent (V > theta), or spike (V >= theta)."
    )
    asked = question if kind == "silent" else ""
    return case(id, o, arrays, DIMS, "forward backward deterministic edge", "tie", None, asked)


def orders() -> Iterator[Case]:
    """Resets, before and after decay, kept and detached."""
    question = (
        "Does a soft reset subtract before or after the decay?  As asked: beta (V - theta z), or beta V - theta z."
    )
    for (reset, order), kept in product(
        (("subtract", "after-decay"), ("subtract", "before-decay"), ("zero", "after-decay"), ("zero", "after-input")),
        (True, False),
    ):
        name = f"{reset}_{order.replace('-', '_')}_{'kept' if kept else 'detached'}"
        asked = question if name == "subtract_before_decay_kept" else ""
        yield lif(name, {"reset": reset, "reset_order": order, "reset_gradient": kept}, asked)
    yield lif("no_reset", {"reset": "none"})


def make() -> Iterator[Case]:
    """All of them."""
    for spec in SPECS:
        yield surrogate(plain(spec), spec)
    for height, spec in product(("peak", "area"), ("boxcar(width=1.5)", "fast-sigmoid(scale=4)", "arctan(scale=3)")):
        yield surrogate(f"{plain(spec)}_{height}", spec, height)
    yield from orders()
    for spec in ("arctan(scale=3)", "sigmoid(scale=3)", "boxcar(width=1.5)", "triangular(scale=0.75,gamma=1)"):
        yield lif(f"shape_{plain(spec)}", {"shape": spec, "reset_gradient": False})
    for reset, kept in product(("subtract", "zero"), (True, False)):
        name = f"{reset}_{'kept' if kept else 'detached'}"
        yield lif(f"membrane_{name}", {"reset": reset, "reset_gradient": kept, "record": "membrane"})
        options = {"reset": reset, "reset_gradient": kept, "input_gain": 0.125}
        yield lif(f"input_gain_{name}", {**options, "theta": 0.0625})
        yield lif(f"synaptic_{name}", {"reset": reset, "reset_gradient": kept, "alpha": 0.75})
    yield lif("synaptic_late", {"alpha": 0.75, "current_order": "membrane-first"})
    yield lif("synaptic_input_gain", {"alpha": 0.75, "input_gain": 0.125, "theta": 0.125, "reset": "zero"})
    yield lif("refractory_hold", {"refractory": 2, "reset": "zero"})
    yield lif("refractory_mute", {"refractory": 2, "refractory_kind": "mute"})
    yield lif("output_delay", {"output_delay": 1})
    yield tie("silent")
    yield tie("spike")
