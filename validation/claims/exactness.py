"""The oracle's answers agree with one another: two gradients, two methods, and a finite difference of the loss.

Source: theory 5.1 to 5.8. The score-function sum and the unit differences share no line; transfer and brute force
enumerate differently; the finite difference knows the loss only.
"""

import numpy as np

import oracle
from validation.evidence import networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most

CLAIM = Claim(
    title="Gradient of the noisy network",
    sentence="our approach is grounded in a probabilistic model of noisy binary networks",
    owner="paper",
    source="abstract, sentence 2",
    statement="The expected loss of a noisy binary network has an exact gradient, a finite sum over joint states, "
    "which finite differences of the enumerated loss confirm.",
    assumptions=(
        "each unit has noise of its own, independent of the others'",
        "v > 0 for every unit",
    ),
    finding="holds",
    reason="two sums that share no line and a finite difference agree to rounding",
    claimed="an expected loss with a gradient",
    headline="layered 3-3-2: gradient - finite difference, along a random line",
    equations=(
        Formula("5.1", r"E[L] = \sum_z P(z)\, L(z)"),
        Formula(
            "5.2",
            r"\frac{dE[L]}{d\theta} = \sum_z P(z) \left[ L(z) \sum_i S_i \frac{dr_i}{d\theta} + "
            r"\frac{dL}{d\theta} \right]",
        ),
        Formula(
            "5.3",
            r"\frac{dE[L]}{d\theta} = \sum_i E\left[ f(r_i) \frac{dr_i}{d\theta} D_i \right] + E\left[ "
            r"\frac{dL}{d\theta} \right]",
        ),
        Formula("5.4", r"V_l(z_l) = \sum_{z_{l+1}} P(z_{l+1} \mid z_l)\, V_{l+1}(z_{l+1})"),
        Formula(
            "5.5", r"R_i(z_{l-1}) = \sum_{z_l} P(z_l \mid z_{l-1})\, k_i(z_i)\, G_{l,i}(z_l), \quad G_{l-1} = J^T R"
        ),
        Formula("5.6", r"R2_{ij}(z_{l-1}) = \sum_{z_l} P(z_l \mid z_{l-1})\, E[k_i k_j \mid z_l]\, Q_{l,ij}(z_l)"),
    ),
    code=(
        "oracle/tree.py",
        "oracle/transfer.py",
        "oracle/moments.py",
    ),
)
WHY = "rounding: c eps with c of a few thousand states and operations, relative to the terms"
STEP = 2.0**-10


def check(level: Level) -> Rows:
    """Largest disagreement by network."""
    rng = level.rng(__name__)
    nets: dict[str, tuple[oracle.Network, np.ndarray]] = {
        "layered 3-3-2": (networks.layered(rng, [2, 3, 3, 2]), rng.normal(size=2)),
        "layered bipolar 4-3": (networks.layered(rng, [2, 4, 3], domain="bipolar"), rng.normal(size=2)),
        "residual 2 blocks": (networks.residual(rng, 2, 2, [1, 2], scales=[0.7, 1.2]), rng.normal(size=2)),
        "LIF hard reset": (networks.lif(rng, [2, 2], theta=0.5), rng.normal(size=(4, 2))),
        "LIF recurrent, soft": (
            networks.lif(rng, [2, 2], recurrent=True, reset="soft", theta=0.5, reduce="max"),
            rng.normal(size=(3, 2)),
        ),
    }
    for label, (net, x) in nets.items():
        loss = oracle.Categorical(1, eps=rng.normal(size=2))
        unit, score = (oracle.exact(net, x, loss, way=way).gradient for way in ("difference", "score"))
        scale = max(np.abs(value).max() for value in unit.values())
        worst = max(np.abs(unit[key] - score[key]).max() for key in unit) / scale
        yield at_most(CLAIM.title, f"{label}: unit differences - score sum", worst, 1e-12, WHY)
        worst = abs(directional(net, x, loss, rng, unit)) / scale
        why = (
            f"central difference of order 6 with step {STEP:g}: truncation step^6 = 1e-18, rounding eps / step = 2e-13"
        )
        yield at_most(CLAIM.title, f"{label}: gradient - finite difference, along a random line", worst, 1e-11, why)
        if isinstance(net, oracle.Layered):
            for member in (oracle.agr(0.5), oracle.st_gs(0.5)):
                one, other = (oracle.moments(net, x, loss, member, method=method) for method in ("transfer", "tree"))
                for what in ("gradient", "mean", "square"):
                    # A sum's rounding is a share of its terms' size, which the root mean square measures.
                    power = 1.0 if what == "square" else 0.5
                    worst = max(
                        np.abs(getattr(one[key], what) - getattr(other[key], what)).max()
                        / other[key].square.max() ** power
                        for key in one
                    )
                    setting = f"{label}, {member.name}: {what}, transfer - brute force"
                    yield at_most(CLAIM.title, setting, worst, 1e-12, WHY)


def directional(
    net: oracle.Network, x: np.ndarray, loss: oracle.Categorical, rng: np.random.Generator, gradient: dict
) -> float:
    """Derivative of the exact loss along a random direction, minus the gradient's."""
    values = oracle.parameters(net)
    line = {key: rng.normal(size=value.shape) * np.minimum(np.abs(value), 1.0) for key, value in values.items()}

    def along(t: float) -> float:
        return oracle.exact(oracle.replace(net, {key: values[key] + t * line[key] for key in line}), x, loss).loss

    weights = {1: 45.0, 2: -9.0, 3: 1.0}
    change = sum(w * (along(k * STEP) - along(-k * STEP)) for k, w in weights.items()) / (60.0 * STEP)
    return change - sum(float((line[key] * gradient[key]).sum()) for key in line)
