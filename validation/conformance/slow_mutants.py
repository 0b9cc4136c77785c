"""Planted bugs of neurons with a synaptic current and an adaptive threshold (theory 3.30 to 3.34)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.reference import dense, lif_slow, unit
from validation.conformance.mutant import GIVEN, Mutant, Patch, wrapped


class Way(NamedTuple):
    """What a wrong forward pass does: to the current at a spike, in the variance, with the threshold."""

    erased: bool = False
    apart: bool = False
    rest: Callable[[float], float] = lambda decay: 1.0 - decay


def forward_by(way: Way) -> list[Patch]:
    """The neurons, rewritten."""

    def forward(m: np.ndarray, v: np.ndarray, u: Any, recurrent: Any = None, **k: Any) -> Any:
        noise, member = noises.get(k["noise"]), estimators.get(k["member"])
        alpha, beta, decay, hard = k["alpha"], k["beta"], k["adapt_decay"], k["reset"] == "hard"
        u = np.asarray(u)
        M, V, z, C, a = np.zeros((5, *m.shape))
        J, U, last_M, last_V, last_C, last_a, last = np.zeros((7, *m.shape[1:]))
        for t in range(len(m)):
            m_t, v_t = m[t], v[t]
            if recurrent is not None:
                own = dense.forward(last, *recurrent, domain="binary", variance=k["variance"])
                m_t, v_t = m_t + own[0], v_t + own[1]
            keep = 1.0 - last if hard else 1.0
            flow = keep if way.erased else 1.0
            J, U = alpha * flow * J + m_t, alpha**2 * flow * U + v_t
            M[t] = beta * keep * last_M + J - (0.0 if hard else k["theta"] * last)
            both = 0.0 if way.apart else 2.0 * alpha * beta * last_C
            V[t] = keep * (beta**2 * last_V + both) + U if k["accumulate"] else v_t
            C[t] = alpha * beta * keep * last_C + U
            a[t] = decay * last_a + way.rest(decay) * last
            z[t] = unit.fire(M[t] - k["theta"] - k["adapt"] * a[t], V[t], u[t], noise, member)
            last_M, last_V, last_C, last_a, last = M[t], V[t], C[t], a[t], z[t]
        end = lif_slow.SlowState(last_M, last_V, last, J, U, last_C, last_a)
        return z, lif_slow.SlowTape(M, V, z, C if k["accumulate"] else None, a, end)

    return [(lif_slow, "forward", forward)]


def backward_with(**changes: Any) -> list[Patch]:
    """The backward pass of neurons with other numbers than those that fired."""
    return [wrapped(lif_slow, "backward", lambda f, *a, **k: f(*a, **{**k, **changes}))]


SLOW = (
    Mutant("current erased by the reset", "current-reset", GIVEN, lambda: forward_by(Way(erased=True))),
    Mutant("noise of the current apart", "current-covariance", GIVEN, lambda: forward_by(Way(apart=True))),
    Mutant("current left out backward", "current-gradient", GIVEN, lambda: backward_with(alpha=0.0)),
    Mutant(
        "threshold that rises by the whole of it at a spike",
        "threshold-rise",
        GIVEN,
        lambda: forward_by(Way(rest=lambda decay: 1.0)),
    ),
    # With a decay of 1 spikes do not move the threshold; where it is comes from the tape.
    Mutant("threshold without its gradient", "threshold-gradient", GIVEN, lambda: backward_with(adapt_decay=1.0)),
)
