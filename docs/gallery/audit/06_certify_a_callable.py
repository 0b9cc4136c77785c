"""
Certify a callable
==================

An estimator somebody wrote, with a mistake in it: a factor 2. ``certify`` runs it through every joint state and says
what it is.
"""

import matplotlib.pyplot as plt
import numpy as np

from validation.certify.report import certify


def mine(parameters, x, uniforms, loss, factor=2.0):
    h, kept = x, []
    for i, u in enumerate(uniforms):
        pi = 1 / (1 + np.exp(-(parameters[f"w{i}"] @ h + parameters[f"b{i}"])))
        kept.append((h, pi))
        h = 1.0 * (u < pi)
    g = loss.gradient(parameters[f"w{len(kept)}"] @ h + parameters[f"b{len(kept)}"])
    found = {f"w{len(kept)}": np.outer(g, h), f"b{len(kept)}": g}
    for i in range(len(kept) - 1, -1, -1):
        below, pi = kept[i]
        g = factor * pi * (1 - pi) * (g @ parameters[f"w{i + 1}"])
        found |= {f"w{i}": np.outer(g, below), f"b{i}": g}
    return found


report = certify(mine, network="one-unit")
print("\n".join(report.table().splitlines()[:4]))

# %%
# The slope that it puts in the place of the derivative, at eleven values of r, beside the unit's density.
fig, axis = plt.subplots()
r = np.linspace(-4, 4, 200)
axis.plot(r, 1 / (2 + np.exp(r) + np.exp(-r)), label="density of the logistic noise")
for state, marker in ((0, "o"), (1, "x")):
    axis.plot(report.profile.r, report.profile.means[:, state], marker, label=f"its slope where z = {state}")
axis.set(xlabel="r", ylabel="slope", ylim=(0, 0.75))
axis.legend()
