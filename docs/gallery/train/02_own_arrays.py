"""
Your own NumPy arrays
=====================

Two features, two classes, a list of layers: no file, no configuration of data. A fifth of the examples is held out.
"""

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import fit
from refsbnn.layers import Dense, SampledReadout, Spike

rng = np.random.default_rng(0)
x = rng.normal(size=(600, 2))
y = (x[:, 0] * x[:, 1] > 0).astype(int)
layers = [Dense(32), Spike("st"), Dense(2), SampledReadout()]
run = fit("digits_binary", "training.epochs=30", "training.rate=0.03", data=(x, y), layers=layers)
print(run)

# %%
# What 32 sampled networks say on average: sure where the examples are, less so at the borders.
side = np.linspace(-3, 3, 61)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
p = run.predict_proba(grid, samples=32)[:, 1].reshape(61, 61)
fig, axis = plt.subplots()
shown = axis.contourf(side, side, p, levels=np.linspace(0, 1, 11), cmap="PuOr")
fig.colorbar(shown, label="probability of class 1")
for label, marker in ((0, "v"), (1, "^")):
    some = x[y == label][:60]
    axis.plot(*some.T, marker, color="black", markersize=3, label=f"class {label}")
axis.set(xlabel="first feature", ylabel="second feature", xlim=(-3, 3), ylim=(-3, 3))
axis.legend(loc="upper right", frameon=True)
