"""
A small sweep
=============

Learning rates times seeds, in a loop. As a command, with a folder for each run, several at a time, on a cluster, and
to be killed at will: ``refsbnn sweep digits_binary training.rate=[0.001,0.003,0.01,0.03] seeds=0-1 --out runs/rates``.
"""

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import fit

rates, seeds = (0.001, 0.003, 0.01, 0.03, 0.1), (0, 1)
small = ("training.epochs=3", "model.hidden=[16]")
nll = np.array(
    [
        [
            fit("digits_binary", *small, f"training.rate={rate}", f"seed={seed}").history[-1]["validation_nll"]
            for seed in seeds
        ]
        for rate in rates
    ]
)

# %%
fig, axis = plt.subplots()
axis.plot(rates, nll.mean(axis=1), marker="o", label="mean")
axis.plot(rates, nll, ".", color="0.4")
axis.plot([], [], ".", color="0.4", label="one seed")
axis.set(xlabel="learning rate", ylabel="validation negative log-likelihood, nats", xscale="log")
axis.legend()
