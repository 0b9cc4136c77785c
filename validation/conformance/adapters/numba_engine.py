"""The Numba engine behind the adapter's interface: the reference's adapter with `refsbnn.kernels` for its layers."""

import numba

import refsbnn.kernels
from refsbnn.adapter import Arrays, Capabilities, Op
from validation.conformance.adapters.reference import Reference

OPS = ("dense", "conv2d", "average_pool", "max_pool", "unit", "residual_add", "residual_block", "lif", "leaky_readout")
POINT = ("point_dense", "point_conv2d", "lif_each", "lif_slow")
NETWORKS = ("network.layered", "network.residual", "network.lif")


class Engine(Reference):
    """What the engine has kernels for; the objective and the streams are the reference's."""

    backend = refsbnn.kernels
    backend_name = "numba"

    def capabilities(self) -> Capabilities:
        """float32 and float64."""
        return Capabilities(("float32", "float64"), frozenset({*OPS, *POINT, "sampled_readout", *NETWORKS}))

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        """As the reference, on arrays of the type asked for."""

        def cast(given: Arrays) -> Arrays:
            return {k: y.astype(dtype) if y.dtype.kind == "f" else y for k, y in given.items()}

        if noise is not None:
            return super().run(op, cast(arrays), cast(noise), dtype, seed)
        # Thousands of calls on tiny networks: on a busy machine threads would spend a run waiting for one another.
        threads = numba.get_num_threads()
        numba.set_num_threads(1)
        try:
            return super().run(op, cast(arrays), None, dtype, seed)
        finally:
            numba.set_num_threads(threads)
