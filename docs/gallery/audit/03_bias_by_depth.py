"""
Bias by depth
=============

An estimator is biased at each layer, and what it sends down is biased already. Eight networks of six layers: the
oracle goes from layer to layer, so that depth costs a sum and not a product.
"""

import matplotlib.pyplot as plt
import numpy as np

import oracle

DEPTH, WIDTH = 6, 3
rng = np.random.default_rng(0)


def layer() -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(WIDTH, WIDTH)) / 2, np.full((WIDTH, WIDTH), 0.3)


nets = [oracle.Layered([layer() for _ in range(DEPTH)], layer(), domain="bipolar") for _ in range(8)]
inputs = [rng.normal(size=WIDTH) for _ in nets]

# %%
# Bias and gradient as norms over all networks. ``agr`` has a mass other than 1: at each layer a part of the gradient
# is lost.
fig, axis = plt.subplots()
for member, marker in zip((oracle.st(), oracle.trapezoid(), oracle.agr(0.5), oracle.agr(2)), "osD^", strict=True):
    norms = [
        oracle.norms(oracle.moments(net, x, oracle.Categorical(1), member)) for net, x in zip(nets, inputs, strict=True)
    ]
    rows = [[one[f"layers.{i}"] for one in norms] for i in range(DEPTH)]
    bias = [np.sqrt(sum(one.bias**2 for one in row) / sum(one.gradient**2 for one in row)) for row in rows]
    axis.plot(range(1, DEPTH + 1), bias, marker=marker, label=member.name)
axis.set(xlabel="layer, 1 next to the input", ylabel="relative bias of the weights' gradient", ylim=(0, 1.05))
axis.legend(ncols=2)
