"""Data sets by name."""

from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data


def load(options: Data, *, fresh: bool = False) -> Dataset:
    """The data set that a configuration names.

    Parameters
    ----------
    options : Data
    fresh : bool
        Whether the official files are read even where their events have been kept; nothing is kept then.

    Raises
    ------
    InputError
        Missing or damaged files.
    """
    if options.name == "digits":
        from refsbnn.data import digits

        return digits.dataset(options.coding, options.steps)
    if options.name == "cifar10":
        from refsbnn.data import cifar10

        return cifar10.dataset(options)
    from refsbnn.data import event_sets

    return event_sets.dataset(options, fresh=fresh)
