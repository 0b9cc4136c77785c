"""A reader of pickles that builds arrays, numbers, texts and containers, and refuses everything else.

A pickle is a program: the ordinary reader would run whatever a file names.
"""

import io
import pickle
from pathlib import Path
from typing import Any

from refsbnn.errors import InputError

# What an array needs to be built again, under its old and its new name; `_codecs.encode` makes bytes in protocol 2.
ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}


class Reader(pickle.Unpickler):
    """An unpickler that knows the names in ALLOWED alone."""

    def find_class(self, module: str, name: str) -> Any:
        """The object of an allowed name."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read(path: Path) -> Any:
    """The content of a pickle of arrays, numbers, texts, lists and dictionaries.

    Raises
    ------
    InputError
        The file is missing, cut, or asks for anything else.
    """
    try:
        return Reader(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # a damaged pickle fails in many ways
        raise InputError(f"{path} is no pickle of arrays: {error}") from None
