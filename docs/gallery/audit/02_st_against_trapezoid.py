"""
Straight-through against the trapezoid
======================================

One unit and a smooth loss. As the loss bends less, the bias of ``st`` falls with the square of what a spike changes,
that of the trapezoid with its cube (theory 2.3 and below).
"""

import matplotlib.pyplot as plt
import numpy as np

import oracle

r = 0.8
net = oracle.Layered([oracle.Layer([[r]], [[1.0]])], oracle.Layer([[1.0]], [[0.0]]))


def loss(step: float) -> oracle.Custom:
    """exp(step z): its k-th derivative is step^k of its size."""
    return oracle.Custom(lambda z: (np.exp(step * z[:, 0]), step * np.exp(step * z)))


# %%
steps = 2.0 ** np.arange(-6, 2)
fig, axis = plt.subplots()
for member in (oracle.st(), oracle.trapezoid()):
    found = [oracle.moments(net, [1.0], loss(step), member)["layers.0.mu"] for step in steps]
    bias = [abs(one.bias[0, 0]) for one in found]
    slope = np.log2(bias[1] / bias[0])
    axis.loglog(steps, bias, marker="o", base=2, label=f"{member.name}: order {slope:.2f}")
    print(
        f"{member.name}: order of the bias {slope:.3f}, largest bias {bias[-1]:.3f} of {found[-1].gradient[0, 0]:.3f}"
    )
axis.set(xlabel="effect of one spike on the loss", ylabel="bias, nats per unit of r")
axis.legend()
