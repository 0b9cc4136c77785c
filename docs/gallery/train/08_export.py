"""
Export to NIR and PyTorch
=========================

A trained spiking network as a NIR file, which snnTorch, SpikingJelly and others read, and as a plain module of
PyTorch.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from refsbnn import fit
from refsbnn.network import Network

run = fit("digits_spiking", "training.epochs=3", "model.hidden=[32]")
path = Path(tempfile.mkdtemp()) / "digits.nir"
run.to_nir(path)
network, parameters = Network.from_nir(path)
print(f"{path.stat().st_size:,} bytes; read back: {[stage.name for stage in network.stages]}")
print("largest difference of a mean:", max(np.abs(parameters["0.dense.mu"] - run.parameters["1.dense.mu"]).ravel()))

# %%
# The module draws its noise from PyTorch's generator. One digit, rate-coded by hand, seen by 200 sampled networks and
# by the mean weights.
module = run.to_torch()
image = run.task.data.test.x[0].reshape(-1)
spikes = (np.random.default_rng(0).random((8, 1, 64)) < image).astype(float)
x = torch.tensor(np.repeat(spikes, 200, axis=1))
with torch.no_grad():
    drawn = torch.softmax(module(x), dim=-1)
    mean = torch.softmax(module(x[:, :1], sample=False), dim=-1)

# %%
fig, axis = plt.subplots()
axis.boxplot(drawn.numpy(), positions=range(10), flierprops={"markersize": 2})
axis.plot(range(10), mean[0], "D", markersize=5, label="mean weights")
axis.set(
    xlabel=f"digit (label {run.task.data.test.labels[0]})", ylabel="probability, 200 sampled networks", ylim=(0, 1)
)
axis.legend()
