"""
The auxiliary loss lowers the bias
==================================

A small network learns eight examples by exact gradients, with and without a charge for what a spike moves (theory
4.15). At equal loss the charged one is less biased.
"""

import matplotlib.pyplot as plt
import numpy as np

import oracle

rng = np.random.default_rng(4)
x = rng.normal(size=(8, 2))
data = [(one, oracle.Categorical(int(one.sum() > 0))) for one in x]
first, second = ((rng.normal(size=(3, inputs)), np.full((3, inputs), 0.3)) for inputs in (2, 3))
start = oracle.Layered([first, second], (rng.normal(size=(2, 3)), np.zeros((2, 3))), domain="bipolar")


def relative_bias(net: oracle.Layered) -> float:
    """Of all hidden means together, each example by itself."""
    found = [oracle.moments(net, *one, oracle.trapezoid())[f"layers.{i}.mu"] for one in data for i in (0, 1)]
    return np.sqrt(sum((one.bias**2).sum() for one in found) / sum((one.gradient**2).sum() for one in found))


# %%
fig, axis = plt.subplots()
for weight, marker in ((0.0, "o"), (0.1, "s")):
    net, path = start, []
    for epoch in range(41):
        exact = [oracle.exact(net, *one) for one in data]
        if epoch % 5 == 0:
            path.append((np.mean([one.loss for one in exact]), relative_bias(net)))
        charge = [oracle.penalty_gradient(net, *one) if weight else {} for one in data]
        step = {
            key: value
            - 0.1 * sum(e.gradient[key] + weight * c.get(key, 0.0) for e, c in zip(exact, charge, strict=True))
            for key, value in oracle.parameters(net).items()
            if key.endswith("mu")
        }
        net = oracle.replace(net, step)
    axis.plot(*zip(*path, strict=True), marker=marker, label=f"weight of the auxiliary loss {weight:g}")
axis.set(xlabel="expected loss, nats (training goes right)", ylabel="relative bias of the trapezoid")
axis.invert_xaxis()
axis.legend()
