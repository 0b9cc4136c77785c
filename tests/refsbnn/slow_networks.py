"""Networks of neurons with a synaptic current or a threshold that adapts, and numbers of their own.

test_network holds their backward pass, the penalty of theory 3.29, 3.35 included, to differences.
"""

from typing import Any

from refsbnn.layers import LIF, Conv2d, Dense, Flatten, LeakyReadout, Signal

GS = {"member": "gs(tau=0.7)"}
FRAMES = Signal("values", (4,), "binary", 5)
EACH = {"learn_beta": True, "beta_spread": 0.7, "learn_theta": True, "theta_spread": 0.3}
SLOW = {"alpha": 0.6, "adapt": 0.8, "adapt_decay": 0.7}
NETWORKS: dict[str, tuple[list[Any], Signal]] = {
    "current": ([Dense(3), LIF(recurrent=True, alpha=0.6, **EACH, **GS), Dense(2), LeakyReadout()], FRAMES),
    "current and adaptation": (
        [Dense(3), LIF(recurrent=True, **SLOW, **EACH, **GS), Dense(3), LIF(alpha=0.4, **GS), Dense(2), LeakyReadout()],
        FRAMES,
    ),
    "adaptation, soft": (
        [Dense(3), LIF(reset="soft", **SLOW, **EACH, **GS), Dense(3), LIF(adapt=0.5, **GS), Dense(2), LeakyReadout()],
        FRAMES,
    ),
    "current and adaptation, point": (
        [
            Dense(3, posterior="point"),
            LIF(recurrent=True, **SLOW, **EACH, **GS),
            Dense(2, posterior="point"),
            LeakyReadout(),
        ],
        FRAMES,
    ),
    "current and adaptation of images": (
        [
            Conv2d(2, size=2),
            LIF(accumulate=False, **SLOW, **GS),
            Conv2d(3, size=2),
            LIF(**SLOW, **EACH, **GS),
            Flatten(),
            Dense(2),
            LeakyReadout(),
        ],
        Signal("values", (4, 3, 1), "binary", 4),
    ),
}
