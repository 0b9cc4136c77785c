"""
Deep without normalisation
==========================

Deep binary networks are usually trained with batch normalisation. A stack of noisy binary layers without it loses its
gradient: each layer passes on a fraction. On a residual stream that carries mean and variance (theory 3.8) the gradient
does not fall with depth, and nothing has to be normalised.
"""

# %%
# What the gradient does
# ----------------------
# Sixteen layers of units before any training, in a row and on a stream. The norm of the gradient of each layer's means,
# for one batch of the built-in digits:

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import fit
from refsbnn.data import digits
from refsbnn.draws import CounterDraws
from refsbnn.layers import Dense, Flatten, Residual, SampledReadout, Signal, Spike
from refsbnn.network import Network
from refsbnn.objective import categorical
from refsbnn.streams import Purpose, Streams

DEPTH, WIDTH = 16, 64
part = digits.load()[0]
images, labels = part.x[:64], part.labels[:64]
streams = Streams(seed=1)


def unit() -> Spike:
    return Spike("agr(tau=0.5)", domain="bipolar")


head = [unit(), Dense(10), SampledReadout()]
plain = [
    Flatten(),
    Dense(WIDTH),
    *(layer for _ in range(DEPTH) for layer in (unit(), Dense(WIDTH))),
    *head,
]
stream = [
    Flatten(),
    Dense(WIDTH),
    *(Residual((unit(), Dense(WIDTH)), scale=0.5) for _ in range(DEPTH)),
    *head,
]


def gradients(layers: list) -> tuple[list[float], list[float]]:
    """Norms of the gradients of the means of each layer, and the spread of r of each layer of units."""
    network = Network(layers, Signal("values", (8, 8, 1)))
    parameters = network.initial(streams)
    draws = CounterDraws(streams, Purpose.TRAIN, step=0, samples=np.arange(64))
    logits, tape = network.forward(parameters, images, draws)
    _, dlogits = categorical(logits, labels)
    found, _ = network.backward(parameters, tape, -dlogits / 64)
    keys = sorted((key for key in found if key.endswith("dense.mu")), key=lambda key: int(key.split(".")[0]))
    return [float(np.linalg.norm(found[key])) for key in keys], [one.spread for one in network.monitors(tape)]


figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.2))
for layers, label, marker in ((plain, "in a row", "s"), (stream, "residual stream", "o")):
    norms, spreads = gradients(layers)
    axes[0].semilogy(norms, marker + "-", label=label)
    axes[1].plot(spreads, marker + "-", label=label)
    print(f"{label:16} gradient of the first layer over that of the last: {norms[0] / norms[-1]:.1e}")
axes[0].set(xlabel="layer", ylabel="norm of the gradient", title="Gradient, before training")
axes[1].set(xlabel="layer of units", ylabel="spread of r = m / s", title="Drive over noise", ylim=(0, 2))
axes[0].legend()
plt.show()

# %%
# The stream's drive over noise keeps its size at every depth, as theory 3.24 and 3.25 say, although nothing holds it
# there. A normaliser would hold it too; here it is the noise that sets the scale.
#
# Trained
# -------
# Four epochs of the digits each, the same settings:

settings = ("training.epochs=4", "objective.temperature=0.01", "training.rate=0.01")
accuracies = {}
for label, layers in (("in a row", plain), ("residual stream", stream)):
    run = fit("digits_binary", *settings, layers=layers)
    accuracies[label] = [100.0 * row["validation_accuracy"] for row in run.history]
    print(f"{label:16} validation accuracy by epoch, %: {np.round(accuracies[label], 1)}")

figure, axis = plt.subplots(figsize=(5.2, 3.2))
for (label, values), marker in zip(accuracies.items(), "so", strict=True):
    axis.plot(range(1, 5), values, marker + "-", label=label)
axis.axhline(10.0, color="black", linestyle="--", linewidth=1.0, label="chance")
axis.set(
    xlabel="epoch",
    ylabel="validation accuracy, %",
    title="16 layers of binary units",
    xticks=range(1, 5),
)
axis.legend()
plt.show()

# %%
# What normalisation is still better for, and where not, on CIFAR-10 and on spikes, is measured in :doc:`/training`.
