"""The functions of refsbnn.reference in Numba: same names and signatures, float32 or float64, the weights' type."""

from refsbnn.kernels import conv2d, dense, lif, pool, readout, residual, unit, weights

__all__ = ["conv2d", "dense", "lif", "pool", "readout", "residual", "unit", "weights"]
