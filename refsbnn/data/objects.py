"""Examples as their owners hold them in Python: arrays, data sets of PyTorch and tonic, loaders of batches."""

import operator
import sys
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from tqdm import tqdm

from refsbnn.arrays import Arrays
from refsbnn.data import pixels, recordings
from refsbnn.data.options import Data
from refsbnn.data.pixels import Seen
from refsbnn.data.recordings import Recording, Recordings
from refsbnn.data.spikes import Augment, Spikes
from refsbnn.errors import InputError
from refsbnn.layers.signal import Signal

ACCEPTED = (
    "(x, labels), Arrays(x, labels, time=...), a data set with len() and [i] that gives (x, label), or a loader of "
    "batches (x, labels)"
)
NEITHER = str | bytes | dict | np.ndarray  # these have a length and entries, and are no data set


def examples(data: Any, options: Data) -> Arrays | Spikes:
    """Examples of any accepted kind, in memory.

    Parameters
    ----------
    data : object
        (x, labels); `Arrays`; a data set with ``len(data)`` and ``data[i]`` that gives (x, label), such as PyTorch's
        and tonic's; or a loader, which is iterated once and gives batches (x, labels). Events of tonic, structured
        arrays with the fields t (microseconds), x and, of cameras, y and p, are binned as `options` say.
    options : Data
        Its `steps`, `bin_ms`, `downsample` and `merge` are for events; so are its moves, in training.

    Raises
    ------
    InputError
        Anything else, and examples that do not fit together.

    Examples
    --------
    >>> pairs = [(np.array([0.5, 1.0]), 0), (np.array([2.0, 0.0]), 1)]
    >>> examples(pairs, Data()).x
    array([[0.5, 1. ],
           [2. , 0. ]])
    """
    if isinstance(data, Arrays | Spikes):
        return data
    if isinstance(data, tuple) or (isinstance(data, list) and all(isinstance(each, np.ndarray) for each in data[:2])):
        if len(data) != 2:
            raise InputError(f"data is a {type(data).__name__} of {len(data)}; accepted: {ACCEPTED}")
        return Arrays(np.asarray(data[0]), np.asarray(data[1]))
    if isinstance(data, Sized) and hasattr(data, "__getitem__") and not isinstance(data, NEITHER):
        if not len(data):
            raise InputError("data hold no examples")
        return gathered(data, options)
    if isinstance(data, Iterable) and not isinstance(data, NEITHER):
        batches = [pair(each, number, "batch") for number, each in enumerate(told(data, None))]
        if not batches:
            raise InputError("data give no batches")
        x, labels = (np.concatenate([np.asarray(each[i]) for each in batches]) for i in (0, 1))
        return Arrays(x, labels)
    raise InputError(f"data is a {type(data).__name__}; accepted: {ACCEPTED}")


def told(each: Iterable[Any], total: int | None) -> Iterator[Any]:
    """The same, with a progress bar where it takes long."""
    return iter(tqdm(each, "reading data", total, unit="example", disable=None, delay=2.0, file=sys.stderr))


def pair(given: Any, number: int, what: str) -> tuple[Any, Any]:
    """An example or a batch, and its label or labels."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError(f"{what} {number} of data is a {type(given).__name__}; expected (x, label)")
    return given[0], given[1]


def gathered(data: Any, options: Data) -> Arrays | Spikes:
    """All examples of a data set."""
    pairs = (pair(data[i], i, "example") for i in told(range(len(data)), len(data)))
    first, label = next(pairs)
    rest = ((np.asarray(x), integer(label, number + 1)) for number, (x, label) in enumerate(pairs))
    first, label = np.asarray(first), integer(label, 0)
    if first.dtype.names is None:
        xs, labels = [first], [label]
        for x, each in rest:
            if x.shape != first.shape:
                raise InputError(f"example {len(xs)} of data has shape {x.shape}, the first {first.shape}")
            xs.append(x)
            labels.append(each)
        return Arrays(np.stack(xs), np.array(labels, np.int64))
    if options.steps < 1:
        raise InputError("data hold events; take a configuration of events, whose data.steps is at least 1")
    kind = Camera.of(data, first)

    def recorded() -> Iterator[Recording]:
        yield kind.recording(first, label, 0, options)
        for number, (x, each) in enumerate(rest, 1):
            yield kind.recording(x, each, number, options)

    shape = kind.seen(options)
    found: Recordings = recordings.binned(recorded(), options.bin_ms, options.steps, int(np.prod(shape)))
    augment = Augment(**{item.name: getattr(options, item.name) for item in fields(Augment)})
    return Spikes(found, np.arange(len(found)), Signal("values", shape, "binary", options.steps), augment)


def integer(label: Any, number: int) -> int:
    """A label."""
    try:
        value = operator.index(label.item() if hasattr(label, "item") else label)
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a tensor of several numbers
        value = -1
    if not 0 <= value < 2**31:
        told = repr(label)[:100].replace("\n", " ")
        raise InputError(f"example {number} of data has the label {told}; expected an integer from 0 on")
    return value


@dataclass(frozen=True)
class Camera:
    """What events of tonic come from.

    Attributes
    ----------
    shape : tuple of int
        (channels,), or (height, width, polarities).
    """

    shape: tuple[int, ...]

    @classmethod
    def of(cls, data: Any, events: np.ndarray) -> "Camera":
        """From the data set's `sensor_size`, (width, height, polarities) as in tonic."""
        size, names = getattr(data, "sensor_size", None), events.dtype.names or ()
        if (
            not isinstance(size, tuple | list)
            or len(size) != 3
            or not all(isinstance(n, int | np.integer) for n in size)
        ):
            raise InputError(f"data hold events, and sensor_size is {size!r}; expected (width, height, polarities)")
        if not {"t", "x"} <= set(names) or (size[1] > 1 and not {"y", "p"} <= set(names)):
            raise InputError(f"events have the fields {', '.join(names)}; expected t, x and, of cameras, y and p")
        return cls((size[0],) if size[1] == 1 else (size[1], size[0], size[2]))

    def seen(self, options: Data) -> tuple[int, ...]:
        """Shape of the events as the options want them."""
        return self.shape if len(self.shape) == 1 else pixels.coarse(self.shape, options.downsample, options.merge)

    def recording(self, events: np.ndarray, label: int, number: int, options: Data) -> Recording:
        """One example, with the units that the options want."""
        name = f"example {number} of data"
        if events.dtype.names is None:
            raise InputError(f"{name} holds {events.dtype}; the first one holds events")
        times, x = events["t"] / 1000.0, events["x"].astype(np.int64)
        if len(self.shape) == 1:
            return Recording(times, x, label, name=name)
        seen = Seen(times, x, events["y"].astype(np.int64), events["p"].astype(np.int64), label, name=name)
        pixels.check(seen, self.shape)
        units = pixels.units_of(seen.x, seen.y, seen.polarity, self.shape, options.downsample, options.merge)
        return Recording(times, units, label, name=name)
