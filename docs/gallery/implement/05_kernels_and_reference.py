"""
Kernels against the reference
=============================

The compiled kernels and the plain NumPy reference have the same functions. Given the same uniforms they give the same
spikes; in float32 gradients differ by roundings.
"""

import matplotlib.pyplot as plt
import numpy as np

from refsbnn import kernels, reference

STEPS, BATCH, UNITS = 30, 4, 50
rng = np.random.default_rng(0)
m, v, u, g = (rng.uniform(size=(STEPS, BATCH, UNITS)) for _ in range(4))
m, v, u = 0.6 * m, 0.05 + 0.1 * v, np.floor(u * 2**24) / 2**24  # uniforms on the grid that float32 holds
options = {"beta": 0.9, "theta": 1.0, "noise": "gaussian", "member": "agr(tau=0.5)"}


def run(package: object, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Spikes, and the gradient through time of the inputs' means."""
    z, tape = package.lif.forward(m.astype(dtype), v.astype(dtype), u.astype(dtype), **options)
    return z, package.lif.backward(g.astype(dtype), tape, u.astype(dtype), **options).m


z, exact = run(reference, np.float64)
spikes, single = run(kernels, np.float32)
print(f"{int((spikes != z).sum())} of {z.size} spikes differ")

# %%
fig, axis = plt.subplots()
error = np.sqrt(np.mean((single - exact) ** 2, axis=(1, 2))) / np.sqrt(np.mean(exact**2, axis=(1, 2)))
axis.plot(np.arange(1, STEPS + 1), error / np.finfo(np.float32).eps, marker="o")
axis.set(xlabel="step", ylabel="relative error of the gradient, eps of float32", ylim=(0, None))
