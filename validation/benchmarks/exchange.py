"""A trained spiking network written as NIR: its spikes on test recordings, here, read back, and in other libraries.

python -m validation.benchmarks.exchange shd_recurrent data.root=DATA training.epochs=2 --examples 64
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn import Run, fit
from refsbnn.console import complain
from refsbnn.draws import CounterDraws, MeanDraws
from refsbnn.errors import InputError, check_integer
from refsbnn.exchange import nir_file
from refsbnn.exchange.from_nir import from_nir
from refsbnn.network import Network
from refsbnn.streams import Purpose


@dataclass(frozen=True)
class Spikes:
    """What every layer of neurons fired, without noise.

    Attributes
    ----------
    fired : dict
        By the node's name in NIR, (steps, batch, ...) arrays of 0 and 1.
    nearest : float
        Smallest distance of a membrane from its threshold.
    """

    fired: dict[str, np.ndarray]
    nearest: float


def spikes(network: Network, parameters: dict[str, np.ndarray], x: Any, examples: int) -> Spikes:
    """Of the mean weights."""
    _, tape = network.forward(parameters, x, MeanDraws(examples))
    fired, nearest = {}, np.inf
    for stage, each in zip(network.stages, tape.stages, strict=True):
        if stage.layer.kind == "lif":
            layer: Any = stage.layer
            fired[f"layer{stage.place.index}_lif"] = np.asarray(layer.spikes(each))
            nearest = min(nearest, float(np.abs(each.M - each.theta).min()))
    if not fired:
        raise InputError("the network has no neurons over time; expected a spiking configuration")
    return Spikes(fired, nearest)


def snntorch(path: Path) -> Any:
    """The file as snnTorch reads it; what its reader prints is dropped."""
    from snntorch.import_nir import import_from_nir

    with contextlib.redirect_stdout(io.StringIO()):
        return import_from_nir(nir_file.read(path))


def spikingjelly(path: Path) -> Any:
    """The file as SpikingJelly reads it."""
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    return import_from_nir(nir_file.read(path))


LIBRARIES: dict[str, Callable[[Path], Any]] = {"snntorch": snntorch, "spikingjelly": spikingjelly}


def stepped(module: Any, x: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """What some modules of a library's network give, (steps, batch, ...)."""
    import torch

    seen: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for name, child in module.named_modules():
        if name in seen:

            def keep(_: Any, __: Any, out: Any, name: str = name) -> None:
                seen[name].append((out[0] if isinstance(out, tuple) else out).numpy())

            child.register_forward_hook(keep)
    state = None
    with torch.no_grad():
        for each in torch.from_numpy(x.astype(np.float32)):
            _, state = module(each, state)
    return {name: np.stack(each) for name, each in seen.items()}


def compare(run: Run, examples: int) -> dict[str, Any]:
    """How many spikes there are, and how many differ in what each reader makes of the file."""
    network, rows = run.task.network, np.arange(examples)
    draws = CounterDraws(run.task.streams, Purpose.PREDICT, 0, rows)
    x = run.task.data.test.batch(rows, draws)
    own = spikes(network, run.parameters, x, examples)
    out: dict[str, Any] = {
        "spikes": int(sum(each.sum() for each in own.fired.values())),
        "places": sum(each.size for each in own.fired.values()),
        "nearest": own.nearest,
        "differ": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.nir"
        run.to_nir(path, readout=False)
        backend = network.backend.__name__.rpartition(".")[2]
        again = from_nir(path, backend={"reference": "numpy", "kernels": "numba"}[backend])
        found = {"read back": spikes(*again, x, examples).fired}
        for library, read in LIBRARIES.items():
            if find_spec(library) is None:
                print(f"{library} is left out: it is not installed")
                continue
            found[f"{library} {metadata.version(library)}"] = stepped(read(path), np.asarray(x), list(own.fired))
    for reader, fired in found.items():
        out["differ"][reader] = sum(
            int((a != b).sum()) for a, b in zip(fired.values(), own.fired.values(), strict=True)
        )
    return out


def main(argv: Sequence[str]) -> int:
    """Train, write, read, compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", default=[])
    parser.add_argument("--examples", type=int, default=64)
    arguments = parser.parse_intermixed_args(argv)
    check_integer("--examples", arguments.examples, 1)
    run = fit(arguments.config, *arguments.overrides)
    print(run)
    out = compare(run, arguments.examples)
    print(f"{out['spikes']:,} spikes at {out['places']:,} places")
    print(f"least distance of a membrane from its threshold: {out['nearest']:.1e}")
    for reader, count in out["differ"].items():
        print(f"{reader}: {count} differ")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(complain(str(error)))
