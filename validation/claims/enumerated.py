"""The network that trains, led through every joint state, gives the oracle's exact numbers, parameter by parameter.

Source: theory 5.1; the check is deterministic. `validation.twin` makes the `Network` of an oracle's network, and
`validation.driver` chooses the uniforms that lead to each state, with the oracle's probabilities. Mean, bias, variance
and mean squared error of what `Network.backward` returns are held to `oracle.moments`: with layers run again
(`recompute`) and time in pieces (`chunk`) too, and, at the full level, on the compiled engine in both its types.
"""

from typing import Any

import numpy as np

import oracle
from oracle import dynamics
from validation import twin
from validation.evidence import networks
from validation.evidence.agreement import TOLERANCE, WHY, deviation
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_most

CLAIM = Claim(
    title="Networks over all states",
    sentence="The network that trains returns, over all joint states, the oracle's exact mean, bias and variance.",
    owner="ours",
    source="theory 5.1",
    statement="Led through every joint state, the network's gradients have the mean, bias, variance and mean squared "
    "error of the oracle, parameter by parameter: dense, residual and spiking, reference and engine.",
    assumptions=("small enough to enumerate",),
    finding="holds",
    reason="to 4,000 eps of the type",
    claimed="difference 0",
    headline="dense, st, Categorical: largest deviation",
    equations=(
        Formula("5.1", r"E[L] = \sum_z P(z)\, L(z)"),
        Formula("5.8", r"2^{n T} \text{ or } 2^{\text{all units}} \text{ leaves}"),
        Formula("3.2", r"c = g k, \quad dm = \frac{c}{s}, \quad dv = \frac{-c m}{2 s^3}"),
        Formula("3.3", r"d\mu = dm^T x, \quad d\sigma^2 = dv^T x_2"),
        Formula("3.5", r"\sigma^2 = e^{\rho}, \quad d\rho = \sigma^2 d\sigma^2"),
        Formula("3.8", r"H_{l+1} = H_l + a_l m_l, \quad U_{l+1} = U_l + a_l^2 v_l"),
        Formula("3.9", r"M_t = \beta M_{t-1} (1 - z_{t-1}) + m_t, \quad V_t = \beta^2 V_{t-1} (1 - z_{t-1}) + v_t"),
        Formula("3.10", r"M_t = \beta M_{t-1} + m_t - \theta z_{t-1}, \quad V_t = \beta^2 V_{t-1} + v_t"),
        Formula("3.12", r"dz_t = g_t + \text{reset}_t + \text{recurrent}_t"),
        Formula("3.13", r"m_{out} = \sum_t c_t m_t, \quad v_{out} = \sum_t c_t^2 v_t"),
        Formula("3.14", r"\text{logit} = m + \sqrt{v}\, \epsilon"),
        Formula("4.3", r"\ln p_y, \quad \text{derivative } \mathrm{onehot}(y) - p"),
    ),
    code=(
        "refsbnn/network.py",
        "oracle/moments.py",
        "validation/driver.py",
    ),
)
RANDOM = "st-gs(tau=0.5)"
MEMBERS = ("st", "mix(lam=0.5)", "agr(tau=0.5)", RANDOM)


def check(level: Level) -> Rows:
    """Largest deviation over all parameters, by network, member and way of running."""
    rng = level.rng(__name__)
    for label, (net, x) in nets(rng).items():
        losses: list[Any] = [oracle.Categorical(1, eps=rng.normal(size=2)), oracle.Bernoulli([1.0, 0.0])]
        losses += [oracle.Gaussian(rng.normal(size=2), 0.7), oracle.Bernoulli([0.0, 0.7], eps=rng.normal(size=2))]
        ways: list[dict[str, Any]] = [{"recompute": 2}]
        if isinstance(net, oracle.LIF):
            ways.append({"chunk": 2})
        if not level.quick:
            types = [{"backend": "numba", "dtype": dtype} for dtype in TOLERANCE]
            ways = [*ways, *types, *({**kind, **way} for kind in types for way in ways)]
        few = sum(dynamics.stages(net, x)) <= 3  # six states a unit where the slope is random
        runs: list[tuple[str, Any, dict[str, Any]]]
        runs = [(member, loss, {}) for member, loss in zip(MEMBERS, losses, strict=True) if few or member != RANDOM]
        runs += [(MEMBERS[2], losses[0], way) for way in ways]
        for member, loss, way in runs:
            one = twin.of(calmer(net) if member == RANDOM else net, x, loss, member, **way)
            number = one.network.dtype.name
            worst = deviation(one, x, loss, squares=not level.quick or (member in MEMBERS[2:] and not way))
            how = "".join(f", {value if isinstance(value, str) else f'{key} {value}'}" for key, value in way.items())
            setting = f"{label}, {member}, {type(loss).__name__}{how}: largest deviation"
            yield at_most(CLAIM.title, setting, worst, TOLERANCE[number], WHY)


def calmer(net: oracle.Network) -> oracle.Network:
    """Half the means: a unit almost certain of its spike has cells too narrow for a quadrature of uniforms."""
    return oracle.replace(net, {k: 0.5 * value for k, value in oracle.parameters(net).items() if k.endswith("mu")})


def nets(rng: np.random.Generator) -> dict[str, tuple[oracle.Network, np.ndarray]]:
    """Networks of every kind."""
    time = rng.normal(size=(3, 2))
    return {
        "dense": (networks.layered(rng, [2, 3, 3]), rng.normal(size=2)),
        "dense, quadratic, logistic": (
            networks.layered(rng, [2, 2, 1], variance="quadratic", noise="logistic"),
            rng.normal(size=2),
        ),
        "dense, {-1,+1}": (networks.layered(rng, [2, 1, 2], domain="bipolar"), rng.normal(size=2)),
        "residual": (networks.residual(rng, 2, 2, [1, 2], scales=[0.8, 1.1]), rng.normal(size=2)),
        "residual, instantaneous": (networks.residual(rng, 2, 1, [2], accumulate=False), rng.normal(size=2)),
        "LIF hard": (networks.lif(rng, [2, 2], theta=0.5), time),
        "LIF soft, recurrent": (networks.lif(rng, [2, 2], recurrent=True, reset="soft", theta=0.5), time),
        "LIF, reset detached": (networks.lif(rng, [2, 1], theta=0.5, reset_gradient=False, reduce="last"), time),
        "LIF, instantaneous": (networks.lif(rng, [2, 1], theta=0.5, accumulate=False, reduce="max"), time),
    }
