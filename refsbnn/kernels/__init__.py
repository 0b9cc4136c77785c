"""The functions of refsbnn.reference in Numba: same names and signatures, float32 or float64, the weights' type."""

from refsbnn.kernels import cache

cache.place_cache()  # before the first kernel is declared

from refsbnn.kernels import (  # noqa: E402
    block,
    conv2d,
    dense,
    lif,
    lif_slow,
    optim,
    pool,
    posterior,
    readout,
    residual,
    unit,
    weights,
)
from refsbnn.kernels.check import checked_once  # noqa: E402
from refsbnn.kernels.keep import keep  # noqa: E402

__all__ = [
    "block",
    "cache",
    "checked_once",
    "conv2d",
    "dense",
    "keep",
    "lif",
    "lif_slow",
    "optim",
    "pool",
    "posterior",
    "readout",
    "residual",
    "unit",
    "weights",
]
