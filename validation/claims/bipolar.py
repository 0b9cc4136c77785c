"""Units with values in {-1,+1} are the affine image y = 2z - 1 of {0,1} units: everything carries over with a factor 2.

Source: theory 1.4. A layer on y with weights (mu, sigma2) is the layer on z with weights 2 mu and bias b - sum_j mu_j,
whose variance does not depend on z, since y^2 = 1: all sigma2 join the bias's variance. Then the exact gradient and
every member's mean are those of the {0,1} network, through the chain rule of this map.
"""

import numpy as np

import oracle
from validation.evidence import networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most

CLAIM = Claim(
    title="{-1,+1} units",
    sentence="Bipolar units are the affine image of z, and the chain rule adds a factor 2.",
    owner="ours",
    source="theory 1.4",
    statement="A network of {-1,+1} units and its {0,1} twin, with weights 2 mu and the variances in the bias, have "
    "the same gradient and the same mean of every member, through the chain rule of that map.",
    assumptions=("the variance does not depend on the spikes",),
    finding="holds",
    reason="to rounding",
    claimed="difference 0",
    headline="trapezoid, gaussian: mean, largest difference of the two networks",
    equations=(Formula("1.4", r"y = 2 z - 1, \quad \frac{dL}{dz} = 2 \frac{dL}{dy}"),),
    code=(
        "refsbnn/reference/unit.py",
        "oracle/transfer.py",
    ),
)
WHY = "rounding: c eps with c of a few hundred operations, relative to the root mean square of the estimate"


def check(level: Level) -> Rows:
    """Gradient and means of both networks."""
    rng = level.rng(__name__)
    for noise in ("gaussian", "logistic"):
        net = networks.layered(rng, [2, 3, 3], noise=noise, domain="bipolar")
        x, loss = rng.normal(size=2), oracle.Categorical(1, eps=rng.normal(size=2))
        twin = oracle.Layered(
            [net.layers[0], *(as_binary(layer) for layer in net.layers[1:])], as_binary(net.readout), noise=noise
        )
        for spec, member in (("st", oracle.st()), ("trapezoid", oracle.trapezoid()), ("agr(tau=0.5)", oracle.agr(0.5))):
            ours, theirs = oracle.moments(net, x, loss, member), oracle.moments(twin, x, loss, member)
            for what in ("gradient", "mean"):
                worst = 0.0
                for key in ("layers.1", "readout"):
                    mapped = chain_rule({name: getattr(theirs[f"{key}.{name}"], what) for name in FIELDS})
                    worst = max(worst, *(gap(ours[f"{key}.{name}"], mapped[name], what) for name in FIELDS))
                for name in FIELDS:
                    first = f"layers.0.{name}"
                    worst = max(worst, gap(ours[first], getattr(theirs[first], what), what))
                setting = f"{spec}, {noise}: {what}, largest difference of the two networks"
                yield at_most(CLAIM.title, setting, worst, 1e-13, WHY)


FIELDS = ("mu", "sigma2", "bias_mu", "bias_sigma2")


def as_binary(layer: oracle.Layer) -> oracle.Layer:
    """The layer on z that equals this one on y = 2z - 1."""
    spread = layer.bias_sigma2 + layer.sigma2.sum(axis=1)
    return oracle.Layer(2.0 * layer.mu, 0.0 * layer.sigma2, layer.bias_mu - layer.mu.sum(axis=1), spread)


def chain_rule(gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Gradients of the layer on y from those of its twin on z."""
    mu, bias, spread = gradients["mu"], gradients["bias_mu"], gradients["bias_sigma2"]
    shape = mu.shape
    return {
        "mu": 2.0 * mu - bias[:, None],
        "sigma2": np.broadcast_to(spread[:, None], shape),
        "bias_mu": bias,
        "bias_sigma2": spread,
    }


def gap(ours: oracle.Estimate, mapped: np.ndarray, what: str) -> float:
    """Largest difference, relative to the estimate's root mean square."""
    return float(np.abs(getattr(ours, what) - mapped).max() / np.sqrt(ours.square.max()))
