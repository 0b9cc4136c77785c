"""Low bias, vanishing gradients and the KL term are linked: all three follow the signal-to-noise ratio.

Source: the paper's abstract, theory 3.26 and 4.5. With B = |mu_i|^2 / v_i of every unit above the first layer:
- in a plain network of {-1,+1} units the first layer's gradient falls as B^((depth-1)/2) when B is small. So does the
  relative bias: as B^(1/2) for st, as B for the trapezoid. A small bias costs the gradient;
- in a residual network of {-1,+1} units the stream carries the gradient, which does not fall, and the relative bias
  falls faster, as B for st and as B^(3/2) for the trapezoid. A small bias costs nothing there;
- with {0,1} units and posterior noise gradient and bias tend to constants instead: a spike moves the variance of the
  units above, unless they have no bias and r falls with B too;
- for {-1,+1} units the KL term of a layer with sigma2 at the prior is exactly sum_i B_i v_i / (2 sigma2).

The loss is linear in the readout, which then adds no bias of its own.
"""

from functools import cache

import numpy as np

import oracle
from refsbnn import objective, posterior
from validation.evidence.claim import Claim, Formula
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import Level, Rows, equal

CLAIM = Claim(
    title="Bias, gradient and KL",
    sentence="By linking low-bias conditions, vanishing gradients, and the KL term",
    owner="paper",
    source="abstract, sentence 7",
    statement=(
        "As B falls, in plain networks of {-1,+1} units relative bias, first gradient and KL fall together, in the "
        "orders 1 (st) or 2 (trapezoid), depth - 1 and 2 of sqrt(B); in residual ones the gradient stays and the bias "
        "falls faster."
    ),
    assumptions=(
        "{-1,+1} units, or {0,1} units without posterior noise or biases",
        "sigma2 at the prior, a loss linear in the readout",
        "members of mass 1: the bias of agr stops at its mass",
    ),
    finding="holds with conditions",
    reason="for {-1,+1} units; with {0,1} units and posterior noise gradient and bias stop falling",
    claimed="small KL, small bias and vanishing gradients go together",
    headline="plain, {-1,+1}, 3 layers: order in sqrt(B) of the first gradient",
    equations=(
        Formula("4.5", r"B = \text{mean of } \|\mu_i\|^2 / v_i"),
        Formula("3.26", r"\mathrm{bias} = O(\delta^2) \text{ for st}, \quad O(\delta^3) \text{ for the trapezoid}"),
    ),
    code=("refsbnn/objective.py", "refsbnn/posterior.py", "oracle/transfer.py"),
)
TITLE = CLAIM.title
WIDTH = 3
X = (0.8, -0.6)
RATIOS = tuple(2.0**k for k in range(-5, 3))  # sqrt(B): signal-to-noise ratio of a unit
SMALL = (2.0**-7, 2.0**-8)
TINY = (2.0**-13, 2.0**-14)  # where what is left at B = 0 is small: a factor of a twentieth a layer
MEMBERS = {"st": oracle.st(), "trapezoid": oracle.trapezoid(), "agr(tau=0.5)": oracle.agr(0.5)}
DOMAINS = {"bipolar": "{-1,+1}", "binary": "{0,1}"}
BIASES = {  # order of the relative bias in sqrt(B)
    ("plain", "bipolar"): {"st": 1.0, "trapezoid": 2.0},
    ("residual", "bipolar"): {"st": 2.0, "trapezoid": 3.0},
    ("plain", "binary"): {"st": 0.0, "trapezoid": 0.0},
    ("residual", "binary"): {"st": 0.0, "trapezoid": 0.0},
}
LOSS = oracle.Custom(lambda logits: (logits @ [1.0, -1.0], np.broadcast_to([1.0, -1.0], logits.shape)))
WHY = "slope over a halving of a small ratio; its error is of the order of the ratio"


def check(level: Level) -> Rows:
    """Orders of gradient, bias and KL in sqrt(B), and the KL term in units of B."""
    for depth in depths(level):
        for label, domain, biased, expected in (
            ("{-1,+1}", "bipolar", True, depth - 1.0),
            ("{0,1} without biases", "binary", False, depth - 1.0),
            ("{0,1}", "binary", True, 0.0),
        ):
            ratios = TINY if domain == "binary" and biased else SMALL
            found = [gradients(networks(level, "plain", domain, depth, ratio, biased))[0] for ratio in ratios]
            setting = f"plain, {label}, {depth} layers: order in sqrt(B) of the first gradient"
            yield equal(TITLE, setting, order(found), expected, 0.1, WHY)
    for domain, label in DOMAINS.items():
        found = [gradients(networks(level, "residual", domain, 3, ratio))[0] for ratio in SMALL]
        setting = f"residual, {label}, 2 blocks: order in sqrt(B) of the first gradient"
        yield equal(TITLE, setting, order(found), 0.0, 0.1, WHY)
    for (kind, domain), orders in BIASES.items():
        for spec, expected in orders.items():
            ratios = TINY if domain == "binary" else SMALL
            found = [relative_bias(level, kind, domain, 3, ratio, spec) for ratio in ratios]
            setting = f"{kind}, {DOMAINS[domain]}, 3 layers, {spec}: order in sqrt(B) of the first relative bias"
            yield equal(TITLE, setting, order(found), expected, 0.15, WHY)
    pull = order([divergence(level, ratio) for ratio in SMALL])
    yield equal(TITLE, "KL of a layer above: order in sqrt(B)", pull, 2.0, 1e-9, "rounding")
    above = oracle.parameters(networks(level, "plain", "bipolar", 2, 0.6)[0])
    penalty, _, _ = objective.bias_penalty((above["layers.1.mu"] ** 2).sum(axis=1), np.ones((1, WIDTH)))
    value, expected = divergence(level, 0.6), WIDTH * penalty / (2.0 * above["layers.1.sigma2"][0, 0])
    yield equal(TITLE, "{-1,+1}, sigma2 at the prior: KL of a layer", value, expected, 1e-14, "rounding")


def order(values: list[float]) -> float:
    """The order in the ratio, from values at the two small ones."""
    return float(np.log2(values[0] / values[1]))


def depths(level: Level) -> tuple[int, ...]:
    """Depths of the plain networks."""
    return (2, 3) if level.quick else (2, 3, 4, 6)


@cache
def networks(
    level: Level, kind: str, domain: str, depth: int, ratio: float, biased: bool = True
) -> list[oracle.Network]:
    """Networks whose units above the first layer have |mu_i| / s = ratio ({0,1}: at their largest variance).

    The first layer, or stem, has the ratio 1. Not `biased`: the means of all biases are 0.
    """
    rng = level.rng(f"{__name__}.{kind}.{depth}")
    found: list[oracle.Network] = []
    for _ in range(3 if level.quick else 8):
        first, *rest = unit_layer(rng, 2, 1.0), *(unit_layer(rng, WIDTH, ratio) for _ in range(depth - 1))
        readout = oracle.Layer(rng.normal(size=(2, WIDTH)), np.zeros((2, WIDTH)))
        if kind == "residual":
            found.append(oracle.Residual(first, [[one] for one in rest], readout, domain=domain))
            continue
        layers = [first, *rest] if biased else [one._replace(bias_mu=0.0 * one.bias_mu) for one in (first, *rest)]
        found.append(oracle.Layered(layers, readout, domain=domain))
    return found


def unit_layer(rng: np.random.Generator, inputs: int, ratio: float) -> oracle.Layer:
    """Rows of norm `ratio`, two thirds of v = 1 from the weights ({-1,+1} inputs) and one third from the bias."""
    mu = rng.normal(size=(WIDTH, inputs))
    mu *= ratio / np.sqrt((mu**2).sum(axis=1, keepdims=True))
    bias = 0.3 * rng.normal(size=WIDTH)
    return oracle.Layer(mu, np.full((WIDTH, inputs), 2.0 / (3.0 * inputs)), bias, np.full(WIDTH, 1.0 / 3.0))


def hidden(net: oracle.Network) -> list[str]:
    """The mu of every layer but the readout, in order."""
    return [key for key in oracle.parameters(net) if key.endswith(".mu") and not key.startswith("readout")]


def gradients(nets: list[oracle.Network]) -> list[float]:
    """Norm of the exact gradient of each layer's mu, over all networks."""
    found = [oracle.exact(net, X, LOSS).gradient for net in nets]
    return [float(np.sqrt(sum((g[key] ** 2).sum() for g in found))) for key in hidden(nets[0])]


@cache
def relative_bias(level: Level, kind: str, domain: str, depth: int, ratio: float, spec: str) -> float:
    """Relative bias of the first layer's mu, over all networks."""
    nets = networks(level, kind, domain, depth, ratio)
    found = [oracle.moments(net, X, LOSS, MEMBERS[spec])[hidden(net)[0]] for net in nets]
    bias = sum(float((one.bias**2).sum()) for one in found)
    return float(np.sqrt(bias / sum(float((one.gradient**2).sum()) for one in found)))


def divergence(level: Level, ratio: float) -> float:
    """KL of the means of one layer above the first, sigma2 at the prior."""
    layers = oracle.parameters(networks(level, "plain", "bipolar", 2, ratio)[0])
    prior = layers["layers.1.sigma2"]
    return posterior.kl(layers["layers.1.mu"], prior, prior).value


def figures(level: Level) -> list[Figure]:
    """Bias, gradient and KL over the ratio, plain and residual; gradient by layer."""
    depth = 3 if level.quick else 4
    top = RATIOS[-1]
    panels = []
    for kind in ("plain", "residual"):
        for domain, label in DOMAINS.items():
            lines = [
                Series(f"bias, {spec}", RATIOS, [relative_bias(level, kind, domain, depth, r, spec) for r in RATIOS])
                for spec in MEMBERS
            ]
            norms = [gradients(networks(level, kind, domain, depth, one))[0] for one in RATIOS]
            lines.append(Series("gradient", RATIOS, [norm / max(norms) for norm in norms], dashed=True))
            pull = [divergence(level, one) / divergence(level, top) for one in RATIOS]
            lines.append(Series("KL", RATIOS, pull, dashed=True))
            panels.append(Panel(f"{kind}, {label}", "ratio |mu| / s", "relative", lines, log_x=True, log_y=True))
    caption = (
        f"Exact relative bias of the first mu, its gradient and the KL of a layer above, both over the largest shown, "
        f"when all layers above have the same signal-to-noise ratio; {depth} layers, or a stem and {depth - 1} blocks. "
        "Plain {-1,+1} units: all fall together, but for the bias of `agr`, which stops at its mass. Residual: the "
        "gradient stays and the bias falls faster. {0,1} units with posterior noise: gradient and bias stop falling "
        "where a spike's effect on the variance of the units above outweighs that on their mean."
    )
    return [Figure("Bias, gradient and KL against signal-to-noise ratio", caption, panels), by_layer(level)]


def by_layer(level: Level) -> Figure:
    """Gradient norms by layer for three ratios, plain and residual."""
    panels = []
    for kind, depth in (("plain", depths(level)[-1]), ("residual", 4 if level.quick else 5)):
        steps = list(range(1, depth + 1))
        lines = [
            Series(f"ratio {ratio:g}", steps, gradients(networks(level, kind, "bipolar", depth, ratio)))
            for ratio in (0.125, 0.5, 2.0)
        ]
        panels.append(Panel(f"{kind}, {{-1,+1}}, {depth} layers", "layer", "norm of the gradient", lines, log_y=True))
    caption = (
        "Norm of the exact gradient of each layer's mu for three ratios: in a plain network of {-1,+1} units it falls "
        "towards the input, the faster the smaller the ratio; the stem of a residual network keeps it."
    )
    return Figure("Gradient by depth", caption, panels)
