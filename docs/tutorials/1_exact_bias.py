"""
The exact bias of an estimator in ten lines
===========================================

The gradient of a network of spikes has to be estimated, and most estimators in use are biased: their mean is not the
gradient. For a small network ``oracle`` says by exactly how much. It sums over all joint states of the units, so
nothing here is sampled and no number has an error bar.
"""

# %%
# Ten lines: two layers of three noisy binary units, each given by means and variances of its weights, a readout,
# a loss, and the law of an estimator of the gradient.

import matplotlib.pyplot as plt
import numpy as np

import oracle

rng = np.random.default_rng(0)
layers = [(rng.normal(size=(3, 3)), np.full((3, 3), 0.2)) for _ in range(2)]
readout = (rng.normal(size=(2, 3)), np.zeros((2, 3)))
net = oracle.Layered(layers=layers, readout=readout)
loss = oracle.Categorical(label=0)
x = [1.0, -0.5, 0.3]
estimate = oracle.moments(net, x, loss, oracle.st())["layers.0.mu"]
print("gradient\n", estimate.gradient.round(4))
print("bias of straight-through\n", estimate.bias.round(4))
print("standard deviation\n", np.sqrt(estimate.variance).round(4))

# %%
# The gradient itself is exact too. Two independent sums give it, and the probabilities of all states add up to 1:

exact = oracle.exact(net, x, loss)
other = oracle.exact(net, x, loss, way="score")
print("expected loss", round(exact.loss, 6), "probability", exact.probability)
print(
    "largest difference of the two",
    max(abs(exact.gradient[k] - other.gradient[k]).max() for k in exact.gradient),
)

# %%
# Every member of the family, and the unbiased baselines
# ------------------------------------------------------
# ``oracle.norms`` sums up a layer: the norms of bias and standard deviation, beside the gradient's. REINFORCE with a
# leave-one-out baseline has no bias, and pays for it.

names = [
    "st",
    "trapezoid",
    "mix(lam=0.5)",
    "agr(tau=0.5)",
    "agr(tau=2)",
    "gr(tau=0.5,K=4)",
    "st-gs(tau=0.5)",
]
estimates = {name: oracle.moments(net, x, loss, oracle.member(name)) for name in names}
estimates["reinforce, 2 draws"] = oracle.reinforce(net, x, loss, draws=2)
norms = {name: oracle.norms(found)["layers.0"] for name, found in estimates.items()}
for name, one in norms.items():
    print(
        f"{name:20} relative bias {one.relative_bias:6.1%}   deviation / gradient {one.deviation / one.gradient:5.2f}"
    )

# %%

figure, axis = plt.subplots(figsize=(6.4, 3.4))
for index, (name, one) in enumerate(norms.items()):
    bias, deviation = one.bias / one.gradient, one.deviation / one.gradient
    axis.plot(bias, deviation, "osD^vPX*"[index], ms=8, label=name)
axis.set(
    xlabel="|bias| / |gradient|",
    ylabel="|deviation| / |gradient|",
    title="First layer: exact bias and deviation",
)
axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
plt.show()

# %%
# What the bias depends on
# ------------------------
# It comes from how a spike is read by the layers above: theory 4.8. Scale all weights above the first layer, and the
# relative bias of straight-through falls in proportion, that of the trapezoid with the square (theory 4.9), as long as
# a spike acts through the mean alone. So the weights have no variance here, and the biases have.

scales = 2.0 ** -np.arange(9)
bias = {"bias_mu": np.full(3, 0.5), "bias_sigma2": np.ones(3)}


def scaled(scale: float) -> oracle.Layered:
    first = oracle.Layer(layers[0][0], np.zeros((3, 3)), **bias)
    second = oracle.Layer(scale * layers[1][0], np.zeros((3, 3)), **bias)
    return oracle.Layered(layers=[first, second], readout=(scale * readout[0], readout[1]))


figure, axis = plt.subplots()
for name in ("st", "trapezoid", "agr(tau=0.5)"):
    member = oracle.member(name)
    biases = [oracle.norms(oracle.moments(scaled(s), x, loss, member))["layers.0"].relative_bias for s in scales]
    axis.loglog(scales, biases, "o-", label=name)
    print(f"{name:13} last halving divides the relative bias by {biases[-2] / biases[-1]:.2f}")
axis.set(
    xlabel="scale of the upper weights",
    ylabel="|bias| / |gradient|",
    title="Order 1, order 2, order 0",
)
axis.legend()
plt.show()

# %%
# ``agr`` has a mass other than 1 and keeps a bias of its own at every scale (theory 2.7).
#
# Next: :ref:`sphx_glr__tutorials_3_your_gpu_code.py` holds code of your own to these numbers, and
# :doc:`/certify` names the member that a piece of code is.
