"""The mathematics in plain NumPy, float64: forward and hand-derived backward side by side."""

from refsbnn.reference import conv2d, dense, lif, pool, readout, residual, unit, weights

__all__ = ["conv2d", "dense", "lif", "pool", "readout", "residual", "unit", "weights"]
