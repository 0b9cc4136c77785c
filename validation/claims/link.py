"""Low bias, vanishing gradients and the KL term are linked: all three follow the signal-to-noise ratio.

Source: the paper's abstract, theory 4.5. With B = |mu_i|^2 / v_i of every unit:
- in a plain network of {-1,+1} units the first layer's gradient falls as B^((depth-1)/2) when B is small; in a residual
  network the identity path carries it, and it does not fall. With {0,1} units and posterior noise it does not fall
  either: a spike moves the variance of the units above, unless they have no bias and r falls with B too;
- for {-1,+1} units the KL term of a layer with sigma2 at the prior is exactly sum_i B_i v_i / (2 sigma2).
The bias falls with B too, for {-1,+1} units: its orders are measured under "Bias of deep networks", where {0,1} units
with posterior noise are shown to keep it. So a small KL and a small bias cost a plain {-1,+1} network its gradient.
"""

from dataclasses import replace
from functools import cache

import numpy as np

import oracle
from refsbnn import objective, posterior
from validation.evidence.claim import Claim, Formula
from validation.evidence.curves import Figure, Panel, Series
from validation.evidence.record import Level, Row, equal

CLAIM = Claim(
    title="Bias, gradient and KL",
    sentence="By linking low-bias conditions, vanishing gradients, and the KL term",
    owner="paper",
    source="abstract, sentence 7",
    statement="In a plain network of {-1,+1} units the first gradient falls as B^((depth-1)/2), a residual stem keeps "
    "it, and the KL term of a layer with sigma2 at the prior is sum B_i v_i / (2 sigma2).",
    assumptions=(
        "the same signal-to-noise ratio in all layers above the first",
        "a loss linear in the readout",
    ),
    finding="holds with conditions",
    reason="{-1,+1} units, or no posterior noise; {0,1} units with it keep gradient and bias at small B",
    claimed="low bias, small gradients and small KL come together",
    headline="plain, {-1,+1}, 2 layers: order in sqrt(B) of the first gradient",
    equations=(
        Formula("4.5", r"B = \text{mean of } \frac{\|\mu_i\|^2}{v_i}"),
        Formula("3.8", r"H_{l+1} = H_l + a_l m_l, \quad U_{l+1} = U_l + a_l^2 v_l"),
    ),
    code=(
        "refsbnn/objective.py",
        "refsbnn/posterior.py",
        "oracle/transfer.py",
    ),
)
WIDTH = 3
RATIOS = tuple(2.0**k for k in range(-5, 3))  # sqrt(B): signal-to-noise ratio of a unit
MEMBERS = {"st": oracle.st(), "trapezoid": oracle.trapezoid(), "agr(tau=0.5)": oracle.agr(0.5)}
# Linear, so that the readout adds no bias of its own to that of the layers.
LOSS = oracle.Custom(lambda logits: (logits @ [1.0, -1.0], np.broadcast_to([1.0, -1.0], logits.shape)))


def check(level: Level) -> list[Row]:
    """Orders of the gradient, and the KL term in units of B."""
    rows = []
    for depth in depths(level):
        for label, domain, biased, order, power in (
            ("{-1,+1}", "bipolar", True, depth - 1.0, 7),
            ("{0,1} without biases", "binary", False, depth - 1.0, 7),
            ("{0,1}", "binary", True, 0.0, 14),  # where the variance's share, small in depth, is all that is left
        ):
            norms = [gradient_norms(level, depth, 2.0**-k, domain, biased)[0] for k in (power, power + 1)]
            setting = f"plain, {label}, {depth} layers: order in sqrt(B) of the first gradient"
            why = f"slope between ratios 2^-{power} and 2^-{power + 1}; its error is of the order of the ratio"
            rows.append(equal(CLAIM.title, setting, np.log2(norms[0] / norms[1]), order, 0.1, why))
    norms = [residual_norms(level, ratio)[0] for ratio in (2.0**-7, 2.0**-8)]
    setting = f"residual, {blocks(level)} blocks: order in sqrt(B) of the stem's gradient"
    rows.append(equal(CLAIM.title, setting, np.log2(norms[0] / norms[1]), 0.0, 0.1, "as above"))
    layer = chain(level, 2, 0.6)[0].layers[1]
    norm2 = (layer.mu**2).sum(axis=1)
    penalty, _, _ = objective.bias_penalty(norm2, np.ones((1, WIDTH)))
    value = posterior.kl(layer.mu, layer.sigma2, layer.sigma2).value
    expected = WIDTH * penalty / (2.0 * layer.sigma2[0, 0])
    setting = "{-1,+1}, sigma2 at the prior: KL of a layer"
    rows.append(equal(CLAIM.title, setting, value, expected, 1e-14, "rounding"))
    return rows


def figures(level: Level) -> list[Figure]:
    """Bias, gradient and KL over the ratio by depth; gradient by layer."""
    return [by_ratio(level, "bipolar"), by_ratio(level, "binary"), by_layer(level)]


def depths(level: Level) -> tuple[int, ...]:
    """Depths of the plain networks."""
    return (1, 2, 3) if level.quick else (1, 2, 4, 6)


def blocks(level: Level) -> int:
    """Blocks of the residual network; its states number 2^(width (blocks + 1))."""
    return 3 if level.quick else 4


def repeats(level: Level) -> int:
    """Random networks a curve is a mean over."""
    return 3 if level.quick else 8


def chain(level: Level, depth: int, ratio: float, domain: str = "bipolar") -> list[oracle.Layered]:
    """Plain networks whose units above the first layer have |mu_i| / s = ratio ({0,1}: at their largest variance)."""
    rng = level.rng(__name__)
    nets = []
    for _ in range(repeats(level)):
        layers = [unit_layer(rng, 2, 1.0), *(unit_layer(rng, WIDTH, ratio) for _ in range(depth - 1))]
        readout = oracle.Layer(rng.normal(size=(2, WIDTH)), np.zeros((2, WIDTH)))
        nets.append(oracle.Layered(layers, readout, domain=domain))
    return nets


def unit_layer(rng: np.random.Generator, inputs: int, ratio: float) -> oracle.Layer:
    """Rows of norm `ratio`, two thirds of v = 1 from the weights ({-1,+1} inputs) and one third from the bias."""
    mu = rng.normal(size=(WIDTH, inputs))
    mu *= ratio / np.sqrt((mu**2).sum(axis=1, keepdims=True))
    bias = 0.3 * rng.normal(size=WIDTH)
    return oracle.Layer(mu, np.full((WIDTH, inputs), 2.0 / (3.0 * inputs)), bias, np.full(WIDTH, 1.0 / 3.0))


def gradient_norms(level: Level, depth: int, ratio: float, domain: str = "bipolar", biased: bool = True) -> list[float]:
    """Norm of the exact gradient of each layer's mu, over all networks; not `biased`: with biases of mean 0."""
    nets = chain(level, depth, ratio, domain)
    if not biased:
        nets = [replace(net, layers=[one._replace(bias_mu=0.0 * one.bias_mu) for one in net.layers]) for net in nets]
    found = [oracle.exact(net, [0.8, -0.6], LOSS).gradient for net in nets]
    return [float(np.sqrt(sum((g[f"layers.{i}.mu"] ** 2).sum() for g in found))) for i in range(depth)]


@cache
def residual_norms(level: Level, ratio: float) -> list[float]:
    """Norm of the exact gradient of the mu of the stem and of each block, over all networks."""
    rng = level.rng(__name__)
    found = []
    for _ in range(repeats(level)):
        stem = unit_layer(rng, 2, 1.0)
        branches = [[unit_layer(rng, WIDTH, ratio)] for _ in range(blocks(level))]
        readout = oracle.Layer(rng.normal(size=(2, WIDTH)), np.zeros((2, WIDTH)))
        net = oracle.Residual(stem, branches, readout, domain="bipolar")
        found.append(oracle.exact(net, [0.8, -0.6], LOSS).gradient)
    keys = ["stem.mu", *(f"blocks.{b}.0.mu" for b in range(blocks(level)))]
    return [float(np.sqrt(sum((g[key] ** 2).sum() for g in found))) for key in keys]


def relative_bias(level: Level, depth: int, ratio: float, domain: str, member: oracle.Discrete) -> float:
    """Relative bias of the first layer's mu, over all networks."""
    found = [
        oracle.moments(net, [0.8, -0.6], LOSS, member)["layers.0.mu"] for net in chain(level, depth, ratio, domain)
    ]
    bias, gradient = (
        sum(float((part**2).sum()) for part in parts)
        for parts in zip(*((e.bias, e.gradient) for e in found), strict=True)
    )
    return float(np.sqrt(bias / gradient))


def by_ratio(level: Level, domain: str) -> Figure:
    """One panel a depth: relative bias over the ratio."""
    name = "{-1,+1}" if domain == "bipolar" else "{0,1}"
    panels = [
        Panel(
            f"{name} units, {depth} layers",
            "signal-to-noise ratio |mu| / s",
            "relative bias",
            [
                Series(spec, RATIOS, [relative_bias(level, depth, ratio, domain, member) for ratio in RATIOS])
                for spec, member in MEMBERS.items()
            ],
            log_x=True,
            log_y=True,
        )
        for depth in depths(level)
        if depth > 1
    ]
    seen = (
        "The bias of `st` and of the trapezoid falls with the ratio, that of `agr` stops at its mass."
        if domain == "bipolar"
        else "A {0,1} spike moves the variance of the units above as well as their mean: with posterior noise the bias "
        "does not fall with the ratio."
    )
    caption = (
        "Relative exact bias of the first layer's mu, for a loss linear in the readout, when all layers above have the "
        f"same signal-to-noise ratio, by depth. {seen}"
    )
    return Figure(f"Bias against signal-to-noise ratio, {name} units", caption, panels)


def by_layer(level: Level) -> Figure:
    """Gradient norms by layer for three ratios, plain and residual; gradient and KL over the ratio."""
    shown = (0.125, 0.5, 2.0)
    deepest = depths(level)[-1]
    plain = Panel(
        f"plain, {deepest} layers",
        "layer",
        "norm of the gradient of mu",
        [
            Series(f"ratio {ratio:g}", list(range(1, deepest + 1)), gradient_norms(level, deepest, ratio))
            for ratio in shown
        ],
        log_y=True,
    )
    stream = Panel(
        f"residual, {blocks(level)} blocks",
        "stem and blocks",
        "norm of the gradient of mu",
        [Series(f"ratio {ratio:g}", list(range(blocks(level) + 1)), residual_norms(level, ratio)) for ratio in shown],
        log_y=True,
    )
    layers = [chain(level, 2, ratio)[0].layers[1] for ratio in RATIOS]
    divergence = Panel(
        "KL of one layer",
        "signal-to-noise ratio |mu| / s",
        "KL, nats",
        [Series("KL", RATIOS, [posterior.kl(layer.mu, layer.sigma2, layer.sigma2).value for layer in layers])],
        log_x=True,
        log_y=True,
    )
    caption = (
        "Norm of the exact gradient of each layer's mu for three ratios: in a plain network of {-1,+1} units it falls "
        "towards the input the faster the smaller the ratio; the stem of a residual network keeps it. Last, the KL "
        "term of one layer of {-1,+1} units with sigma2 at the prior, which pulls the ratio down."
    )
    return Figure("Gradient by depth, and KL", caption, [plain, stream, divergence])
