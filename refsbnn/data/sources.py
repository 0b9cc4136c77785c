"""Data sets by name."""

from refsbnn.data import digits
from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data


def load(options: Data) -> Dataset:
    """The data set that a configuration names.

    Raises
    ------
    InputError
        A damaged data set.
    """
    return digits.dataset(options.coding, options.steps)
