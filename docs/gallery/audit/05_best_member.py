"""
The best two-point member, and temp(c)
======================================

Which masses have the least mean squared error over n draws? For one unit and a quadratic loss it is known (theory
2.22), but it depends on which way the loss bends. ``temp`` is the best that does not know.
"""

import matplotlib.pyplot as plt
import numpy as np

n, bend = 100, 0.4  # draws; the change of the loss's slope between the states, relative to its mean
pi = np.linspace(0.001, 0.999, 400)
q = 1 - pi


def best(bend: float) -> np.ndarray:
    """Theory 2.22 with a - b = bend, q a + pi b = 1."""
    kappa = n * pi * q * bend**2
    return (pi + kappa / 2 - pi * q * bend) / (1 + kappa)


c = n * bend**2
lam = c * pi * q / (1 + c * pi * q)
temp = pi + lam * (0.5 - pi)

# %%
fig, axis = plt.subplots()
axis.plot(pi, best(bend), "--", label="best, slope grows with the spike")
axis.plot(pi, best(-bend), ":", label="best, slope falls")
axis.plot(pi, temp, linewidth=2.5, label=f"temp(c={c:g})")
axis.plot(pi, pi, color="0.6", label="st")
axis.axhline(0.5, color="0.6", linestyle="-.", label="trapezoid")
axis.set(xlabel="probability of a spike", ylabel="mass on the spike's state, p1", xlim=(0, 1), ylim=(0, 1))
axis.legend()
