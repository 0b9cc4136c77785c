"""The functions of refsbnn.reference in Numba: same names and signatures, float32 or float64, the weights' type."""

from refsbnn.kernels import conv2d, dense, lif, pool, posterior, readout, residual, unit, weights
from refsbnn.kernels.check import checked_once

__all__ = [
    "checked_once",
    "conv2d",
    "dense",
    "lif",
    "pool",
    "posterior",
    "readout",
    "residual",
    "unit",
    "weights",
]
