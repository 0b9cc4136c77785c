"""Noise redrawn at every step makes a neuron's spikes far more regular than a weight that is drawn once.

Source: theory 3.11 and the paragraph after it. One neuron, hard reset, beta = .9, threshold 1, ten steps, input 1, one
weight N(.25, .04), under three laws: all of the membrane's noise redrawn at each step (the project's); a membrane that
persists, fresh weights at each step; one weight for all steps. Given its past spikes only the first is Gaussian: a
membrane that persists and has not fired is known to lie below the threshold.
"""

import numpy as np
from scipy import special

import oracle
from refsbnn.reference import lif
from validation.evidence.claim import Claim, Formula
from validation.evidence.record import Level, Rows, at_least, equal

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
DIGITS = "the digits of the table below theory 3.12"
DECAY = BETA ** np.arange(STEPS)


def check(level: Level) -> Rows:
    """Probability of no spike, variance of the count, deviation of the membrane."""
    k = np.arange(STEPS + 1)
    laws = (counts_redrawn(), counts_persistent(), counts_shared(MEAN, VARIANCE))
    redrawn, persistent, shared = laws
    variances = [float(law @ k**2 - (law @ k) ** 2) for law in laws]
    for label, law in zip(("redrawn each step", "persistent membrane", "weight shared"), laws, strict=True):
        yield equal(CLAIM.title, f"{label}: total probability", law.sum(), 1.0, 1e-10, "rounding, quadrature")
    held = np.cumsum(DECAY)  # of the input, by steps since the reset
    fires = special.ndtr((MEAN * held - 1.0) / np.sqrt(VARIANCE * np.cumsum(DECAY**2)))
    silent = np.append(1.0, np.cumprod(1.0 - fires))
    expected = renewal(silent)
    why = "the product of the steps' probabilities, and a renewal process; the tree knows neither"
    yield equal(CLAIM.title, "redrawn each step: P(no spike)", redrawn[0], silent[-1], 1e-14, why)
    variance = float(expected @ k**2 - (expected @ k) ** 2)
    yield equal(CLAIM.title, "redrawn each step: variance of the count", variances[0], variance, 1e-12, why)
    yield equal(CLAIM.title, "persistent membrane: P(no spike)", persistent[0], 0.0381, 5e-5, DIGITS)
    yield equal(CLAIM.title, "persistent membrane: variance of the count", variances[1], 0.377, 5e-4, DIGITS)
    never = float(special.ndtr((1.0 / held[-1] - MEAN) / np.sqrt(VARIANCE)))
    why = "no spike if the weight times the sum of the decays stays below the threshold"
    yield equal(CLAIM.title, "weight shared: P(no spike)", shared[0], never, 1e-14, why)
    yield equal(CLAIM.title, "weight shared: variance of the count", variances[2], 2.253, 5e-4, DIGITS)
    silence = [float(law[0]) for law in laws]
    for what, numbers in (("P(no spike)", silence), ("variance of the count", variances)):
        low, middle, high = numbers
        yield at_least(CLAIM.title, f"{what}: persistent membrane less redrawn", middle - low, 0.01, "more regular")
        yield at_least(CLAIM.title, f"{what}: weight shared less persistent", high - middle, 0.1, "more regular")
    # The layer that trains, with a threshold out of reach: its variance, and one weight's deviation times its mean.
    one = np.ones((STEPS, 1, 1))
    tape = lif.forward(one, VARIANCE * one, 0.5 * one, beta=BETA, theta=1e3, noise="gaussian", member="st")[1]
    yield equal(CLAIM.title, "redrawn: membrane's deviation", np.sqrt(tape.V[-1, 0, 0]), 0.430, 5e-4, DIGITS)
    shared_deviation = np.sqrt(VARIANCE) * tape.M[-1, 0, 0]
    yield equal(CLAIM.title, "shared: membrane's deviation", shared_deviation, 1.303, 5e-4, DIGITS)


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
    return renewal(np.array(silent))


def renewal(silent: np.ndarray) -> np.ndarray:
    """Law of the count from the probability of no spike within 0, 1, ... steps of a reset."""
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
