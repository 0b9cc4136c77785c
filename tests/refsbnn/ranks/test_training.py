"""Training on several ranks: the bits of one process, whatever their number, their threads and the MPI library."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from refsbnn import cli
from tests.refsbnn.ranks.launch import Library, ours
from tests.refsbnn.ranks.several import RUNS, SMALL, write_data

pytestmark = pytest.mark.xdist_group("ranks")  # in one process: what they share is made once

PROGRAM = "tests.refsbnn.ranks.several"
TRAIN = ("refsbnn", "train", *RUNS["binary"], *SMALL)


def outcome(out: Path) -> tuple[bytes, str, dict]:
    """What a run left, its times aside."""
    rows = (out / "metrics.csv").read_text(encoding="utf-8").splitlines()
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    del result["seconds"]
    return (out / "parameters.npz").read_bytes(), "\n".join(row.rpartition(",")[0] for row in rows), result


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """All trainings by one process without a launcher."""
    out = tmp_path_factory.mktemp("ranks") / "alone"
    write_data(out.parent)
    for name, run in RUNS.items():
        own = [] if name in ("binary", "spiking") else [f"data.root={out.parent}"]
        assert cli.main(["train", *run, *SMALL, *own, "--out", str(out / name)]) == 0
    return out


def compare(library: Library, alone: Path, out: Path, ranks: int, names=tuple(RUNS), threads: int = 1) -> None:
    done = library.run(ranks, PROGRAM, str(out), *names, threads=threads, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    for name in names:
        assert outcome(out / name) == outcome(alone / name), f"{name} on {ranks} ranks"
    assert done.stdout.count("results: ") == len(names), "the first rank speaks, alone"


# All trainings on two ranks and on eight, two of them on each other number: what a number of ranks changes has nothing
# to do with what the network is.
@pytest.mark.parametrize(
    ("ranks", "threads", "names"),
    [
        (1, 2, ("shd", "residual")), (2, 2, tuple(RUNS)), (3, 1, ("spiking", "shd")), (4, 1, ("binary", "residual")),
        (8, 1, tuple(RUNS)),
    ],
)  # fmt: skip
def test_every_number_of_ranks_gives_the_bits_of_one_process(mpi, alone, ranks, threads, names):
    compare(mpi, alone, alone.parent / f"{ranks}-{threads}", ranks, names, threads)


def test_every_library_gives_them(library, mpi, alone):
    if library is mpi:
        pytest.skip("the numbers of ranks above are with this one")
    compare(library, alone, alone.parent / library.name, 3, ("binary", "spiking"))


def test_one_process_with_shards_differs_from_one_without_by_rounding_alone(alone, tmp_path):
    """And differs: shards are no name for the same sums."""
    assert cli.main(["train", *RUNS["binary"], *SMALL, "training.shards=1", "--out", str(tmp_path)]) == 0
    whole, cut = (np.load(out / "parameters.npz") for out in (tmp_path, alone / "binary"))
    # float64 sums in another order: some 10 steps, each of a few eps, that Adam's division by small means enlarges.
    for key in whole.files:
        np.testing.assert_allclose(cut[key], whole[key], rtol=1e-9, atol=1e-9)
    assert any((cut[key] != whole[key]).any() for key in whole.files)


def test_a_run_of_eight_ranks_goes_on_with_three_and_with_one(mpi, alone, tmp_path):
    """Stopped twice by SIGTERM after its first steps, each time resumed by fewer."""
    out, long = tmp_path / "run", [*TRAIN[1:], "training.epochs=12"]
    assert cli.main([*long, "--out", str(tmp_path / "whole")]) == 0
    for ranks, resume in ((8, []), (3, ["--resume"])):
        with mpi.start(ranks, "tests.refsbnn.ranks.stopped", "5", *long, *resume, "--out", str(out)) as process:
            _, error = process.communicate()
        assert process.returncode in (143, 128 + signal.SIGTERM), error
        assert ours(error)[-1].startswith("refsbnn: stopped after step"), error
    assert cli.main([*long, "--resume", "--out", str(out)]) == 0
    assert outcome(out) == outcome(tmp_path / "whole")


def test_nan_on_one_rank_stops_all_with_one_line(library, tmp_path):
    done = library.run(3, "tests.refsbnn.ranks.nan", *TRAIN[1:], "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    line, *others = ours(done.stderr)
    assert line.startswith("refsbnn: error: rank 1, step 3: the gradient of '3.dense.mu' is not finite"), done.stderr
    assert not others


def test_what_one_rank_alone_meets_ends_all_with_its_line(library, tmp_path):
    """Only the first rank writes: a full disk is nothing the others see."""
    done = library.run(2, "tests.refsbnn.ranks.full", *TRAIN[1:], "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    line, *others = ours(done.stderr)
    assert line.startswith("refsbnn: error: rank 0: cannot write"), done.stderr
    assert not others


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["training.shards=2"], "training.shards is 2; expected 3 to 200: a shard for each rank at least"),
        (["training.shards=0"], "training.shards is 0; expected an integer >= 1"),
        (["data.name=nothing"], "data.name is 'nothing'"),
    ],
)
def test_a_mistake_is_told_once(mpi, tmp_path, options, line):
    done = mpi.run(3, *TRAIN, *options, "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert [line in each for each in ours(done.stderr)] == [True], done.stderr
    assert not (tmp_path / "run").exists()
