"""The readers that the fuzzer tries: what each reads, what damage its files get, what memory it may take.

A reader is handed a folder of valid files of which one has been damaged. It accepts the folder, and then uses what it
has read, or raises `InputError` with one line.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from refsbnn.commands.train import outcome
from refsbnn.data import cifar10, official, recordings
from refsbnn.data.event_sets import EventSet
from refsbnn.data.options import Data
from refsbnn.data.sources import SETS, load
from refsbnn.draws import CounterDraws
from refsbnn.run import Run
from refsbnn.streams import Purpose, Streams
from refsbnn.training import config as configuration
from refsbnn.training import folder, lock, loop
from refsbnn.training.resume import begin
from refsbnn.training.task import connected
from validation.conformance import vectors, waivers
from validation.conformance.judge import Outcome
from validation.faults import corpus, damage, hdf5, hostile, values
from validation.faults.damage import Damage
from validation.faults.hostile import Hostile, written

CONSTANT = 48 << 20  # bytes that any reader may take beside what the size of the file allows
CONFIGURATIONS = tuple(f"{name}.toml" for name in ("small", "resnet", "spoken"))


@dataclass(frozen=True)
class Reader:
    """One reader.

    Attributes
    ----------
    name : str
    make : callable
        Writes the valid files into a folder.
    files : str
        Pattern of those that are damaged, one at a time.
    read : callable
        Reads the folder and uses what it has read.
    times : float
        Memory that it may take: so many times the size of the damaged file, and `CONSTANT`.
    damages : dict
        Of content, any of which may be accepted.
    attacks : dict
        What has to be refused.
    command : tuple of str
        Of `refsbnn`, that reads the folder it is run in; none where there is no such command.
    share : int
        How often it is chosen.
    writes : bool
        Whether reading writes into the folder.
    """

    name: str
    make: Callable[[Path], None]
    files: str
    read: Callable[[Path], object]
    times: float
    damages: dict[str, Damage]
    attacks: dict[str, Hostile] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    share: int = 4
    writes: bool = False


def draws(rows: int) -> CounterDraws:
    """Of a step of training."""
    return CounterDraws(Streams(0), Purpose.TRAIN, 0, np.arange(rows))


def resumed(where: Path) -> None:
    """The unfinished run goes on to its end, and `evaluate` finds its parameters."""
    stored = folder.read(where / "run")
    corpus.task().network.check(stored.parameters)
    state = begin(where / "run", corpus.task(), resume=True, overwrite=False, warn=lambda line: None)
    if state.step != 3 or stored.history != state.history:
        raise AssertionError("a checkpoint of another step was accepted")
    with np.errstate(all="ignore"):  # numbers that are large and finite
        result = loop.train(corpus.task(), state=state)
    json.dumps(outcome(corpus.task().config, result, {}), allow_nan=False)


def loaded(where: Path) -> None:
    """The finished run is loaded, shown, and predicts."""
    run = Run.load(where / "run")
    repr(run)
    if len(run.task.data.test.labels):  # and they are not those of arrays that were given
        with np.errstate(all="ignore"):
            run.predict_proba(run.task.data.test.batch(np.arange(2), draws(2)), samples=1)


def kept(where: Path) -> None:
    """The kept recordings become batches, moved in every way."""
    options = Data(
        name="shd", root=str(where), steps=4, delay=1, shift=2, jitter=1.0, drop=0.1, time_jitter=0.5, groups=[1]
    )
    data = load(options)
    for part in (data.train, data.validation, data.test):
        part.batch(np.arange(len(part.labels)), draws(len(part.labels)))


def configured(where: Path) -> None:
    """Every configuration becomes a network, without parameters."""
    for name in CONFIGURATIONS:
        connected_of(configuration.load(str(where / name)))


def overridden(where: Path) -> None:
    """The lines of a file are overrides."""
    lines = (where / "overrides.txt").read_bytes().decode("utf-8", "surrogateescape").split("\n")
    connected_of(configuration.load("digits_binary", [line for line in lines if line]))


def connected_of(config: configuration.Config) -> None:
    """The network of a configuration, connected."""
    record = SETS[config.data.name]
    if config.model.over_time == (config.data.steps > 0):
        connected(config, config.model.layers(record.classes), record.signal(config.data))
    Streams(config.seed)
    config.as_dict()


def overrides(where: Path) -> None:
    """Some overrides, one a line."""
    text = (
        "seed=3\nmodel.hidden=[7, 5]\ntraining.rate=1e-3\nmodel.units.member=['st', 'agr(tau=0.5)']\ndata.name=digits\n"
    )
    (where / "overrides.txt").write_text(text)


def events(name: str) -> Callable[[Path], None]:
    """A reader of an event data set: read from the official files, filtered and binned, nothing kept."""
    more = {} if name == "shd" else {"denoise_ms": 10.0, "downsample": 2, "merge": True}

    def read(where: Path) -> None:
        kind, options = SETS[name], Data(name=name, root=str(where), steps=4, **more)  # type: ignore[arg-type]
        assert isinstance(kind, EventSet)
        for archive in kind.archives:
            source = where / archive.gives
            recordings.binned(kind.recordings(source, options, range), 0.0, 4, int(np.prod(kind.seen(options))))
            recordings.binned(kind.recordings(source, options, range), 0.5, 4, int(np.prod(kind.seen(options))))

    return read


def photographs(version: str) -> Callable[[Path], None]:
    """A reader of the six batches of CIFAR-10."""

    def read(where: Path) -> None:
        data = cifar10.CIFAR10.load(Data(name="cifar10", root=str(where / version), shift=2, mirror=True))
        data.train.batch(np.arange(3), draws(3))

    return read


def unpacked(name: str) -> Callable[[Path], None]:
    """A reader of an archive, which it unpacks into the folder."""
    return lambda where: official.unpack(where / name, where)


def vectors_read(where: Path) -> None:
    """Vectors are read, and are those that the results name."""
    cases = vectors.read(where / "vectors.h5")
    if vectors.digest(cases) != vectors.digest(corpus.some_cases()):
        raise AssertionError("vectors of other numbers were accepted")


def judged(where: Path) -> None:
    """A results file is judged."""
    vectors.judge_results(corpus.some_cases(), vectors.read_results(where / "results.h5"))


def waived(where: Path) -> None:
    """Waivers are applied."""
    waivers.apply([Outcome("dense.binary_linear", "fail", "")], waivers.read(where / "waivers.toml"), corpus.TODAY)


def locked(where: Path) -> None:
    """A run asks for the folder that the file locks; another host's lock is watched before it is taken, briefly."""
    silence, lock.SILENCE = lock.SILENCE, 0.1
    try:
        with lock.held(where / "run"):
            pass
    finally:
        lock.SILENCE = silence


JUDGE = ("conformance", "judge", "vectors.h5", "results.h5", "--waivers", "waivers.toml")
PLAIN = {"an array of objects": written(hostile.objects), "a header": written(hostile.header)}
TEXTS = {"brackets": written(hostile.brackets), "digits": written(hostile.digits)}
TOML = {**TEXTS, "dots": written(hostile.dots), "a long text": written(hostile.long_text)}
PICKLES = {"instructions": lambda content, rng, foreign: hostile.opcodes(content, rng)}
RESEALED = {f"{name}, sealed": damage.resealed(one) for name, one in damage.BYTES.items() if name != "another file"}
SEALED = {**damage.BYTES, **RESEALED, **hdf5.SEALED}


def verified(name: str, root: str = ".") -> tuple[str, ...]:
    """The command that reads a data set's official files."""
    return ("data", "verify", name, "--root", root)


READERS = (
    Reader(
        "checkpoint", corpus.unfinished, "run/checkpoints/*.h5", resumed, 100, SEALED,
        {"facts, a bomb": written(hostile.fact_bomb), **hostile.NO_FILES},
        ("train", "small.toml", "--out", "run", "--resume"), share=6,
    ),
    Reader(
        "kept recordings", corpus.kept, "refsbnn/*.h5", kept, 100 * 88, SEALED,
        {"facts, a bomb": written(hostile.fact_bomb), **hostile.NO_FILES},
        ("data", "prepare", "shd", "--root", ".", "--steps", "4"), share=8,
    ),
    Reader(
        "configuration", corpus.configurations, "*.toml", configured, 400,
        {**damage.TEXT, "settings": values.settings, "more settings": values.settings},  {**TOML, **hostile.NO_FILES},
        ("train", "small.toml", "--out", "out"), share=6,
    ),
    Reader("overrides", overrides, "overrides.txt", overridden, 400, {**damage.TEXT, "settings": values.overrides}),
    Reader(
        "CIFAR-10, pickles", corpus.photographs, "py/*/*", photographs("py"), 100, {**damage.BYTES, **PICKLES},
        {"code": hostile.code, "many instructions": written(hostile.many_instructions), **hostile.NO_FILES},
        verified("cifar10", "py"), share=6,
    ),
    Reader(
        "CIFAR-10, bytes", corpus.photographs, "bin/*/*", photographs("bin"), 30, damage.BYTES, hostile.NO_FILES,
        verified("cifar10", "bin"), share=2,
    ),
    Reader(
        "SHD", corpus.spoken, "SHD/*.h5", events("shd"), 1100, {**damage.BYTES, **hdf5.HDF5},
        {"one list for all": written(hostile.heap), **hostile.NO_FILES}, verified("shd"), share=6,
    ),
    Reader(
        "N-MNIST", corpus.nmnist, "NMNIST/*/*/*.bin", events("nmnist"), 100, damage.BYTES, hostile.NO_FILES,
        verified("nmnist"), share=2,
    ),
    Reader(
        "PokerDVS", corpus.cameras, "POKERDVS/*/*/*.npy", events("pokerdvs"), 100, damage.BYTES,
        {**PLAIN, **hostile.NO_FILES}, verified("pokerdvs"), share=3,
    ),
    Reader(
        "DVS Gesture", corpus.cameras, "DVSGesture/*/*/*.npy", events("dvs_gesture"), 100, damage.BYTES,
        {**PLAIN, **hostile.NO_FILES}, verified("dvs_gesture"), share=3,
    ),
    Reader(
        "tar", corpus.archives, "set.tar.gz", unpacked("set.tar.gz"), 1100,
        {**damage.BYTES, "inside": hostile.inside_tar},
        {"members": written(hostile.tarred), "claims": written(hostile.sparse), **hostile.NO_FILES},
        writes=True,
    ),
    Reader(
        "zip", corpus.archives, "set.zip", unpacked("set.zip"), 1100,
        {**damage.BYTES, "members": lambda content, rng, foreign: hostile.zipped(content, rng)},
        {"overlapping": written(hostile.overlapping), **hostile.NO_FILES},
        writes=True,
    ),
    Reader(
        "vectors", corpus.conformance, "vectors.h5", vectors_read, 1100, {**damage.BYTES, **hdf5.HDF5},
        hostile.NO_FILES,
        JUDGE, share=2,
    ),
    Reader(
        "results", corpus.conformance, "results.h5", judged, 1100, {**damage.BYTES, **hdf5.HDF5},
        hostile.NO_FILES, JUDGE,
    ),
    Reader(
        "waivers", corpus.conformance, "waivers.toml", waived, 400, damage.TEXT, {**TOML, **hostile.NO_FILES}, JUDGE,
        share=2,
    ),
    Reader(
        "result.json", corpus.finished, "run/result.json", loaded, 150,
        {**damage.TEXT, "values": values.json_values, "more values": values.json_values}, {**TEXTS, **hostile.NO_FILES},
        ("evaluate", "run", "--samples", "1"), share=6,
    ),
    Reader(
        "metrics.csv", corpus.finished, "run/metrics.csv", loaded, 200, {**damage.TEXT, "cells": values.table},
        {"a long table": written(hostile.long_table), **hostile.NO_FILES}, ("evaluate", "run", "--samples", "1"),
    ),
    Reader(
        "parameters.npz", corpus.finished, "run/parameters.npz", loaded, 30, damage.BYTES,
        {
            "an array of objects": written(hostile.zipped_objects), "overlapping": written(hostile.overlapping),
            **hostile.NO_FILES,
        },
        ("evaluate", "run", "--samples", "1"),
    ),
    Reader(
        "lock", corpus.lock, "run/.lock", locked, 400, {**damage.TEXT, "values": values.json_values},
        {"a pipe": hostile.pipe},
        ("train", "digits_binary", "training.epochs=1", "--out", "run"), share=1, writes=True,
    ),
)  # fmt: skip
