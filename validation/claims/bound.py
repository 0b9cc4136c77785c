"""The objective is a lower bound on the log evidence where every weight is drawn once an example, or charged each draw.

Source: theory 4.6, 4.7. Shown against exact log evidence of small networks:
- dense layers without time, Gaussian and logistic noise, two examples: never above;
- with KL charged for each draw: never above that of weights of their own at each draw;
- one draw of the weights an example, shared in time: never above that of shared weights.
"KL charged once" shows what exceeds it.
"""

from itertools import product
from typing import Any

import numpy as np
from scipy import integrate, special, stats

import oracle
from oracle import dynamics
from validation.claims.lif_noise import counts_shared
from validation.evidence import drawn, networks
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Row, Rows, at_most, equal

CLAIM = Claim(
    title="Bound on the log evidence",
    sentence="we introduce Spiking Bayesian Neural Networks (SBNNs), a variational inference framework",
    owner="paper",
    source="abstract, sentence 5",
    statement="The objective is a lower bound on the log evidence where every weight is drawn once an example, where "
    "KL is charged for each draw, and where one draw of the weights is shared in time.",
    assumptions=(
        "E[log p] outside the log",
        "Gaussian noise, or logistic noise with zero-mean priors and no known threshold",
        "the KL weight is 1/N",
    ),
    finding="holds with conditions",
    reason="for neurons, streams and convolutions KL is charged for each draw, or the weights are shared",
    claimed="objective <= log evidence",
    headline="dense, gaussian, binary, two examples: largest objective minus log evidence",
    equations=(
        Formula("4.1", r"N E_q[\log p(y \mid z)] - \mathrm{KL}(q \,\|\, \text{prior}) - \lambda N B"),
        Formula(
            "4.6",
            r"D = 1 \text{ (dense)}, \quad D = T \text{ (}\beta = 0\text{)}, \quad D = \frac{T (T + 1)}{2} \text{ "
            r"(LIF, accumulated)}",
        ),
        Formula("4.7", r"N E_q[\log p] - \sum_w D_w \mathrm{KL}_w"),
        Formula("3.19", r"z_t = 1[A_t > \theta], \quad A_t = \beta A_{t-1} (1 - z_{t-1}) + a_t"),
    ),
    code=(
        "refsbnn/objective.py",
        "oracle/elbo.py",
    ),
)
NOISE = 2.0  # variance of the observations


def check(level: Level) -> Rows:
    """Objective minus log evidence, each exact."""
    yield from (*dense(level), scale_mixture())
    for one in (drawn.neuron(), drawn.convolution(), drawn.stream()):
        setting = f"{one.label}, KL of each draw: objective minus log evidence of own weights"
        yield at_most(CLAIM.title, setting, one.each - one.own, 0.0, "a bound")
    yield from (*each_draw(level), *counts(level), *shared())


def dense(level: Level) -> list[Row]:
    """Two examples, every weight's prior N(0, 1), weights shared by the examples."""
    rng = level.rng(__name__)
    rows = []
    for noise, domain in product(("gaussian", "logistic"), ("binary", "bipolar")):
        worst = -np.inf
        for _ in range(8 if level.quick else 40):
            net = near_prior(networks.layered(rng, [2, 2, 2], 1, noise=noise, domain=domain))
            x, y = rng.normal(size=(2, 2)), rng.normal(size=2)
            found = oracle.elbo(net, list(x), [oracle.Gaussian([one], NOISE) for one in y])
            if not found.bound:
                raise AssertionError("a dense network's objective is a bound")
            worst = max(worst, found.value - pair_evidence(domain, x, y))
        setting = f"dense, {noise}, {domain}, two examples: largest objective minus log evidence"
        rows.append(at_most(CLAIM.title, setting, worst, 0.0, "a bound"))
    return rows


def near_prior(net: oracle.Network) -> oracle.Network:
    """The posterior near N(0, 1), where a bound is tight."""
    return oracle.replace(
        net, {key: 0.2 * v if key.endswith("mu") else v**0.1 for key, v in oracle.parameters(net).items()}
    )


def pair_evidence(domain: str, x: np.ndarray, y: np.ndarray) -> float:
    """Log evidence of two examples, two layers of two units: pairs of signs by orthants, the readout Gaussian."""
    low = 0.0 if domain == "binary" else -1.0
    law: dict[Any, float] = {tuple(map(tuple, x)): 1.0}
    states = list(product((low, 1.0), repeat=2))
    for _ in range(2):
        after: dict[Any, float] = {}
        for pair, p in law.items():
            k = np.array(pair) @ np.array(pair).T + 1.0  # covariance under the prior, the bias included
            same = 0.25 + np.arcsin(np.clip(k[0, 1] / np.sqrt(k[0, 0] * k[1, 1]), -1.0, 1.0)) / (2.0 * np.pi)
            for one, two in product(states, repeat=2):
                each = np.prod([same if a == b else 0.5 - same for a, b in zip(one, two, strict=True)])
                after[one, two] = after.get((one, two), 0.0) + p * each
        law = after
    total = 0.0
    for pair, p in law.items():
        z = np.array(pair)
        total += p * stats.multivariate_normal.pdf(y, np.zeros(2), z @ z.T + 1.0 + NOISE * np.eye(2))
    return float(np.log(total))


def scale_mixture() -> Row:
    """Logistic noise is Gaussian noise of a random scale k, twice a Kolmogorov variable; E[1/k^2] < 1."""
    found = integrate.quad(lambda k: stats.kstwobign.pdf(k) / (4.0 * k * k), 0.05, 10.0, epsabs=1e-12, limit=200)[0]
    expected = 7.0 * special.zeta(3.0) / (2.0 * np.pi**2)
    return equal(CLAIM.title, "logistic noise as a mixture of scales k: E[1/k^2]", found, expected, 1e-7, "quadrature")


def each_draw(level: Level) -> list[Row]:
    """Random neurons and streams: KL of each draw against weights of their own, one example, priors N(0, 1)."""
    rng = level.rng(f"{__name__}.each_draw")
    rows = []
    for label in ("LIF hard", "LIF soft, recurrent", "residual"):
        worst = -np.inf
        for _ in range(8 if level.quick else 40):
            x = rng.normal(size=2 if label == "residual" else (3, 2))
            soft = label == "LIF soft, recurrent"
            net: oracle.Network = (
                networks.residual(rng, 2, 2, [1, 2], 1)
                if label == "residual"
                else networks.lif(rng, [2, 2], 1, recurrent=soft, reset="soft" if soft else "hard", theta=0.5)
            )
            y = float(rng.normal())
            at_prior = oracle.replace(
                net, {key: np.full(v.shape, float("sigma2" in key)) for key, v in oracle.parameters(net).items()}
            )
            evidence = float(np.log(-oracle.exact(at_prior, x, drawn.Likelihood(y, NOISE)).loss))
            found = oracle.elbo(near_prior(net), [x], [oracle.Gaussian([y], NOISE)], each_draw=True)
            worst = max(worst, found.value - evidence)
        setting = f"{label}, KL of each draw: largest objective minus log evidence of own weights"
        rows.append(at_most(CLAIM.title, setting, worst, 0.0, "a bound"))
    return rows


def counts(level: Level) -> list[Row]:
    """How often a weight is drawn, by theory 4.6 and by counting the noise terms that the moments of all stages hold.

    A noise term is a stage's variance and one earlier input of the layer: each holds a draw of its own.
    """
    rng, steps = level.rng(f"{__name__}.counts"), 4
    lif, x = networks.lif(rng, [2, 2], 1, theta=0.5), rng.normal(size=(steps, 2))
    silent = [np.zeros((1, 2))] * steps
    held = 0
    for s, t in product(range(steps), repeat=2):
        other = x + (np.arange(steps) == s)[:, None]
        here, there = (dynamics.preactivation(lif, each, t, silent)[1] for each in (x, other))
        held += int((here != there).any())
    found: list[tuple[str, int | None, int]] = [(f"LIF, {steps} steps", oracle.draws(lif, x)["layers.0"], held)]
    stream = networks.residual(rng, 2, 2, [1, 2, 1], 1)
    start, units = rng.normal(size=2), dynamics.stages(stream, rng.normal(size=2))
    spikes = [np.ones((1, n)) for n in units]
    for name, number in oracle.draws(stream, start).items():
        if name != "readout":
            key = f"{name}.sigma2"
            more = oracle.replace(stream, {key: 2.0 * oracle.parameters(stream)[key]})
            read = [
                [dynamics.preactivation(net, start, t, spikes)[1] for t in range(len(units))] for net in (stream, more)
            ]
            found.append((f"stream, {name}", number, sum((a != b).any() for a, b in zip(*read, strict=True))))
    setting = "draws of a weight for one example"
    return [
        equal(CLAIM.title, f"{one}: {setting}", float(told or 0), float(seen), 0.0, "a count")
        for one, told, seen in found
    ]


def shared() -> list[Row]:
    """One neuron, one weight drawn once an example (theory 3.19), its spikes counted over ten steps; prior N(0, 1)."""
    counts = np.arange(11)
    rows = []
    for y in (2.0, 5.0):
        loglik = stats.norm.logpdf(y, counts, 1.0)
        evidence = float(np.log(counts_shared(0.0, 1.0) @ np.exp(loglik)))
        best = max(
            float(counts_shared(mu, sigma2) @ loglik) - 0.5 * (mu**2 + sigma2 - 1.0 - np.log(sigma2))
            for mu in np.linspace(-1.0, 2.0, 31)
            for sigma2 in np.exp(np.linspace(-8.0, 1.0, 28))
        )
        setting = f"weight shared in time, count {y:g}: best objective minus log evidence of shared weights"
        rows.append(at_most(CLAIM.title, setting, best - evidence, 0.0, "a bound"))
    return rows
