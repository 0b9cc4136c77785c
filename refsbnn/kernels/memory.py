"""Memory that a step frees stays with the process, for the next step.

By default the C library gives large arrays back to the system at once, and the system clears every page before it gives
it out again: a quarter of a training step of a wide residual network went into that.
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # of glibc's malloc.h
PAD = 64 << 20  # bytes by which the heap grows


def keep_freed() -> bool:
    """Keep freed memory; whether the C library could be asked: glibc can.

    The process then takes from the system what it needed at most, until it ends. No result depends on it.
    """
    try:
        known = (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):  # another system, another C library
        return False
    if not known:
        return False
    library = ctypes.CDLL(None)
    return all(library.mallopt(*each) for each in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, PAD)))
