"""
Exact bias and variance of an estimator
=======================================

From arrays to the law of a gradient estimate, entry by entry. Nothing is sampled: the oracle sums over all joint
states.
"""

import matplotlib.pyplot as plt
import numpy as np

import oracle

rng = np.random.default_rng(1)
net = oracle.Layered(
    layers=[(rng.normal(size=(4, 3)), np.full((4, 3), 0.3)), (rng.normal(size=(3, 4)), np.full((3, 4), 0.3))],
    readout=(rng.normal(size=(2, 3)), np.zeros((2, 3))),
)
x, loss = [1.0, -0.5, 0.8], oracle.Categorical(label=0)
found = oracle.moments(net, x, loss, oracle.agr(tau=0.5))["layers.0.mu"]

# %%
# A dot is the exact gradient of one weight of the first layer. The bar is what one draw of the estimate does: its
# mean, and a standard deviation to either side.
fig, axis = plt.subplots()
order = np.argsort(found.gradient.ravel())
place = np.arange(order.size)
deviation = np.sqrt(found.variance).ravel()[order]
axis.errorbar(place, found.mean.ravel()[order], deviation, fmt="_", markersize=9, label="one draw: mean and deviation")
axis.plot(place, found.gradient.ravel()[order], "o", markersize=4, label="exact gradient")
axis.set(xlabel="weight of the first layer, sorted", ylabel="gradient, nats per unit of weight", xticks=place)
axis.legend()

# %%
# In one number a layer: bias and deviation over the norm of the gradient.
for layer, norm in oracle.norms(oracle.moments(net, x, loss, oracle.agr(tau=0.5))).items():
    print(f"{layer:<9} relative bias {norm.relative_bias:.3f}, relative deviation {1 / norm.snr:.3f}")
