"""
A deep residual stream without normalisation
============================================

Twenty-four layers of binary units. In a row, the gradient changes by a factor with every layer; along a stream that
carries a mean and a variance (theory 3.8) it stays. Nothing is normalised in either.
"""

import matplotlib.pyplot as plt
import numpy as np

from refsbnn.draws import CounterDraws
from refsbnn.layers import Dense, Residual, SampledReadout, Signal, Spike
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams

DEPTH, WIDTH = 24, 64
streams = Streams(seed=0)
pair = (Spike("st", domain="bipolar"), Dense(WIDTH))
head = (Spike("st", domain="bipolar"), Dense(10), SampledReadout())
networks = {
    "plain": [Dense(WIDTH), *pair * DEPTH, *head],
    "residual": [Dense(WIDTH), *[Residual(pair, scale=DEPTH**-0.5)] * DEPTH, *head],
}

# %%
x = np.random.default_rng(0).normal(size=(32, 20))
g = np.random.default_rng(1).normal(size=(32, 10))
fig, axis = plt.subplots()
for name, layers in networks.items():
    network = Network(layers, Signal("values", (20,)))
    parameters = network.initial(streams)
    draws = CounterDraws(streams, Purpose.TRAIN, step=0, samples=np.arange(32))
    logits, tape = network.forward(parameters, x, draws)
    gradients, _ = network.backward(parameters, tape, g)
    norms = [np.linalg.norm(value) for key, value in gradients.items() if key.endswith("dense.mu")][1:-1]
    axis.plot(range(1, DEPTH + 1), norms, marker="os"[name == "plain"], markersize=4, label=name)
    print(f"{name}: the first layer's gradient is {norms[0] / norms[-1]:.2g} of the last one's")
axis.set(xlabel="layer, 1 next to the input", ylabel="norm of the gradient of the means", yscale="log")
axis.legend()
