"""The predictive distribution of a trained network: of its mean weights, or averaged over sampled networks."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy import special

from refsbnn.draws import CounterDraws, Draws, MeanDraws
from refsbnn.errors import InputError, check_integer
from refsbnn.evaluation.operations import Counts, keeping
from refsbnn.network import Network
from refsbnn.ranks import ALONE, Ranks
from refsbnn.streams import Purpose, Streams

BATCH = 128  # examples a forward pass; no result depends on it beyond the rounding of NumPy's matrix products


class Inputs(Protocol):
    """Where examples come from: a part of a data set."""

    def batch(self, rows: np.ndarray, draws: CounterDraws) -> Any:
        """The examples `rows` as `Network.forward` takes them, with what is random in their coding from `draws`."""


def predict(
    network: Network,
    parameters: dict[str, np.ndarray],
    inputs: Inputs,
    examples: int,
    streams: Streams,
    samples: int,
    *,
    batch: int = BATCH,
    alike: bool = False,
    counts: Counts | None = None,
    ranks: Ranks = ALONE,
    report: Callable[[int], None] = lambda passes: None,
) -> np.ndarray:
    """Class probabilities, the average of softmaxes over forward passes.

    Example i's pass k has the address (seed, PREDICT, step k, sample i), so that predictions are the same for every
    cut into batches: to the bit with the numba backend and any number of threads, to rounding with NumPy's matrix
    products.

    Parameters
    ----------
    network : Network
    parameters : dict
    inputs : Inputs
    examples : int
        Rows 0 to examples - 1 of `inputs` are predicted.
    streams : Streams
    samples : int
        Sampled networks to average; 0 runs the mean weights once, without noise. Spikes that code the input are drawn
        in any case.
    batch : int
        Examples a forward pass.
    alike : bool
        Every example meets the same noise, that of sample 0: its prediction then depends on no other example and not
        on its place, and the errors of different examples' averages are not independent.
    counts : Counts, optional
        Gets every forward pass, those of the other ranks too; it has counted nothing before.
    ranks : Ranks, optional
        Each makes the passes of its share of the batches, and gets the predictions of all.
    report : callable, optional
        Called after each forward pass of this rank with the number of its examples.

    Returns
    -------
    (examples, classes) float64 array

    Raises
    ------
    InputError
        Negative numbers, a network that does not end in real values.
    """
    if network.output.kind != "values" or network.output.steps is not None:
        raise InputError(f"the network gives {network.output}; class probabilities need a SampledReadout at its end")

    def probabilities(logits: np.ndarray) -> np.ndarray:
        return np.asarray(special.softmax(np.asarray(logits, np.float64), axis=-1))

    width = network.output.shape[0]
    passes = Passes(streams, samples, batch, alike, counts, ranks, report)
    return averaged(network, parameters, inputs, examples, passes, probabilities, width)


class Passes(NamedTuple):
    """Which forward passes a prediction averages; as the arguments of `predict`."""

    streams: Streams
    samples: int
    batch: int = BATCH
    alike: bool = False
    counts: Counts | None = None
    ranks: Ranks = ALONE
    report: Callable[[int], None] = lambda passes: None


def averaged(
    network: Network,
    parameters: dict[str, np.ndarray],
    inputs: Inputs,
    examples: int,
    passes: Passes,
    of: Callable[[Any], np.ndarray],
    width: int,
) -> np.ndarray:
    """The average over forward passes of (rows, width) numbers `of` what the network gives: (examples, width).

    Raises
    ------
    InputError
        Negative numbers.
    """
    streams, samples, batch, alike, counts, ranks, report = passes
    for name, value, least in (("samples", samples, 0), ("batch", batch, 1), ("examples", examples, 1)):
        check_integer(name, value, least)
    if counts is not None:
        network = keeping(network)
    own = [np.empty((0, width))]
    for rows in share(examples, batch, ranks):
        total = np.zeros((len(rows), width))
        for sample in range(max(samples, 1)):
            draws = CounterDraws(streams, Purpose.PREDICT, sample, np.zeros_like(rows) if alike else rows)
            noise: Draws = draws if samples else MeanDraws(len(rows))
            output, tape = network.forward(parameters, inputs.batch(rows, draws), noise)
            if counts is not None:
                counts.add(tape)
            total += of(output)
            report(len(rows))
        own.append(total / max(samples, 1))
    if counts is not None:
        counts.gathered(ranks)
    return np.concatenate(ranks.gathered(np.concatenate(own)))


def share(examples: int, batch: int = BATCH, ranks: Ranks = ALONE) -> list[np.ndarray]:
    """The batches of examples that a rank predicts, in their order.

    Examples
    --------
    >>> share(5, 2)
    [array([0, 1]), array([2, 3]), array([4])]
    """
    starts = range(0, examples, batch)
    firsts = (starts[number] for number in ranks.share(len(starts)))
    return [np.arange(first, min(first + batch, examples)) for first in firsts]
