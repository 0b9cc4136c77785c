"""The kernels on the hot path of both cases of `bench`, each with what it must move and compute, counted from shapes.

Counts are of what the answer needs, not of what the code does: every input read once, every output written once, one
addition for each weight that an event names. Where two algorithms are known, as for convolutions, both are counted and
the cheaper one is the limit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refsbnn import optim
from refsbnn.draws import CounterDraws
from refsbnn.events import Events
from refsbnn.kernels import block, conv2d, dense, lif, posterior, unit
from refsbnn.kernels import optim as update
from refsbnn.streams import Purpose, Streams
from validation.benchmarks.peers.cases import Cifar, Shd

# Vector operations of an elementwise pass, by float, each counted as one multiply-add, whose port it takes.
UNIFORM = 35.0  # Philox4x32-10, four at a time: ten rounds of two wide products (two each), shuffles, xors, additions
CDF = 25.0  # a polynomial and an exponential, beside half a root and division
SLOPE = 20.0  # an exponential and products, beside a root and a division
TABLE_BITS, LANES = 4, 16
MINIMAL = 16.0 / 36.0  # multiply-adds of a 3x3 filter by minimal filtering of 2x2 outputs, of those of its definition

NARROW = (16, 16, 128), (8, 8, 64)  # channels, size and batch of the residual streams that run in one pass

Count = dict[str, float]


class Kernel(NamedTuple):
    """One kernel on one case.

    Attributes
    ----------
    case, name : str
    call : function, runs it once
    counts : list of Count, one for each algorithm; amounts of `roofline_limits.UNITS`
    why : str, where the counts come from
    reason : str, what is known to keep it from its limit; empty where nothing is
    """

    case: str
    name: str
    call: Callable[[], Any]
    counts: list[Count]
    why: str
    reason: str = ""


def add(*counts: Count) -> Count:
    """The sum of counts."""
    return {name: sum(count.get(name, 0.0) for count in counts) for name in {key for count in counts for key in count}}


def elementwise(floats: float, operations: float, moved: float, roots: float = 0.0) -> Count:
    """A pass over `floats` numbers with so many vector operations, bytes, and roots with a division for each."""
    return {"fma": floats * operations, "stream": floats * moved, "root": floats * roots}


def recurrent(case: Shd, *, point: bool) -> list[Kernel]:
    """Case a: the input layer, the neurons through time, the readout's layer; with mean weights alone where `point`."""
    rng, parts = np.random.default_rng(0), 1 if point else 2
    letter, steps, batch, hidden = "a plain" if point else "a", case.steps, case.batch, case.hidden
    spikes = case.batch_of()[0]
    x, units = Events.of(spikes), float(steps * batch * hidden)
    events = float(len(x.columns))

    def weights(out: int, inputs: int) -> tuple[np.ndarray, Any]:
        mu = (rng.standard_normal((out, inputs)) / inputs**0.5).astype(np.float32)
        return mu, None if point else np.full_like(mu, 0.5 / inputs)

    def given(*shape: int) -> tuple[np.ndarray, Any]:
        dm = rng.standard_normal(shape).astype(np.float32)
        return dm, None if point else dm[::-1].copy()

    into, own, out = weights(hidden, case.inputs), weights(hidden, hidden), weights(case.classes, hidden)
    zero = np.zeros(hidden, np.float32)
    biases = (zero, None if point else zero)
    member = "fast-sigmoid(scale=10)" if point else "st"
    options: Any = {"beta": case.beta, "theta": case.theta, "noise": "gaussian", "member": member}
    u = CounterDraws(Streams(0), Purpose.TRAIN, 0, np.arange(batch)).address(1, (hidden,), steps=steps)
    current = dense.forward(x, *into, *biases, domain="binary")
    z, tape = lif.forward(*current, u, own, **options)
    own_events = float(z.sum())
    g, of_current, of_out = (
        given(steps, batch, hidden)[0],
        given(steps, batch, hidden),
        given(steps, batch, case.classes),
    )
    biases_out = tuple(None if each is None else each[: case.classes] for each in biases)
    index = 4.0 * events
    sums = {"events": events * hidden * parts, "stream": index + 4.0 * units * parts}
    own_sums = {"events": own_events * hidden * parts}
    readout = {
        "events": own_events * case.classes * parts,
        "stream": units + 4.0 * units / hidden * case.classes * parts,
    }
    forward = elementwise(units, 6.0 if point else UNIFORM + CDF + 10.0, 8.0 * parts + 1.0, 0.0 if point else 1.5)
    back = elementwise(units, 10.0 if point else SLOPE + 14.0, 4.0 + 8.0 * parts + 1.0, 0.5 * parts)
    through = {"fma": units * hidden * parts}
    sent = {"fma": units * case.classes * parts, "stream": 4.0 * units}
    spiking = "a row of the recurrent weights a spike; membranes"
    return [
        Kernel(letter, "dense.forward, input", lambda: dense.forward(x, *into, *biases, domain="binary"), [sums],
               "a row of the weights an event; currents written"),
        Kernel(letter, "lif.forward", lambda: lif.forward(*current, u, own, **options), [add(own_sums, forward)],
               spiking + (" and steps" if point else ", a uniform and a normal cdf a unit and step"),
               "a line written is read first: 14 bytes a unit and step for 9 counted; 16 ns a spike for branches that "
               "nothing foretells; rows are added for some three spikes at a time"),
        Kernel(letter, "dense.forward, readout",
               lambda: dense.forward(z, *out, *biases_out, domain="binary"), [readout],
               "a row of the weights a spike; bytes read, currents written",
               "finding the events among the bytes takes as long as adding their rows; 20 columns are added as 32"),
        Kernel(letter, "dense.backward, readout",
               lambda: dense.backward(*of_out, z, *out, domain="binary"), [add(readout, sent)],
               "the events' adjoint; a dense product for the spikes' gradient",
               "half is the product, 59 % of its limit: depth of 20 or 40; events are found again and turned, their 20 "
               "columns added as 32; both gradients are copied side by side"),
        Kernel(letter, "lif.backward", lambda: lif.backward(g, tape, u, own, **options), [add(own_sums, back, through)],
               "a dense product with the recurrent weights, slopes, the recurrent weights' gradient by events",
               "over half on one thread; what the second one lacks with point weights is not explained"),
        Kernel(letter, "dense.backward, input",
               lambda: dense.backward(*of_current, x, *into, domain="binary", input_gradient=False), [sums],
               "the events' adjoint; gradients read"),
        *updates(letter, into[0]),
    ]  # fmt: skip


def updates(letter: str, mu: np.ndarray) -> list[Kernel]:
    """KL and Adam of one array of means, of the input layer or of one convolution."""
    rho, parameters = np.full_like(mu, -5.0), {"mu": mu}
    gradients = np.zeros_like(mu), np.zeros_like(mu)
    state = [optim.Adam(update=update.adam_update)]

    def adam() -> None:
        state[0].step(parameters, parameters, 1e-3)

    size = float(mu.size)
    return [
        Kernel(letter, "posterior.add_kl", lambda: posterior.add_kl(*gradients, mu, rho, 1.0 / mu.shape[1]),
               [elementwise(size, 2.0 * 30.0, 24.0)],
               "four reads, two writes; an exponential in float64",
               "its sum is one addition in float64 a weight, each after the last: 3 cycles each, as long as all "
               "that is counted"),
        Kernel(letter, "optim.Adam.step", adam, [elementwise(size, 12.0, 28.0, 2.0)],
               "four arrays read, three written; three divisions and a root"),
    ]  # fmt: skip


def residual(case: Cifar) -> list[Kernel]:
    """Case b: one block of one unit layer and one convolution."""
    rng, width = np.random.default_rng(0), case.width
    shape = (case.batch, case.size, case.size, width)
    units = float(np.prod(shape))
    m = rng.standard_normal(shape).astype(np.float32)
    v, g = np.full_like(m, 0.5), m[::-1].copy()
    mu = (rng.standard_normal((width, 3, 3, width)) / (9 * width) ** 0.5).astype(np.float32)
    sigma2 = np.full_like(mu, 0.5 / (9 * width))
    zero = np.zeros(width, np.float32)
    u = CounterDraws(Streams(0), Purpose.TRAIN, 0, np.arange(case.batch)).address(1, shape[1:])
    law: Any = {"noise": "gaussian", "member": "st"}
    z = unit.forward(m, v, u, **law)
    options: Any = {"padding": 1, "domain": "binary"}
    products = 2.0 * units * 9.0 * width  # mean and variance
    moved = units + 8.0 * units
    by_table = {"table": products / TABLE_BITS / LANES, "stream": moved}
    by_product = {"fma": products, "stream": moved}
    minimal = {"fma": products * MINIMAL, "stream": 12.0 * units}

    def weights_alone() -> Any:
        return conv2d.backward(g, g, z, mu, sigma2, input_gradient=False, **options)

    return [
        Kernel("b", "unit.forward", lambda: unit.forward(m, v, u, **law),
               [elementwise(units, UNIFORM + CDF + 2.0, 9.0, 1.5)],
               "a uniform and a normal cdf a unit"),
        Kernel("b", "conv2d.forward", lambda: conv2d.forward(z, mu, sigma2, zero, zero, **options),
               [by_table, by_product], "a table's entry for four taps and sixteen outputs, or products"),
        Kernel("b", "conv2d.backward, weights", weights_alone, [by_table, by_product],
               "as forward, with images and positions in place of taps",
               "bits of each tap are laid out and turned, 64 positions at a time; a table and the sums of 320 entries "
               "are 36 KiB, more than a first-level cache of 32"),
        Kernel("b", "conv2d.backward", lambda: conv2d.backward(g, g, z, mu, sigma2, **options),
               [add(by_table, minimal), add(by_product, minimal)],
               "weights as above; the input's gradient by minimal filtering, 16 products in place of 36",
               "the weights as above; the additions of minimal filtering are not counted"),
        Kernel("b", "unit.backward", lambda: unit.backward(g, z, m, v, u, **law),
               [elementwise(units, SLOPE + 6.0, 21.0, 1.0)], "three floats and a byte read, two written; a slope"),
        *updates("b", mu),
    ]  # fmt: skip


def narrow(channels: int, size: int, batch: int) -> list[Kernel]:
    """A block of a residual stream that runs in one pass."""
    rng, shape = np.random.default_rng(0), (batch, size, size, channels)
    units = float(np.prod(shape))
    H = rng.standard_normal(shape).astype(np.float32)
    U, g = np.full_like(H, 0.5), H[::-1].copy()
    mu = (rng.standard_normal((channels, 3, 3, channels)) / (9 * channels) ** 0.5).astype(np.float32)
    sigma2, zero = np.full_like(mu, 0.5 / (9 * channels)), np.zeros(channels, np.float32)
    u = CounterDraws(Streams(0), Purpose.TRAIN, 0, np.arange(batch)).address(1, shape[1:])
    options: Any = {"noise": "gaussian", "member": "st", "padding": 1, "scale": 0.25}
    h = block.forward(H, U, u, mu, sigma2, zero, zero, **options)[2]
    products = 2.0 * units * 9.0 * channels
    by_table, by_product = {"table": products / TABLE_BITS / LANES}, {"fma": products}
    own = elementwise(units, UNIFORM + CDF + 4.0, 16.0 + 1.0 / 8.0, 1.5)
    back = add(elementwise(units, SLOPE + 8.0, 24.0 + 1.0 / 8.0, 1.0), {"fma": products * MINIMAL})
    return [
        Kernel(f"{channels} wide", "block.forward", lambda: block.forward(H, U, u, mu, sigma2, zero, zero, **options),
               [add(own, by_table), add(own, by_product)],
               "a uniform and a cdf a unit; tables or products; two streams read and written",
               "36 KiB of table (16 channels) do not fit a first-level cache of 32; 0.08 ms a call whatever the batch"),
        Kernel(f"{channels} wide", "block.backward", lambda: block.backward(g, g, h, H, U, u, mu, sigma2, **options),
               [add(back, by_table), add(back, by_product)],
               "a slope a unit; filters by table or product; inputs by minimal filtering; two streams twice",
               "both gradients by products: at 16 channels tables for the filters' take 1.1 and minimal filtering for "
               "the inputs' 1.3 times as long"),
    ]  # fmt: skip


def kernels(cases: dict[str, Any]) -> list[Kernel]:
    """The kernels of the given cases, "a" (with mean and variance weights, and with means alone) and "b"."""
    out: list[Kernel] = []
    for name, case in cases.items():
        if name == "a":
            out += recurrent(case, point=False) + recurrent(case, point=True)
        else:
            out += residual(case)
            for each in NARROW if case.width > block.WIDEST else [(case.width, case.size, case.batch)]:
                out += narrow(*each)
    return out
