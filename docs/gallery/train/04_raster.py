"""
A raster of a spiking network
=============================

Digits as spikes over eight steps, a layer of recurrent neurons, and who fired when.
"""

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import fit
from refsbnn.draws import CounterDraws
from refsbnn.evaluation.operations import fired, keeping
from refsbnn.streams import Purpose

run = fit("digits_spiking", "training.epochs=3", "model.hidden=[48]")
print(run)

# %%
# One example through the network. A forward pass keeps a tape, and each stage answers for its spikes.
data, network = run.task.data.validation, keeping(run.task.network)
draws = CounterDraws(run.task.streams, Purpose.PREDICT, step=0, samples=np.array([0]))
inputs = data.batch(draws.samples, draws)
logits, tape = network.forward(run.parameters, inputs, draws)
layers = [("input", np.asarray(inputs)), *fired(network, tape)]

# %%
fig, panels = plt.subplots(len(layers), 1, sharex=True, figsize=(4.4, 4.4))
for panel, (name, spikes) in zip(panels, layers, strict=True):
    unit, step = np.nonzero(spikes[:, 0].reshape(8, -1).T)
    panel.plot(step + 1, unit + 1, "|", markersize=4)
    panel.set(ylabel=f"{name}, unit")
panels[-1].set(xlabel="step", xticks=np.arange(1, 9))
panels[0].set_title(f"label {data.labels[0]}, predicted {logits.argmax()}")
