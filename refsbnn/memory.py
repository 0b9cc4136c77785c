"""Memory that a process has once had stays with it: each step's arrays then lie where the last one's lay.

The C library gives large arrays that are freed back to the system, and gets them again, cleared page by page, in the
next step. That is a tenth to a third of a training step, more on virtual machines. No result depends on it.
"""

import ctypes
import sys

# What glibc's mallopt takes, from malloc.h.
TRIM_THRESHOLD, MMAP_MAX = -1, -4


def keep_freed() -> bool:
    """Have the C library keep what is freed, for the whole process; whether it can, which glibc alone does.

    The process then holds to its end the most that it held at once, and some more where the free parts do not fit.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, -1))
