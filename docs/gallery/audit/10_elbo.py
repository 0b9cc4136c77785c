"""
ELBO against the exact log evidence
===================================

One unit whose weight has a prior N(0, 1), and one observation. The variational objective stays below the log evidence.
It does not touch it, as spikes are random given the weights, and their mean stands outside the logarithm.
"""

import matplotlib.pyplot as plt
import numpy as np

import oracle

# %%
# A unit fires with probability Phi(mu / sigma) whatever the scale of both, and its readout is read with a noise of
# variance 1/2. Under the prior it fires half of the time: that is all the evidence needs.
noise, y = 0.5, 1.2
gauss = lambda at: np.exp(-((y - at) ** 2) / (2 * noise)) / np.sqrt(2 * np.pi * noise)  # noqa: E731
evidence = np.log(0.5 * gauss(0.0) + 0.5 * gauss(1.0))

ratios = np.linspace(-1.5, 3, 46)
fig, axis = plt.subplots()
for sigma2 in (1.0, 0.5, 0.2):
    values = []
    for ratio in ratios:
        unit = oracle.Layer([[ratio * np.sqrt(sigma2)]], [[sigma2]])
        net = oracle.Layered([unit], oracle.Layer([[1.0]], [[0.0]]))
        found = oracle.elbo(net, [[1.0]], [oracle.Gaussian([y], noise)], known=("readout",))
        values.append(found.value)
    axis.plot(ratios, values, label=f"objective, posterior variance {sigma2:g}")
    print(f"variance {sigma2:g}: largest objective {max(values):.4f}, log evidence {evidence:.4f}")
axis.axhline(evidence, color="black", linestyle="--", label="log evidence")
axis.set(xlabel="posterior mean over its deviation", ylabel="nats")
axis.legend()
