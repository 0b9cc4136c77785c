"""
The frontier between bias and variance
======================================

Members of the family as points: how far is the mean off, and how far is one draw? Which is best depends on how many
draws a step averages.
"""

import matplotlib.pyplot as plt
import numpy as np

import oracle

rng = np.random.default_rng(3)
net = oracle.Layered(
    [(rng.normal(size=(3, 2)), np.full((3, 2), 0.2)), (rng.normal(size=(3, 3)), np.full((3, 3), 0.2))],
    (rng.normal(size=(2, 3)), np.zeros((2, 3))),
)
families = {
    "mix, st to trapezoid": [oracle.mix(lam) for lam in np.linspace(0, 1, 11)],
    "temp(c)": [oracle.member(f"temp(c={c})") for c in (0.3, 1, 3, 10, 30, 100)],
    "agr(tau)": [oracle.agr(tau) for tau in (0.1, 0.2, 0.4, 0.7, 1, 1.5, 2.5)],
    "gapped-st": [oracle.member(f"gapped-st(gap={gap},tau=1)") for gap in (0, 0.5, 1, 2)],
}

# %%
# A curve is a family as its number runs. ``mix`` goes from straight-through, its left end, to the trapezoid.
fig, axis = plt.subplots()
for (name, members), marker in zip(families.items(), "osD^", strict=True):
    norms = [oracle.norms(oracle.moments(net, [1.0, -1.0], oracle.Categorical(0), one))["layers.0"] for one in members]
    axis.plot([1 / one.snr for one in norms], [one.relative_bias for one in norms], marker=marker, label=name)
axis.set(xlabel="relative deviation of one draw", ylabel="relative bias, first layer", ylim=(0, None))
axis.legend()
