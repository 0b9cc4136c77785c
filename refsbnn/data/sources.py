"""Data sets by name: each has its record in its own file, and a place in this row."""

from refsbnn.data import cifar10, digits, dvs_gesture, nmnist, own, pictures, pokerdvs, shd
from refsbnn.data.dataset import Dataset
from refsbnn.data.options import Data
from refsbnn.data.record import Record
from refsbnn.ranks import ALONE, Ranks

SETS: dict[str, Record] = {
    record.name: record
    for record in (
        digits.DIGITS,
        cifar10.CIFAR10,
        shd.SHD,
        shd.SSC,
        nmnist.NMNIST,
        pokerdvs.POKERDVS,
        dvs_gesture.DVS_GESTURE,
        own.ARRAYS,
        pictures.PICTURES,
    )
}


def load(options: Data, *, fresh: bool = False, ranks: Ranks = ALONE) -> Dataset:
    """The data set that a configuration names; as `Record.load`."""
    return SETS[options.name].load(options, fresh=fresh, ranks=ranks)
