"""Small networks and single layers whose law the oracle enumerates, each an operation of the suite without noise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import oracle
from refsbnn.adapter import Op
from validation.conformance.cases.draw import Draw

COMMON: dict[str, Any] = {
    "noise": "gaussian",
    "domain": "binary",
    "variance": "linear",
    "kl_weight": 0.0625,
    "prior_sigma2": 0.375,
    "penalty": 0.0,
    "steps": 1,
    "optimiser": "none",
}
LABEL = 1
LAYERED = (
    ("gaussian", "st"),
    ("gaussian", "iwst(p=0.25)"),
    ("gaussian", "mix(lam=0.5)"),
    ("gaussian", "trapezoid"),
    ("gaussian", "agr(tau=0.5)"),
    ("gaussian", "st-gs(tau=0.5)"),
    ("gaussian", "identity-st"),
    ("logistic", "st"),
    ("logistic", "trapezoid"),
    ("logistic", "agr(tau=1)"),
)


@dataclass(frozen=True, eq=False)
class OwnCase:
    """One network with one input.

    Attributes
    ----------
    id : str
    op : Op
    parameters : dict of arrays
        As the suite's networks name them; `x` and `labels` are made for any number of examples by `arrays`.
    x : array
        One example: (in,), or (time, in).
    net : oracle network
    names : dict of str
        The oracle's name of each map: the suite's number, "layers.0": "0".
    bug_class : tuple of str
    draws : int
        Simulations for each example: 2 for REINFORCE.
    """

    id: str
    op: Op
    parameters: Mapping[str, np.ndarray]
    x: np.ndarray
    net: Any
    names: Mapping[str, str]
    bug_class: tuple[str, ...]
    draws: int = 1

    def loss(self) -> oracle.Loss:
        """Of the oracle."""
        return oracle.Categorical(LABEL)

    def arrays(self, examples: int) -> dict[str, np.ndarray]:
        """The same example many times."""
        axis = -2
        x = np.repeat(np.expand_dims(self.x, axis), examples, axis=axis)
        return {**self.parameters, "x": x, "labels": np.full(examples, LABEL, dtype=np.int64)}


@dataclass(frozen=True, eq=False)
class LayerCase(OwnCase):
    """One layer of units or neurons: `unit` or `lif` with its inputs m and v, which stand for the parameters.

    The network of the oracle has them as biases, or as the weights of inputs of which each is 1 at one step; its loss
    is the sum of spikes times `g`.

    Attributes
    ----------
    g : array
        Cotangent of the spikes, of m's shape.
    """

    g: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def arrays(self, examples: int) -> dict[str, np.ndarray]:
        """The same example many times."""
        rows = {**self.parameters, "g": self.g}
        return {k: np.repeat(np.expand_dims(y, -2), examples, axis=-2) for k, y in rows.items()}

    def loss(self) -> oracle.Custom:
        """The one output."""
        return oracle.Custom(lambda y: (y[:, 0], np.ones_like(y)))

    def named(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the oracle says by its names, by "m" and "v"."""
        if self.op.name == "unit":
            return {"m": values["layers.0.bias_mu"], "v": values["layers.0.bias_sigma2"]}
        return {"m": values["layers.0.mu"].T, "v": values["layers.0.sigma2"].T}


def parameters(d: Draw, widths: list[int], recurrent: bool) -> dict[str, np.ndarray]:
    """Posterior of the maps; weights large enough for gradients to be seen, variances not so large as to drown them."""
    out: dict[str, np.ndarray] = {}
    for i in range(len(widths) - 1):
        shape = (widths[i + 1], widths[i])
        out |= {f"mu{i}": d.signed(f"mu{i}", shape), f"rho{i}": d.grid(f"rho{i}", shape, -24, 0, 16)}
        out |= {
            f"bias_mu{i}": d.signed(f"b{i}", shape[:1], 0.5),
            f"bias_rho{i}": d.grid(f"br{i}", shape[:1], -16, 0, 16),
        }
    if recurrent:
        shape = (widths[1], widths[1])
        out |= {"recurrent_mu": d.signed("rm", shape), "recurrent_rho": d.grid("rr", shape, -24, 0, 16)}
    return out


def layer(p: Mapping[str, np.ndarray], i: int, recurrent: bool = False) -> oracle.Layer:
    """Map i as the oracle takes it."""
    bias = (p[f"bias_mu{i}"], np.exp(p[f"bias_rho{i}"]))
    own = (p["recurrent_mu"], np.exp(p["recurrent_rho"])) if recurrent else ()
    return oracle.Layer(p[f"mu{i}"], np.exp(p[f"rho{i}"]), *bias, *own)


def layered(name: str, widths: list[int], options: dict[str, Any], bugs: str) -> OwnCase:
    """Dense layers; REINFORCE where the operation says so."""
    reinforce = name.startswith("reinforce")
    id = f"own.{name}"
    d, o = Draw(id), {**COMMON, "maps": len(widths) - 1, **options}
    p = parameters(d, widths, False)
    words = {k: o[k] for k in ("noise", "domain", "variance")}
    inner = [layer(p, i) for i in range(o["maps"] - 1)]
    net = oracle.Layered(inner, layer(p, o["maps"] - 1), **words)
    names = {f"layers.{i}": str(i) for i in range(o["maps"] - 1)} | {"readout": str(o["maps"] - 1)}
    op = Op("reinforce_network" if reinforce else "network.layered", o)
    return OwnCase(id, op, p, d.signed("x", (widths[0],)), net, names, tuple(bugs.split()), o.get("draws", 1))


def residual() -> OwnCase:
    """A stream of three units with one block."""
    id = "own.residual"
    d, o = Draw(id), {**COMMON, "maps": 3, "scale": 0.75, "accumulate": True, "member": "trapezoid"}
    p = parameters(d, [2, 3, 3, 2], False)
    net = oracle.Residual(layer(p, 0), [[layer(p, 1)]], layer(p, 2), scales=o["scale"])
    names = {"stem": "0", "blocks.0.0": "1", "readout": "2"}
    bugs = ("swapped-inequality", "missing-half", "transposed-weight", "accumulation", "global-scale")
    return OwnCase(id, Op("network.residual", o), p, d.signed("x", (2,)), net, names, bugs)


def lif(name: str, options: dict[str, Any], *, recurrent: bool = False) -> OwnCase:
    """Two neurons over three steps."""
    id = f"own.{name}"
    d = Draw(id)
    o = {**COMMON, "maps": 2, "beta": 0.875, "theta": 0.5, "readout_beta": 0.75, "reduce": "mean", **options}
    o = {"accumulate": True, "member": "trapezoid", **o}
    p = parameters(d, [2, 2, 2], recurrent)
    words = ("beta", "theta", "reset", "accumulate", "reset_gradient", "readout_beta", "reduce", "noise", "variance")
    net = oracle.LIF([layer(p, 0, recurrent)], layer(p, 1), **{k: o[k] for k in words})
    bugs: tuple[str, ...] = (
        "swapped-inequality",
        "reset-gradient",
        "decay-after-reset",
        "accumulation",
        "missing-half",
    )
    bugs += ("transposed-weight", "variance-extension") if recurrent else ()
    return OwnCase(id, Op("network.lif", o), p, d.signed("x", (3, 2)), net, {"layers.0": "0", "readout": "1"}, bugs)


def units(noise: str, member: str, domain: str, bugs: str) -> LayerCase:
    """Four units, independent of one another."""
    id = f"own.unit_{noise}_{domain}"
    d, shape = Draw(id), (4,)
    m, v, g = d.signed("m", shape), d.variances("v", shape, 16, 48), d.signed("g", shape)
    none = np.zeros((4, 1))
    net = oracle.Layered([oracle.Layer(none, none, m, v)], oracle.Layer(g[None], 0.0 * g[None]), noise, domain)
    op = Op("unit", {"noise": noise, "member": member, "domain": domain})
    return LayerCase(id, op, {"m": m, "v": v}, np.zeros(1), net, {}, tuple(bugs.split()), g=g)


def neurons(reset: str, bugs: str) -> LayerCase:
    """Two neurons over three steps."""
    id = f"own.lif_layer_{reset}"
    d, shape, leak = Draw(id), (3, 2), 0.75
    m, v, w = d.signed("m", shape), d.variances("v", shape, 16, 48), d.signed("w", (1, 2))
    o: dict[str, Any] = {"beta": 0.875, "theta": 0.5, "reset": reset, "accumulate": True, "reset_gradient": True}
    o |= {"variance": "linear", "noise": "gaussian"}
    first, last = oracle.Layer(m.T, v.T), oracle.Layer(w, 0.0 * w)
    net = oracle.LIF([first], last, readout_beta=leak, reduce="last", **o)
    g = w * leak ** np.arange(len(m))[::-1, None]  # theory 3.13: what the last value of the readout is made of
    op = Op("lif", {**o, "domain": "binary", "member": "trapezoid"})
    return LayerCase(id, op, {"m": m, "v": v}, np.eye(len(m)), net, {}, tuple(bugs.split()), g=g)


def make() -> Iterator[OwnCase]:
    """All of them."""
    bugs = "swapped-inequality missing-half kl-scale transposed-weight global-scale zero-gradient variance-extension"
    bugs += " wrong-axis"
    for noise, member in LAYERED:
        plain = member.split("(")[0].replace("-", "_")
        special = " fresh-noise" if plain == "st_gs" else " unnormalised-weight"
        options = {"noise": noise, "member": member}
        yield layered(f"layered_{noise}_{plain}", [2, 3, 2, 2], options, bugs + special)
    yield layered("layered_bipolar", [2, 3, 2, 2], {"domain": "bipolar", "member": "st"}, bugs + " bipolar-factor")
    yield layered("layered_quadratic", [2, 3, 2, 2], {"variance": "quadratic", "member": "st"}, bugs)
    yield residual()
    for reset in ("hard", "soft"):
        for flows in (True, False):
            name = f"lif_{reset}_{'flowing' if flows else 'detached'}"
            yield lif(name, {"reset": reset, "reset_gradient": flows})
    yield lif("lif_recurrent", {"reset": "hard", "reset_gradient": True, "member": "st"}, recurrent=True)
    yield layered("reinforce", [2, 3, 2], {"member": "reinforce", "draws": 2}, "leave-one-out kl-scale")
    bugs = "swapped-inequality missing-half global-scale zero-gradient"
    yield units("gaussian", "trapezoid", "binary", bugs + " unnormalised-weight")
    yield units("logistic", "st", "bipolar", bugs + " bipolar-factor")
    yield neurons("hard", "swapped-inequality reset-gradient decay-after-reset accumulation missing-half")
    yield neurons("soft", "swapped-inequality reset-gradient missing-half")
