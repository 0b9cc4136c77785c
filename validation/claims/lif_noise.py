"""Noise redrawn at every step makes a neuron's spikes far more regular than a weight that is drawn once.

Source: theory 3.11 and the paragraph after it. One neuron, hard reset, beta = .9, threshold 1, ten steps, input 1, one
weight N(.25, .04), under three laws: all of the membrane's noise redrawn at each step (the project's); a membrane that
persists, fresh weights at each step; one weight for all steps. Given its past spikes only the first is Gaussian: a
membrane that persists and has not fired is known to lie below the threshold.
"""

import numpy as np
from scipy import special

import oracle
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Row, equal

CLAIM = Claim(
    title="Noise of a neuron in time",
    sentence="Redrawn noise makes spikes more regular than noise that lasts.",
    owner="ours",
    source="theory 3.12",
    statement="For one neuron P(no spike) and the variance of the count grow from noise redrawn at each step over a "
    "membrane that persists to one weight for all steps.",
    assumptions=("beta = 0.9, threshold 1, m = 0.25, v = 0.04, ten steps, hard reset",),
    finding="holds",
    reason="three exact laws, one neuron",
    claimed="more regular",
    headline="redrawn each step: P(no spike)",
    equations=(
        Formula("3.9", r"M_t = \beta M_{t-1} (1 - z_{t-1}) + m_t, \quad V_t = \beta^2 V_{t-1} (1 - z_{t-1}) + v_t"),
        Formula("3.11", r"P(z_t = 1 \mid \text{past}) = F(r_t), \quad r_t = \frac{M_t - \theta}{\sqrt{V_t}}"),
        Formula("3.19", r"z_t = 1[A_t > \theta], \quad A_t = \beta A_{t-1} (1 - z_{t-1}) + a_t"),
    ),
    code=(
        "refsbnn/reference/lif.py",
        "oracle/lif.py",
    ),
)
BETA, MEAN, VARIANCE, STEPS = 0.9, 0.25, 0.04, 10
DIGITS = "the printed digits"


def check(level: Level) -> list[Row]:
    """Probability of no spike, variance of the count, deviation of the membrane."""
    laws = {
        "redrawn each step": (counts_redrawn(), 2.20e-5, 5e-8, 0.2627),
        "persistent membrane": (counts_persistent(), 0.03810, 5e-6, 0.3767),
        "weight shared": (counts_shared(MEAN, VARIANCE), 0.31479, 5e-6, 2.2525),
    }
    rows = []
    for label, (law, silent, digits, variance) in laws.items():
        rows.append(equal(CLAIM.title, f"{label}: total probability", law.sum(), 1.0, 1e-10, "rounding, quadrature"))
        rows.append(equal(CLAIM.title, f"{label}: P(no spike)", law[0], silent, digits, DIGITS))
        k = np.arange(STEPS + 1)
        rows.append(
            equal(CLAIM.title, f"{label}: variance of the count", law @ k**2 - (law @ k) ** 2, variance, 5e-5, DIGITS)
        )
    decay = BETA ** np.arange(STEPS)
    rows.append(
        equal(CLAIM.title, "redrawn: membrane's deviation", np.sqrt(VARIANCE * (decay**2).sum()), 0.4300, 5e-5, DIGITS)
    )
    rows.append(
        equal(CLAIM.title, "shared: membrane's deviation", np.sqrt(VARIANCE) * decay.sum(), 1.3026, 5e-5, DIGITS)
    )
    return rows


def counts_redrawn() -> np.ndarray:
    """Law of the spike count by the oracle's tree (theory 5.8)."""
    net = oracle.LIF(
        [oracle.Layer([[MEAN]], [[VARIANCE]])], oracle.Layer([[1.0]], [[0.0]]), beta=BETA, readout_beta=0.0
    )
    found = []
    for count in range(STEPS + 1):
        found.append(oracle.exact(net, np.ones((STEPS, 1)), indicator(count)).loss)
    return np.array(found)


def indicator(count: int) -> oracle.Custom:
    """A loss of 1 where a readout of the mean saw so many spikes."""
    return oracle.Custom(lambda mean: ((np.abs(STEPS * mean[:, 0] - count) < 0.5).astype(float), np.zeros_like(mean)))


def counts_persistent() -> np.ndarray:
    """Law of the count of a renewal process; the density below the threshold on 200 Gauss-Legendre nodes."""
    x, weight = np.polynomial.legendre.leggauss(200)
    low = -3.0  # 9 deviations below the mean
    a, weight = low + (x + 1.0) / 2.0 * (1.0 - low), weight / 2.0 * (1.0 - low)
    density = np.exp(-((a - MEAN) ** 2) / (2.0 * VARIANCE)) / np.sqrt(2.0 * np.pi * VARIANCE)
    kernel = np.exp(-((a[:, None] - BETA * a - MEAN) ** 2) / (2.0 * VARIANCE)) / np.sqrt(2.0 * np.pi * VARIANCE)
    silent = [1.0]
    for _ in range(STEPS):
        silent.append(float(density @ weight))
        density = kernel @ (weight * density)
    first = -np.diff(silent)  # of the first spike after a reset
    law = np.zeros((STEPS + 1, STEPS + 1))
    for t in range(STEPS + 1):
        law[t, 0] = silent[t]
        for step in range(1, t + 1):
            law[t, 1:] += first[step - 1] * law[t - step, :-1]
    return law[STEPS]


def counts_shared(mean: float, variance: float) -> np.ndarray:
    """Law of the count for one weight: spikes are a function of w, constant between cuts."""
    law = np.zeros(STEPS + 1)

    def cut(low: float, high: float, step: int, held: float, count: int) -> None:
        if low >= high:
            return
        if step == STEPS:
            law[count] += np.diff(special.ndtr((np.array([low, high]) - mean) / np.sqrt(variance)))[0]
            return
        held = BETA * held + 1.0  # the membrane is held * w
        cut(low, min(high, 1.0 / held), step + 1, held, count)
        cut(max(low, 1.0 / held), high, step + 1, 0.0, count + 1)

    cut(-np.inf, np.inf, 0, 0.0, 0)
    return law
