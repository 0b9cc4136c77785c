"""What the processor has that kernels are compiled for."""

from llvmlite import binding
from numba import config


def many_registers() -> bool:
    """Whether sixteen float32 are one register of 32, as with AVX-512.

    NUMBA_CPU_NAME alone leaves the features of this machine; with NUMBA_CPU_FEATURES beside it kernels are another
    machine's.
    """
    given = config.CPU_FEATURES
    return bool(binding.get_host_cpu_features().get("avx512f")) if given is None else "+avx512f" in given
