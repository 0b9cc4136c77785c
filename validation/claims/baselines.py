"""REINFORCE with a leave-one-out baseline, ARM and DisARM are unbiased at any depth.

Source: theory 2.13 to 2.15; Yin and Zhou (2019), Dong, Mnih and Tucker (2020). The exact mean of refsbnn.baselines
over its uniforms: between the thresholds that any spike can set, each estimate is affine in every uniform, so a cell's
mean is its value at the midpoint, and the mean is a finite sum. Held to the oracle's exact gradient of every bias_mu
and bias_sigma2, at depth 1 to 4.
"""

from collections.abc import Callable
from itertools import product

import numpy as np

import oracle
from refsbnn import baselines, noise
from refsbnn.reference import dense
from validation.evidence import networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most

CLAIM = Claim(
    title="Unbiased baselines",
    sentence="REINFORCE with a leave-one-out baseline, ARM and DisARM are unbiased at any depth.",
    owner="others",
    source="Kool et al. 2019, Yin and Zhou 2019, Dong et al. 2020",
    statement="The exact mean of each over its uniforms is the exact gradient of every layer's biases, at depth 1 to "
    "4.",
    assumptions=(
        "loss values alone",
        "v > 0 for every unit",
    ),
    finding="holds",
    reason="to rounding of the sums",
    claimed="bias 0",
    headline="arm, gaussian, depth 2: bias",
    equations=(
        Formula("2.13", r"\frac{1}{K} \sum_k \left( L_k - \text{mean}_{j \ne k} L_j \right) \frac{d \ln P(z_k)}{dr}"),
        Formula("2.14", r"\left( L(\tilde z) - L(z) \right) \left( u - \tfrac{1}{2} \right) \frac{f}{F (1 - F)}"),
        Formula(
            "2.15",
            r"\left( L(z) - L(\tilde z) \right) \frac{z - \tilde z}{2} \max\left( \frac{f}{F}, \frac{f}{1 - F} \right)",
        ),
    ),
    code=("refsbnn/baselines.py",),
)
WHY = "rounding of a sum over cells, relative to the largest gradient"


def check(level: Level) -> Rows:
    """Largest error of the mean over layers, by estimator and depth."""
    rng = level.rng(__name__)
    for depth, name in product((1, 2) if level.quick else (1, 2, 3, 4), ("gaussian", "logistic")):
        net = networks.layered(rng, [2, 2, *[1] * (depth - 1)][: depth + 1], noise=name)
        x = rng.normal(size=2)
        truth = oracle.exact(net, x, oracle.Categorical(0)).gradient
        scale = max(np.abs(value).max() for key, value in truth.items() if key.startswith("layers"))
        for estimator in (baselines.reinforce, baselines.arm, baselines.disarm):
            mean = exact_mean(net, x, estimator)
            worst = max(np.abs(mean[key] - truth[key]).max() for key in mean) / scale
            yield at_most(CLAIM.title, f"{estimator.__name__}, {name}, depth {depth}: bias", worst, 1e-12, WHY)


def as_callables(net: oracle.Layered) -> tuple[list, baselines.Loss]:
    """The network as the baselines take one: functions of the list of states."""

    def layer(index: int) -> baselines.Layer:
        def r(states: baselines.States) -> np.ndarray:
            m, v = moments(net, index, states[index])
            return m / np.sqrt(v)

        return r

    def loss(states: baselines.States) -> np.ndarray:
        return oracle.Categorical(0).evaluate(*dense.forward(states[-1], *net.readout[:4], domain="binary"))[0]

    return [layer(i) for i in range(len(net.layers))], loss


def moments(net: oracle.Layered, index: int, below: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """m and v of a layer on the states below it."""
    return dense.forward(below, *net.layers[index][:4], domain="binary" if index else "real")


def exact_mean(
    net: oracle.Layered, x: np.ndarray, estimator: Callable[..., baselines.Estimate]
) -> dict[str, np.ndarray]:
    """The estimator's mean gradient of every layer's biases."""
    copies = 2 if estimator is baselines.reinforce else 1
    points, volumes = cells(net, x, folded=copies == 1)
    grid = np.array(list(product(*points * copies)))
    weight = np.array([np.prod(volume) for volume in product(*volumes * copies)])
    widths = [len(layer.mu) for layer in net.layers]
    split = np.split(grid.reshape(len(grid), copies, -1), np.cumsum(widths)[:-1], axis=2)
    uniforms = [part.transpose(1, 0, 2) if copies == 2 else part[:, 0] for part in split]
    inputs = np.broadcast_to(x, (len(grid), len(x)))
    found = estimator(*as_callables(net), inputs, uniforms, net.noise)
    mean, below = {}, inputs
    for i, (g, states) in enumerate(zip(found.gradients, found.states, strict=True)):
        m, v = moments(net, i, below)
        for key, slope in (("bias_mu", 1.0 / np.sqrt(v)), ("bias_sigma2", -0.5 * m / v**1.5)):
            each = (g * slope).reshape(copies, len(grid), -1).sum(axis=0)
            mean[f"layers.{i}.{key}"] = weight @ each
        below = states
    return mean


def cells(net: oracle.Layered, x: np.ndarray, folded: bool) -> tuple[list[list[float]], list[list[float]]]:
    """Midpoints and lengths of each unit's cells: cut at pi for every state below, and at 1 - pi where `folded`."""
    points, volumes = [], []
    below = np.array([x])
    for i, layer in enumerate(net.layers):
        m, v = moments(net, i, below)
        pi = noise.get(net.noise).cdf(m / np.sqrt(v))
        for unit in range(len(layer.mu)):
            cuts = np.unique(np.concatenate([[0.0, 1.0], pi[:, unit], 1.0 - pi[:, unit] if folded else []]))
            points.append(list(0.5 * (cuts[1:] + cuts[:-1])))
            volumes.append(list(np.diff(cuts)))
        below = np.array(list(product((0.0, 1.0), repeat=len(layer.mu))))
    return points, volumes
