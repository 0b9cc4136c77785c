"""
Calibration, and what averaging sampled networks buys
=====================================================

A posterior over weights is many networks. One sampled network is noisy; the average of a few is better than any, and
its probabilities can be believed more.
"""

import matplotlib.pyplot as plt

from refsbnn import fit

run = fit("digits_binary", "training.epochs=12", "model.hidden=[64]")
labels = run.task.data.test.labels
samples = (1, 2, 4, 8, 16, 32)
scores = [run.evaluate("test", samples=n).modes[-1].scores for n in samples]
mean = run.evaluate("test", samples=1).modes[0].scores

# %%
fig, axis = plt.subplots()
axis.plot(samples, [one.nll for one in scores], marker="o", label="average of n sampled networks")
axis.axhline(mean.nll, linestyle="--", color="0.4", label="network of the mean weights")
axis.set(xlabel="sampled networks n", ylabel="test negative log-likelihood, nats", xscale="log", xticks=samples)
axis.set_xticks(samples, [str(n) for n in samples])
axis.minorticks_off()
axis.legend()

# %%
# The reliability diagram of the average of 32: accuracy against confidence, in bins that hold examples.
bins = scores[-1].reliability
held = bins.count > 0
fig, axis = plt.subplots()
axis.plot([0, 1], [0, 1], "--", color="0.4", label="calibrated")
axis.scatter(
    bins.confidence[held], bins.accuracy[held], s=10 + bins.count[held], alpha=0.8, label="bin, area by examples"
)
axis.set(xlabel="mean confidence", ylabel="accuracy", title=f"expected calibration error {bins.error:.3f}")
axis.legend()
