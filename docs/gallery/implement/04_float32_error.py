"""
Rounding in float32, against 40 digits
======================================

A formula may be right and still lose digits. The tail of a probability as (1 + erf)/2, and as erfc/2.
"""

import matplotlib.pyplot as plt
import mpmath
import numpy as np
from scipy import special

r = np.linspace(-6, 2, 200, dtype=np.float32)
mpmath.mp.dps = 40
exact = np.array([float(mpmath.ncdf(mpmath.mpf(float(one)))) for one in r])
half = np.float32(0.5)
ways = {
    "(1 + erf(r / sqrt 2)) / 2": half * (1 + special.erf(r / np.sqrt(np.float32(2)))),
    "erfc(-r / sqrt 2) / 2": half * special.erfc(-r / np.sqrt(np.float32(2))),
}

# %%
# In roundings of the result: eps times the number itself. The conformance suite found the first form in an adapter of
# our own.
fig, axis = plt.subplots()
for name, found in ways.items():
    error = np.abs(found - exact) / (np.finfo(np.float32).eps * exact)
    axis.semilogy(r, np.maximum(error, 1e-2), label=name)
axis.set(xlabel="r", ylabel="error of F(r), roundings of float32")
axis.legend()
