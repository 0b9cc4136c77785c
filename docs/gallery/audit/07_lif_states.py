"""
All spike trains of a neuron
============================

A leaky integrate-and-fire neuron over six steps has 64 spike trains. Here are all of them, with their exact
probabilities.
"""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np

import oracle

STEPS = 6
trains = np.array(list(product((0, 1), repeat=STEPS)))
net = oracle.LIF([([[0.6]], [[0.1]])], ([[1.0]], [[0.0]]), beta=0.9, theta=1.0, readout_beta=1.0, reduce="last")


# %%
# The readout adds up spikes, so the law of the count is the mean of an indicator. The law of a train needs the readout
# to tell trains apart: with a decay of 1/2 each has a membrane of its own.
tell = oracle.LIF(net.layers, net.readout, beta=0.9, theta=1.0, readout_beta=0.5, reduce="last")
value = trains @ 0.5 ** np.arange(STEPS - 1, -1, -1)


def chance(of: oracle.LIF, target: float) -> float:
    """Probability that the readout ends at the target."""
    hit = oracle.Custom(lambda y: ((np.abs(y[:, 0] - target) < 1e-6).astype(float), np.zeros_like(y)))
    return oracle.exact(of, np.ones((STEPS, 1)), hit).loss


probability = np.array([chance(tell, one) for one in value])
print(f"sum of all probabilities: {probability.sum():.12f}")

# %%
order = np.argsort(-probability)[:20]
fig, (above, below) = plt.subplots(2, 1, sharex=True, height_ratios=[2, 3])
above.bar(np.arange(len(order)), probability[order])
above.set(ylabel="probability")
below.imshow(
    trains[order].T, cmap="Greys", aspect="auto", origin="lower", extent=(-0.5, len(order) - 0.5, 0.5, STEPS + 0.5)
)
below.set(xlabel="spike train, most likely first", ylabel="step (black: spike)", xticks=range(0, 20, 5))
