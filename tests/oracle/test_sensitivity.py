"""The oracle's auxiliary loss against sums written out for networks of a unit or two."""

import numpy as np
import pytest
from scipy import stats

import oracle
from oracle.errors import InputError

PHI = stats.norm.cdf
LAST = oracle.Layer([[0.8], [-0.3]], np.zeros((2, 1)))
W = np.array([0.8, -0.3])


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("domain", ["binary", "bipolar"])
def test_two_units_in_a_chain(domain: str) -> None:
    first, second = oracle.Layer([[0.5]], [[0.4]], [0.1], [0.3]), oracle.Layer([[0.7]], [[0.6]], [-0.2], [0.5])
    net = oracle.Layered([first, second], LAST, domain=domain)
    found = oracle.penalty(net, [1.5], oracle.Categorical(0))
    pi = PHI((0.5 * 1.5 + 0.1) / np.sqrt(0.4 * 1.5**2 + 0.3))
    low, span, step = (0.0, 1.0, 0.6) if domain == "binary" else (-1.0, 2.0, 0.0)
    expected, bent = 0.0, 0.0
    for p, y in ((1.0 - pi, low), (pi, 1.0)):
        m, v = 0.7 * y - 0.2, (0.6 * y if domain == "binary" else 0.6) + 0.5
        r = m / np.sqrt(v)
        expected += p * (span * 0.7 / np.sqrt(v) - r * step / (2.0 * v)) ** 2
        for q, z in ((1.0 - PHI(r), low), (PHI(r), 1.0)):
            prob = softmax(W * z)
            bent += p * q * span**2 * (W @ (np.diag(prob) - np.outer(prob, prob)) @ W)
    assert found.sensitivity["layers.0"] == 0.0
    assert found.sensitivity["layers.1"] == pytest.approx(expected, rel=1e-13)
    assert found.curvature == pytest.approx(bent, rel=1e-13)
    assert found.value == pytest.approx(expected / 2.0 + bent, rel=1e-13)


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_neuron_with_itself(reset: str) -> None:
    """Two steps: the spike of the first moves the second by the reset and by its recurrent weight."""
    layer = oracle.Layer([[0.5]], [[0.4]], [0.1], [0.3], [[0.6]], [[0.2]])
    net = oracle.LIF([layer], LAST, beta=0.8, theta=0.7, reset=reset)
    x = np.array([[1.5], [-0.5]])
    m1, v1 = 0.5 * 1.5 + 0.1, 0.4 * 1.5**2 + 0.3
    m2, v2 = 0.5 * -0.5 + 0.1, 0.4 * 0.5**2 + 0.3
    pi = PHI((m1 - 0.7) / np.sqrt(v1))
    expected = 0.0
    for p, z in ((1.0 - pi, 0.0), (pi, 1.0)):
        keep = 1.0 - z if reset == "hard" else 1.0
        M = 0.8 * m1 * keep + m2 + 0.6 * z - (0.0 if reset == "hard" else 0.7 * z)
        V = 0.64 * v1 * keep + v2 + 0.2 * z
        dm, dv = (0.6 - 0.8 * m1, 0.2 - 0.64 * v1) if reset == "hard" else (0.6 - 0.7, 0.2)
        expected += p * (dm / np.sqrt(V) - (M - 0.7) * dv / (2.0 * V * np.sqrt(V))) ** 2
    found = oracle.penalty(net, x, oracle.Gaussian([0.0, 0.0], 0.5))
    assert found.sensitivity["layers.0"] == pytest.approx(expected / 2.0, rel=1e-13)  # the first step counts 0
    read = (0.5 * (1.0 + 0.8)) ** 2 + 0.5**2
    assert found.curvature == pytest.approx(read * (W @ W) / 0.5, rel=1e-13)


def test_a_stream_is_moved_by_every_branch() -> None:
    stem, blocks = oracle.Layer([[0.5]], [[0.4]]), [[oracle.Layer([[mu]], [[0.3]])] for mu in (0.6, -0.9)]
    net = oracle.Residual(stem, blocks, LAST, scales=[0.5, 2.0])
    found = oracle.penalty(net, [1.0], oracle.Bernoulli([1.0, 0.0]))
    assert list(found.sensitivity) == ["blocks.0.0", "blocks.1.0", "stream"]
    pi, expected = PHI(0.5 / np.sqrt(0.4)), 0.0
    for p, z in ((1.0 - pi, 0.0), (pi, 1.0)):
        H, U = 0.5 + 0.3 * z, 0.4 + 0.25 * 0.3 * z
        for q, y in ((PHI(-H / np.sqrt(U)), 0.0), (PHI(H / np.sqrt(U)), 1.0)):
            m, v = H - 1.8 * y, U + 1.2 * y
            moves = [(0.3, 0.075), (-1.8, 1.2)]
            expected += p * q * sum((dm / np.sqrt(v) - m * dv / (2.0 * v * np.sqrt(v))) ** 2 for dm, dv in moves)
    assert found.sensitivity["stream"] == pytest.approx(expected, rel=1e-13)


def test_what_it_does_not_know() -> None:
    net = oracle.Layered([oracle.Layer([[0.5]], [[0.4]])], LAST)
    with pytest.raises(InputError, match="the loss is a Custom"):
        oracle.penalty(net, [1.0], oracle.Custom(lambda y: (y[:, 0], np.stack([y[:, 0], y[:, 1]], 1))))
    wide = oracle.Layer(np.ones((4, 1)), np.ones((4, 1)))
    pooled = oracle.Layered([wide], LAST, pools={"readout": oracle.Pool("max", 2, 2, 1, size=2)})
    with pytest.raises(InputError, match="the network has pools"):
        oracle.penalty(pooled, [1.0], oracle.Categorical(0))
