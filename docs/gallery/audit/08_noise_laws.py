"""
Three kinds of noise in time
============================

Noise may be drawn anew at each step, stay in the membrane, or come from one weight for all steps. The same neuron then
has three laws of its spike count (theory, below 3.12; the claim "Noise of a neuron in time").
"""

import matplotlib.pyplot as plt
import numpy as np

from validation.claims import lif_noise

laws = {
    "all noise drawn anew at each step": lif_noise.counts_redrawn(),
    "fresh weights, a membrane that persists": lif_noise.counts_persistent(),
    "one weight for all steps": lif_noise.counts_shared(lif_noise.MEAN, lif_noise.VARIANCE),
}
count = np.arange(lif_noise.STEPS + 1)
for name, law in laws.items():
    mean = law @ count
    print(f"{name:<40} P(no spike) {law[0]:.6f}, mean {mean:.2f}, variance {law @ count**2 - mean**2:.3f}")

# %%
fig, axis = plt.subplots()
for i, (name, law) in enumerate(laws.items()):
    axis.bar(count + 0.27 * (i - 1), law, width=0.27, label=name)
axis.set(xlabel="spikes in ten steps", ylabel="probability", xlim=(-0.6, 7.4), ylim=(0, 0.95))
axis.legend()
