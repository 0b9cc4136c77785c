"""The engine's convolutions beside other ways to the same sums, by shape and density; one thread.

    python -m validation.benchmarks.convolutions --json convolutions.json

For every shape: the engine (tables forward and for the filters' gradients, minimal filtering for the inputs'), the
product of patches and filters by the BLAS behind NumPy, without and with laying out the patches, and the density of
spikes below which adding a row of filters for each spike would take less time than the engine, from the rate at which
this machine adds rows. Times are the least of some calls, in the thread's own processor time.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from refsbnn.console import DONE, Parser
from refsbnn.files import write_json
from refsbnn.kernels import checked_once, conv2d
from validation.benchmarks import machine
from validation.benchmarks.roofline_limits import best, limits


class Shape(NamedTuple):
    """A convolution with 3x3 filters and a border of one pixel, of means and variances.

    Attributes
    ----------
    where : str
    images, size, channels, out, stride : int
    """

    where: str
    images: int
    size: int
    channels: int
    out: int
    stride: int = 1


SHAPES = (
    Shape("case b", 8, 32, 64, 64),
    Shape("cifar10_small", 16, 16, 64, 64),
    Shape("cifar10_small", 16, 16, 64, 128, 2),
    Shape("cifar10_small", 16, 8, 128, 128),
    Shape("nmnist_small", 64, 17, 2, 16),
    Shape("nmnist_small", 64, 8, 16, 32),
    Shape("dvs_gesture_conv", 16, 32, 2, 32),
    Shape("dvs_gesture_conv", 16, 16, 32, 64),
    Shape("dvs_gesture_conv", 16, 8, 64, 128),
    Shape("dvs_gesture_conv", 64, 4, 128, 128),
    Shape("cifar10_resnet18", 16, 16, 128, 128),
    Shape("cifar10_resnet18", 128, 8, 256, 256),
    Shape("cifar10_resnet18", 128, 4, 512, 512),
)
DENSITIES = 0.01, 0.1, 0.5


def patches(x: np.ndarray, shape: Shape) -> np.ndarray:
    """The pixels under the filter at each position: (images * positions, 9 * channels) float32."""
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(1, 2))[:, :: shape.stride, :: shape.stride]
    return np.moveaxis(seen, 3, 5).reshape(-1, 9 * shape.channels).astype(np.float32)


def measured(shape: Shape, events: float, rounds: int) -> dict[str, Any]:
    """Milliseconds of the engine, by density, and of the products; densities at which events would be as fast.

    Parameters
    ----------
    shape : Shape
    events : float, floats of rows that this machine adds a second
    rounds : int
    """
    rng, out = np.random.default_rng(0), shape.out
    mu = rng.standard_normal((out, 3, 3, shape.channels)).astype(np.float32)
    sigma2, zero = np.full_like(mu, 0.5), np.zeros(out, np.float32)
    both = np.concatenate([mu, sigma2]).reshape(2 * out, -1)
    options: Any = {"padding": 1, "stride": shape.stride, "domain": "binary"}
    forward, weights = {}, {}
    for density in DENSITIES:
        z = (rng.random((shape.images, shape.size, shape.size, shape.channels)) < density).astype(np.uint8)
        g = rng.standard_normal(conv2d.forward(z, mu, sigma2, zero, zero, **options)[0].shape).astype(np.float32)
        with checked_once():
            forward[density] = best(partial(conv2d.forward, z, mu, sigma2, zero, zero, **options), rounds)
            alone = partial(conv2d.backward, g, g, z, mu, sigma2, input_gradient=False, **options)
            weights[density] = best(alone, rounds)
    with checked_once():
        whole = best(lambda: conv2d.backward(g, g, z, mu, sigma2, **options), rounds)
    x, sent = patches(z, shape), np.hstack([g.reshape(-1, out)] * 2)
    product = {
        "forward": best(lambda: x @ both.T, rounds),
        "weights": best(lambda: sent.T @ x, rounds),
        "inputs": best(lambda: sent @ both, rounds),
        "patches": best(lambda: patches(z, shape), rounds),
    }
    engine = {"forward": min(forward.values()), "weights": min(weights.values())}  # tables do not know the density
    engine["inputs"] = max(whole - engine["weights"], 0.0)
    one = 2.0 * out * z.size * 9.0 / shape.stride**2 / events  # seconds if every input spiked
    return {
        **shape._asdict(),
        "engine_ms": {name: 1e3 * value for name, value in engine.items()},
        "by_density_ms": {str(d): [1e3 * forward[d], 1e3 * weights[d]] for d in DENSITIES},
        "product_ms": {name: 1e3 * value for name, value in product.items()},
        "events_below": {name: engine[name] / one for name in ("forward", "weights")},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows, aligned."""
    lines = [
        f"{'':<49}{'forward, ms':^22}{'filters, ms':^22}{'inputs, ms':^16}  events below",
        f"{'shape':<17}{'images size  in out stride':<32}{'engine  product    x  ' * 2}"
        "engine  product  forward filters",
    ]
    for row in rows:
        own, blas, below = row["engine_ms"], row["product_ms"], row["events_below"]
        sizes = f"{row['images']:>6}{row['size']:>5}{row['channels']:>4}{row['out']:>4}{row['stride']:>7}"
        cells = "".join(
            f"{own[name]:>6.2f}{blas[name]:>9.2f}{blas[name] / own[name]:>5.1f}  " for name in ("forward", "weights")
        )
        last = f"{own['inputs']:>6.2f}{blas['inputs']:>9.2f}{below['forward']:>9.1%}{below['weights']:>8.1%}"
        lines.append(f"{row['where']:<17}{sizes:<32}{cells}{last}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure all shapes, print the table and write the numbers; returns the exit code."""
    parser = Parser(prog="python -m validation.benchmarks.convolutions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shapes", type=int, default=len(SHAPES), help="only the first so many")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args(argv)
    for name in ("rounds", "shapes"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} is {getattr(arguments, name)}; expected an integer >= 1")
    facts, before = machine.described(), machine.state()
    print(machine.lines(facts, before), flush=True)
    numba.set_num_threads(1)
    events = limits(1, arguments.rounds)["events"]
    rows = [measured(shape, events, arguments.rounds) for shape in SHAPES[: arguments.shapes]]
    print(table(rows))
    print(f"rows of filters are added at {events / 1e9:.1f} G floats a second")
    if arguments.json:
        write_json(arguments.json, {"machine": facts, "before": before, "events": events, "shapes": rows})
    return DONE


if __name__ == "__main__":
    sys.exit(main())
