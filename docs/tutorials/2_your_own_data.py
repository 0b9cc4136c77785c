"""
Train on your own data
======================

NumPy arrays in, a trained network with probabilities out: here two half-moons, so that what the network believes can be
drawn, then the built-in digits.
"""

# %%
# Data are arrays: x with a row for each example, y with whole numbers. A fifth is held out for validation.

import tempfile

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import fit
from refsbnn.arrays import Arrays
from refsbnn.layers import Dense, SampledReadout, Spike

rng = np.random.default_rng(0)
y = rng.integers(0, 2, 500)
angle = np.pi * (rng.uniform(size=500) - y)
x = 1.4 * np.stack([np.cos(angle) - 0.5 + y, np.sin(angle) + 0.25 * (2 * y - 1)], axis=1)
x += rng.normal(0.0, 0.15, x.shape)

# %%
# ``layers`` are yours or a configuration's; the rest of the configuration says how to train. Every weight has a mean
# and a variance, every unit fires at random, and ``agr`` is the estimator of the gradient. The KL weight,
# ``objective.temperature``, is 1 for the evidence lower bound; smaller ones trust the data more.

layers = [
    Dense(64),
    Spike("agr(tau=0.5)"),
    Dense(64),
    Spike("agr(tau=0.5)"),
    Dense(2),
    SampledReadout(),
]
run = fit(
    "digits_binary",
    "training.epochs=50",
    "objective.temperature=0.02",
    data=(x, y),
    layers=layers,
)
report = run.evaluate("validation", samples=32)
print(report.table())

# %%
# The average over 32 sampled networks follows the data and is unsure along the border. The deterministic network of the
# mean weights, beside it, is not what was trained, and draws a sharp line.

side = np.linspace(-3.2, 3.2, 61)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.6), sharey=True)
for axis, samples, title in zip(axes, (0, 32), ("mean weights", "average of 32 sampled networks"), strict=True):
    p = run.predict_proba(grid, samples=samples)[:, 1].reshape(61, 61)
    shown = axis.imshow(p, extent=(-3.2, 3.2, -3.2, 3.2), origin="lower", cmap="PuOr", vmin=0.0, vmax=1.0)
    axis.scatter(*x.T, c=y, cmap="PuOr", s=6, edgecolors="black", linewidths=0.3)
    axis.set_title(title)
    axis.grid(False)
figure.colorbar(shown, ax=axes, label="probability of class 1")
plt.show()

# %%
# The digits
# ----------
# Any data set that ships, or that :doc:`/data` reads, is a name. The history holds a row for each epoch.

digits = fit("digits_binary", "training.epochs=8")
figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.0))
epochs = [row["epoch"] for row in digits.history]
axes[0].plot(epochs, [100.0 * row["validation_accuracy"] for row in digits.history], "o-")
axes[0].set(xlabel="epoch", ylabel="validation accuracy, %", title="Digits, two layers of 256 units")

images = np.zeros((3, 8, 8, 1))
images[0, :, 3:5] = 1.0  # a one
images[1, 1:7, 1:7] = 1.0  # a box, which is no digit
images[2] = rng.uniform(0.0, 1.0, (8, 8, 1))  # noise
for index, label in enumerate(("a bar", "a box", "noise")):
    axes[1].plot(
        range(10),
        digits.predict_proba(images, samples=32)[index],
        "osD"[index] + "-",
        label=label,
    )
axes[1].set(
    xlabel="digit",
    ylabel="probability",
    title="What it makes of other pictures",
    xticks=range(10),
)
axes[1].legend()
plt.show()

# %%
# Data over time
# --------------
# ``Arrays(x, y, time=True)`` says that the second axis of x is time, (examples, steps, features); bytes are spikes.
# Here eight inputs beat every third step or every fourth, each from a step of its own on, and 64 recurrent neurons
# tell which.

beat = rng.integers(0, 2, 300)
step = np.arange(24)[:, None] + rng.integers(0, 12, (300, 1, 8))
spikes = (step % (3 + beat[:, None, None]) == 0).astype(np.uint8)
rhythm = fit(
    "digits_spiking",
    "model.hidden=[64]",
    "training.epochs=15",
    "training.batch=16",
    data=Arrays(spikes, beat, time=True),
)
print(rhythm.evaluate("validation", samples=8).table())

# %%
# Save it, and hand it on: the folder is the one that ``refsbnn train`` writes, ``to_nir`` writes a file that snnTorch
# and SpikingJelly read (:doc:`/exchange`).

with tempfile.TemporaryDirectory() as folder:
    digits.save(folder)
    again = type(digits).load(folder)
print(
    "the same bits:",
    np.array_equal(again.predict_proba(images, samples=8), digits.predict_proba(images, samples=8)),
)
