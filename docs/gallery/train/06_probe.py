"""
Probe a trained network
=======================

Enumeration ends at some twenty units. In a trained network of any width the bias of an estimator is measured: spikes
are turned over one at a time, all other noise held.
"""

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import fit

run = fit("digits_binary", "training.epochs=8", "model.hidden=[64, 64]")
members = ["st", "trapezoid", "agr(tau=0.5)", "agr(tau=2)"]
found = run.probe(members, units=16, examples=96, draws=24)
print(found.table().split("\n\n")[1])

# %%
# Relative bias of single examples' gradients with intervals of 95 %.
fig, axis = plt.subplots()
layers = list(dict.fromkeys(row.layer for row in found.rows))
for i, member in enumerate(members):
    rows = [row for row in found.rows if row.member == member]
    middle = np.array([row.each.bias.value for row in rows])
    low, high = (np.array([getattr(row.each.bias, end) for row in rows]) for end in ("low", "high"))
    place = np.arange(len(rows)) + 0.16 * (i - 1.5)
    axis.errorbar(place, middle, (middle - low, high - middle), fmt="osD^"[i], capsize=3, label=member)
axis.set_xticks(range(len(layers)), layers)
axis.set(xlabel="layer", ylabel="relative bias", ylim=(0, None))
axis.legend()
