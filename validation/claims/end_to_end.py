"""Posterior noise gives every parameter of the network that trains a gradient; without noise there is none.

Source: the paper's abstract, theory 1.1 and 3.17. The exact mean of what `Network.backward` returns, over all joint
states, has no entry that is 0: weights, biases and variances, in a dense network, a residual stream and a recurrent
network of spiking neurons. With all variances 0 a spike is a step of its weights, and the exact gradient of everything
below the readout is 0.
"""

import numpy as np

import oracle
from validation import driver, twin
from validation.claims.enumerated import calmer
from validation.evidence import networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_least, at_most

CLAIM = Claim(
    title="A gradient for every parameter",
    sentence="enabling fully end-to-end gradient-based optimisation",
    owner="paper",
    source="abstract, sentence 2",
    statement="The mean of the estimated gradient is not 0 in any entry of any parameter of the network that trains; "
    "with noise taken away the exact gradient of all hidden parameters is 0.",
    assumptions=("v > 0 for every unit", "an input of which no entry is 0"),
    finding="holds",
    reason="dense, residual and recurrent spiking networks, every entry",
    claimed="no parameter without a gradient",
    headline="dense: smallest entry of the mean gradient over the largest",
    equations=(
        Formula("1.1", r"\pi = P(a > 0) = F(r), \quad r = \frac{m}{s}"),
        Formula("1.2", r"\frac{d}{d\theta} E[L] = \frac{d\pi}{d\theta} \left( L(1) - L(0) \right)"),
        Formula("3.17", r"v = 0: \quad z = 1[m > 0], \quad k = 0"),
    ),
    code=("refsbnn/network.py", "refsbnn/reference/unit.py"),
)


def check(level: Level) -> Rows:
    """Smallest entry of the mean gradient, relative to the largest; gradients without noise."""
    rng = level.rng(__name__)
    time = rng.normal(size=(3, 2))
    nets: dict[str, tuple[oracle.Network, np.ndarray]] = {
        "dense": (networks.layered(rng, [2, 3, 3]), rng.normal(size=2)),
        "residual": (networks.residual(rng, 2, 2, [1, 2]), rng.normal(size=2)),
        "LIF recurrent": (networks.lif(rng, [2, 2], recurrent=True, theta=0.5), time),
    }
    for label, (random, x) in nets.items():
        net = calmer(random)
        for member in ("st", "trapezoid"):
            loss = oracle.Categorical(1, eps=[0.3, -0.4])
            _, mean = driver.mean(twin.of(net, x, loss, member), x, loss)
            sizes = np.abs(np.concatenate([value.ravel() for value in mean.values()]))
            setting = f"{label}: smallest entry of the mean gradient over the largest"
            setting = setting if member == "st" else f"{setting}, {member}"
            yield at_least(CLAIM.title, setting, sizes.min() / sizes.max(), 1e-12, "not 0: above any rounding")
        silent = {key: 0.0 * value for key, value in oracle.parameters(net).items() if "sigma2" in key}
        values = {key: value for key, value in oracle.parameters(net).items() if not key.startswith("readout")}
        losses = [
            oracle.exact(oracle.replace(net, silent | moved), x, oracle.Gaussian([1.0, 0.0])).loss
            for moved in ({}, {key: value + 1e-9 for key, value in values.items() if key.endswith("mu")})
        ]
        setting = f"{label}, no noise: change of the loss as all hidden means grow by 1e-9"
        yield at_most(CLAIM.title, setting, abs(losses[1] - losses[0]), 0.0, "a step has no slope")
