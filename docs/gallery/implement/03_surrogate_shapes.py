"""
Shapes of surrogate slopes
==========================

Published slopes, each with its own number, from the 40-digit answers of the conformance suite.
"""

import matplotlib.pyplot as plt
import numpy as np

from validation.conformance.answers import worked_out

x = np.round(np.linspace(-2, 2, 81), 6).reshape(1, -1)
shapes = (
    *("boxcar(width=1.5)", "triangular(scale=1,gamma=0.3)", "fast-sigmoid(scale=4)", "sigmoid(scale=3)"),
    *("tanh(scale=1.5)", "arctan(scale=3)", "gaussian(sigma=0.5)", "exponential(scale=3)"),
)

# %%
# The same paper's slope comes with the height of the paper, with the height 1 or with the area 1. A learning rate can
# take up the difference in a shallow network; through many steps and layers it is a power.
fig, panels = plt.subplots(4, 2, sharex=True, sharey=True, figsize=(4.4, 6.4))
for panel, shape in zip(panels.flat, shapes, strict=True):
    for height, style in (("published", "-"), ("peak", "--")):
        options = {"shape": shape, "height": height, "at_threshold": "silent"}
        answers, scales, bounds = worked_out("surrogate", {"x": x, "g": np.ones_like(x)}, options)
        panel.plot(x[0], answers["dx"][0], style, label=height)
    panel.set_title(shape.replace("(", "\n("), fontsize=8)
for panel in panels[-1]:
    panel.set_xlabel("membrane - threshold")
for panel in panels[:, 0]:
    panel.set_ylabel("slope")
panels[0, 0].legend()
