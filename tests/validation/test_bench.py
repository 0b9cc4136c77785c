"""`refsbnn bench`: what it prints and writes on tiny networks; no number of it is judged."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from refsbnn import cli
from refsbnn.errors import InputError
from refsbnn.kernels import check, conv2d
from validation.benchmarks import bench, convolutions, growth, machine, roofline, roofline_kernels, turns
from validation.benchmarks.peers.cases import CASES, case_of
from validation.benchmarks.tape import size_of

SPEED = Path(bench.__file__).parent / "results" / "speed"


def test_times_the_engine_and_counts_its_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    assert cli.main(["bench", "--small", "--rounds", "2", "--threads", "1", "--epoch", "--json", str(path)]) == 0
    out = json.loads(path.read_text())
    for case in CASES:
        assert set(out[case]["contestants"]) == set(bench.PEERS[case])
        for name, row in out[case]["contestants"].items():
            assert row["engine"] == name
            assert row["times_engine"] == 1.0
            assert row["least_s"] <= row["quartiles_s"][0] <= row["median_s"] <= row["quartiles_s"][1]
            assert row["epoch_s"] > 0.0
        parts = out[case]["analytic"]
        assert parts["sum"] == pytest.approx(sum(value for key, value in parts.items() if key != "sum"))
        assert 0.0 < parts["tape"] < row["peak_MiB"]
    assert capsys.readouterr().out.count("engine") >= 2


def test_predictions_for_one_and_for_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    assert cli.main(["bench", "--small", "--inference", "--rounds", "1", "--threads", "1", "--json", str(path)]) == 0
    out = json.loads(path.read_text())
    for case in CASES:
        for batch in bench.BATCHES:
            assert set(out[case][f"batch {batch}"]) == set(bench.PEERS[case])
    assert "ms a prediction" in capsys.readouterr().out


def test_the_roofline_has_a_row_for_each_kernel_and_thread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bench.json"
    assert cli.main(["bench", "--small", "--roofline", "--rounds", "1", "--threads", "1", "--json", str(path)]) == 0
    out = json.loads(path.read_text())["roofline"]
    cases = {name: case_of(name, True) for name in CASES}
    assert [row["kernel"] for row in out["kernels"]] == [each.name for each in roofline_kernels.kernels(cases)]
    for row in out["kernels"]:
        assert row["attained"] == pytest.approx(row["least_s"] / row["seconds"])
        assert row["limit"] in out["limits"]["1"]
    assert set(out["limits"]["1"]) == set(out["units"])
    assert all(0.0 < value < np.inf for value in out["limits"]["1"].values())
    assert max(map(len, capsys.readouterr().out.split("limit, a second")[1].splitlines())) <= 120


def test_the_roofline_times_kernels_as_training_calls_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step makes itself is not looked through for NaN again, nor is it here."""
    refused = np.full((2, 3), np.nan, np.float32)
    one = roofline_kernels.Kernel("a", "check", lambda: check.check_float("m", refused), [{"fma": 1.0}], "one")
    monkeypatch.setattr(roofline, "kernels", lambda cases: [one])
    assert len(roofline.measured(["a"], 1, small=True, rounds=1)["kernels"]) == 1


def test_whatever_was_recorded_below_half_says_why() -> None:
    """In every record made since kernels are timed as training calls them."""
    cases = {name: case_of(name, True) for name in CASES}
    reasons = {each.name: each.reason for each in roofline_kernels.kernels(cases)}
    records = {path: json.loads(path.read_text())["roofline"] for path in sorted(SPEED.glob("*/roofline.json"))}
    assert any(record.get("checked_once") for record in records.values())
    for path, record in records.items():
        for row in record["kernels"] if record.get("checked_once") else ():
            if row["attained"] < roofline.HALF:
                assert reasons[row["kernel"]].strip(), (path, row["case"], row["kernel"])


def test_counts_are_of_the_shapes() -> None:
    """By hand: case a's input layer adds a row of means and one of variances an event, b's convolution 9 taps."""
    case = case_of("a", True)
    events = int(case.batch_of()[0].sum())
    first = roofline_kernels.recurrent(case, point=False)[0].counts[0]
    assert first["events"] == events * 2 * 8
    assert first["stream"] == 4 * events + 4 * 5 * 4 * 2 * 8
    block = {each.name: each.counts for each in roofline_kernels.residual(case_of("b", True))}
    assert block["conv2d.forward"][1]["fma"] == (2 * 8 * 8 * 8) * (9 * 8) * 2
    assert block["conv2d.forward"][0]["table"] * 64 == block["conv2d.forward"][1]["fma"]
    plain, full = (roofline_kernels.recurrent(case, point=each) for each in (True, False))
    assert plain[0].counts[0]["events"] * 2 == full[0].counts[0]["events"]


def test_a_narrow_block_is_counted_from_its_shape() -> None:
    """By hand, 2 images of 8x8 with 8 channels: nine taps of means and variances by fours and sixteens."""
    forward, backward = roofline_kernels.narrow(8, 8, 2)
    units = 2 * 8 * 8 * 8
    assert forward.counts[0]["table"] == backward.counts[0]["table"] == 2 * units * 9 * 8 / 64
    assert backward.counts[1]["fma"] - backward.counts[0]["fma"] == 2 * units * 9 * 8


def test_convolutions_beside_a_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product that is timed gives the engine's sums."""
    shape = convolutions.Shape("here", 2, 5, 3, 4, 2)
    monkeypatch.setattr(convolutions, "SHAPES", (shape,))
    path = tmp_path / "convolutions.json"
    assert convolutions.main(["--rounds", "1", "--json", str(path)]) == 0
    (row,) = json.loads(path.read_text())["shapes"]
    assert all(value >= 0.0 for part in ("engine_ms", "product_ms", "events_below") for value in row[part].values())
    rng = np.random.default_rng(0)
    z, mu = (rng.random((2, 5, 5, 3)) < 0.5).astype(np.uint8), rng.integers(-4, 5, (4, 3, 3, 3)).astype(np.float32)
    m, _ = conv2d.forward(z, mu, None, np.zeros(4, np.float32), padding=1, stride=2, domain="binary")
    np.testing.assert_array_equal(convolutions.patches(z, shape) @ mu.reshape(4, -1).T, m.reshape(-1, 4))


@pytest.mark.parametrize("words", [["--rounds", "0"], ["--shapes", "-1"]])
def test_convolutions_refuse_what_is_no_count(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        convolutions.main(words)
    assert ended.value.code == 2
    assert f"{words[0]} is {words[1]}; expected an integer >= 1" in capsys.readouterr().err


def test_growth_writes_numbers_figures_and_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two curves stand for all: one over a size, one over threads."""
    monkeypatch.setattr(growth, "CURVES", {name: growth.CURVES[name] for name in ("density", "threads")})
    monkeypatch.setattr(growth, "values", lambda curve, small: [1, 2] if curve.size == "threads" else [0.1, 0.4])
    assert cli.main(["bench", "--small", "--growth", str(tmp_path), "--rounds", "1", "--threads", "1"]) == 0
    out = json.loads((tmp_path / "growth.json").read_text())
    assert [row["density"] for row in out["density"]] == [0.1, 0.4]
    assert [row["threads"] for row in out["threads"]] == [1, 2]
    text = (tmp_path / "growth.md").read_text()
    assert "From 0.1 to 0.4 share of inputs that fire" in text
    if find_spec("matplotlib"):
        assert (tmp_path / "growth_density.svg").stat().st_size > 1000


def test_growth_changes_one_size_at_a_time() -> None:
    for curve in growth.CURVES.values():
        points = growth.values(curve, small=False)
        assert points == sorted(set(points))
        if curve.size != "threads":
            assert getattr(case_of(curve.case), curve.size) in points
            assert turns.Task(curve.case, 1, False, None, {curve.size: points[0]}).of._asdict() == {
                **case_of(curve.case)._asdict(), curve.size: points[0],
            }  # fmt: skip


# What is slow to compile (its gradients: test_peers.py), or seldom there: `refsbnn bench --peers --small` runs it.
SLOW = (
    *("torch_compile_shd", "torch_compile_cifar", "torch_hand_shd", "torch_hand_plain_shd", "jax_shd", "jax_cifar"),
    *("snntorch_shd", "spikingjelly_shd", "norse_shd", "spyx_shd"),
)
LEARNERS = [
    (case, name) for case in CASES for peers in bench.PEERS[case].values() for name in peers if name not in SLOW
]


@pytest.mark.parametrize(("case", "name"), LEARNERS)
def test_peers_learn_the_same_case(case: str, name: str) -> None:
    """Each contestant's loss is finite and falls on its one batch."""
    pytest.importorskip(bench.needs(name), reason="needs the extra peers")
    worker = turns.Worker(name, turns.Task(case, 1, True))
    worker.step(20)
    worker.end()
    assert np.isfinite(worker.last["loss"])
    assert worker.last["loss"] < worker.start["loss"]


def test_an_engine_that_stops_is_one_line() -> None:
    with pytest.raises(InputError, match="no_such_peer stopped: ModuleNotFoundError"):
        turns.run(turns.Task("a", 1, True), {"no_such_peer": []}, 1)


def test_a_peer_that_stops_is_told_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    out = turns.run(turns.Task("a", 1, True), {"engine": ["no_such_peer"]}, 1)
    assert set(out) == {"engine"}
    assert "no_such_peer is left out: no_such_peer stopped: ModuleNotFoundError" in capsys.readouterr().out


def test_turns_change_their_order_and_the_first_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    order = []

    class Counted:
        def __init__(self, name: str, task: turns.Task) -> None:
            self.name, self.seconds = name, []  # type: tuple[str, list[float]]
            self.start = {"first_s": 9.0, "imported_MiB": 1.0, "about": name}
            self.last = {"peak_MiB": 2.0, "loss": 0.0}

        def step(self, count: int) -> float:
            order.append(self.name)
            if self.name == "c" and len(order) > 3:
                raise InputError("c stopped")
            return float(len(order))

        def end(self) -> None:
            pass

    monkeypatch.setattr(turns, "Worker", Counted)
    out = turns.run(turns.Task("a", 1, True), {"a": ["b", "c"]}, 3)
    # One who stops is asked no more: c in the second round, after its first turn of it.
    assert order == [*"abc", *"cba", *"ab", *"ba"]
    assert set(out) == {"a", "b"}
    assert out["a"]["least_s"] > 3.0


def test_the_machine_says_when_it_is_busy() -> None:
    quiet = {"busy_processors": machine.QUIET, "load": [3.0, 1.0, 1.0]}
    assert machine.warning(quiet) is None
    assert machine.warning({**quiet, "busy_processors": None}) is None
    assert "other work keeps 1.0 processors busy" in str(machine.warning({**quiet, "busy_processors": 1.0}))
    facts, now = machine.described(), machine.state()
    assert facts["versions"]["numpy"] == np.__version__
    assert now["busy_processors"] is None or 0.0 <= now["busy_processors"] <= facts["processors"]
    assert machine.lines(facts, now).count("\n") == 1


def test_bad_input_is_one_line_and_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["bench", "--threads", "0"])
    assert stop.value.code == 2
    assert "'0' is not a whole number above 0" in capsys.readouterr().err
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    assert cli.main(["bench", "--peers"]) == 2
    assert "pip install 'refsbnn[peers]'" in capsys.readouterr().err


def test_batches_are_what_they_say() -> None:
    x, labels = case_of("a").batch_of()
    assert x.shape == (100, 128, 700)
    assert abs(x.mean() - 0.06) < 0.001
    assert labels.shape == (128,)
    assert size_of({"x": x, "view": x[:3]}) == x.nbytes
