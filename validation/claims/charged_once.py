"""Where the noise of a weight is drawn more than once an example, the objective with KL charged once is no bound.

Source: theory 4.6. Neurons and convolutions exceed the log evidence both of shared weights and of weights of their own
at each draw, a residual stream one of the two each. No bound either: instantaneous variance in a stream, logistic noise
before a threshold, the mean of samples inside the log. "Bound on the log evidence" shows where it is one.
"""

from typing import Any

import numpy as np
from scipy import special

import oracle
from validation.evidence import drawn
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Row, Rows, at_least, refutes

CLAIM = Claim(
    title="KL charged once",
    sentence="The objective without its last term is the evidence lower bound of every network.",
    owner="ours",
    source="theory 4.1, its short form",
    statement="With KL charged once the objective exceeds the exact log evidence of neurons, convolutions and streams, "
    "of a variance that is not carried on, of logistic noise before a threshold and of averages inside the log.",
    assumptions=("the noise of a weight is drawn afresh at each step, place or unit",),
    finding="does not hold",
    reason="drawn more than once, a weight is charged too little: each row exceeds the log evidence",
    claimed="objective <= log evidence",
    headline="LIF, KL once, weights shared: objective minus log evidence",
    equations=(
        Formula("4.1", r"N E_q[\log p(y \mid z)] - \mathrm{KL}(q \,\|\, \text{prior}) - \lambda N B"),
        Formula("4.6", r"D = T \text{ (}\beta = 0\text{)}, \quad D = \frac{T (T + 1)}{2} \text{ (LIF, accumulated)}"),
    ),
    code=("oracle/elbo.py", "refsbnn/objective.py"),
)
WHY = "exact sums; a difference that is not rounding"


def check(level: Level) -> Rows:
    """Objective minus log evidence, each exact."""
    for one in (drawn.neuron(), drawn.convolution(), drawn.stream()):
        for kind, evidence in (("shared", one.shared), ("of their own", one.own)):
            if np.isfinite(evidence):
                yield above(f"{one.label}, KL once, weights {kind}", one.once, evidence)
    yield from (*streams(), *none())


def above(setting: str, value: float, evidence: float) -> Row:
    """A row that says by how much an objective exceeds a log evidence."""
    row = at_least(CLAIM.title, f"{setting}: objective minus log evidence", value - evidence, 1e-3, WHY)
    return refutes(row, CLAIM.sentence.removesuffix("."))


def streams() -> Rows:
    """Shared weights at the prior, and a variance that is not carried on."""
    objective = -oracle.exact(drawn.residual((0.0, 0.0), (1.0, 1.0)), [1.0], drawn.linear(0.5)).loss
    # The last unit fires with probability 3/8 if the weights are shared (the first one must fire), 1/2 if not.
    evidence = float(np.log(5.0 / 8.0 + 3.0 / 8.0 * np.exp(0.5)))
    yield above("residual at the prior, KL once, weights shared", objective, evidence)
    # The stem's mean stays in the last unit, its noise does not: r = .1 / .01 for a divergence of .005.
    instant = drawn.residual((0.1, 0.0), (1.0, 1e-4), accumulate=False)
    priors: dict[str, Any] = {"stem.mu": 1.0, "blocks.0.0.mu": 1e-4, "readout.mu": 1.0}
    found = oracle.elbo(instant, [[1.0]], [drawn.linear(2.0)], prior_sigma2=priors, known=["readout"])
    even = float(np.log(0.5 + 0.5 * np.exp(2.0)))  # each spike is a fair coin under the prior
    yield above("residual, instantaneous, weights of their own", found.value, even)


def none() -> list[Row]:
    """Logistic noise before a threshold; the mean of probabilities inside the log."""
    net = oracle.LIF([oracle.Layer([[0.0]], [[1.0]])], drawn.known_one(), theta=1.0, readout_beta=0.0, noise="logistic")
    found = oracle.elbo(net, [[[1.0]]], [drawn.linear(0.5)], known=["readout"]).value
    pi = special.ndtr(-1.0)
    rows = [
        above(
            "logistic noise before a threshold, one step, at the prior",
            found,
            float(np.log(1.0 - pi + pi * np.exp(0.5))),
        )
    ]
    # p(y | spike) = 1, p(y | none) = 0, prior N(0, 1): the log of the mean, less KL at N(.5, 1).
    value = float(np.log(special.ndtr(0.5)) - 0.125)
    return [*rows, above("mean over samples inside the log, one unit", value, float(np.log(0.5)))]
