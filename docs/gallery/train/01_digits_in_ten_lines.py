"""
Digits in ten lines
===================

Train a binary Bayesian network on the built-in digits, and see what it learned. ``refsbnn train digits_binary`` does
the same.
"""

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import fit

run = fit("digits_binary", "training.epochs=12", "model.hidden=[64]")
print(run)
print(run.evaluate("test", samples=16).table())

# %%
# Some test digits, and the probability of the class that 16 sampled networks find most likely.
test = run.task.data.test
shown = np.argsort(run.predict_proba(test.x[:100], samples=16).max(axis=1))[:8]  # the least certain of a hundred
p = run.predict_proba(test.x[shown], samples=16)
fig, panels = plt.subplots(2, 4, figsize=(4.4, 2.9))
for panel, image, label, each in zip(panels.flat, test.x[shown], test.labels[shown], p, strict=True):
    panel.imshow(image.reshape(8, 8), cmap="Greys")
    panel.set(xticks=[], yticks=[])
    panel.set_title(f"{label}: says {each.argmax()}\nat {each.max():.0%}", fontsize=8)
