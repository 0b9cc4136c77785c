"""Planted errors in the engine, in training, data and the judge; as `tests/mutants.py`."""

from tests.mutants import Mutant

BACKENDS = "tests/refsbnn/test_backends.py"
KERNELS = "tests/refsbnn/kernels"
TRAINING = "tests/refsbnn/training"
DATA = "tests/refsbnn/data"
JUDGE = "tests/validation/conformance/test_judge.py"

ENGINE = (
    # The kernels, at the sizes at which they cut their work
    Mutant(
        "events: rows past the last full block left out",
        "refsbnn/kernels/sparse.py",
        "-(-rows // CHUNK)",
        "max(rows // CHUNK, 1)",
        f"{KERNELS}/test_dense.py::test_events_on_both_sides_of_every_block[binary-(1025, 11, 20)-float32]",
    ),
    Mutant(
        "readout: the last of tied steps read",
        "refsbnn/kernels/readout.py",
        "if membrane[i] > best[i]:",
        "if membrane[i] >= best[i]:",
        f"{KERNELS}/test_readout.py::test_the_first_of_tied_steps_is_read",
    ),
    # The ledger, training, data, the judge of conformance
    Mutant(
        "ledger: a claim fails only where all of its rows do",
        "validation/evidence/claim.py",
        'any(row.verdict == "failed" for row in rows)',
        'all(row.verdict == "failed" for row in rows)',
        "tests/validation/test_audit.py::test_the_verdict_is_the_finding_unless_a_row_failed_or_the_headline_is_missing",
    ),
    Mutant(
        "chunk: a piece's state handed out uncopied",
        "refsbnn/layers/time.py",
        "dict(tape.states[number])",
        "tape.states[number]",
        f"{BACKENDS}::test_a_tape_gives_the_same_gradients_twice[recurrent neurons-{{'chunk': 2}}-numpy]",
    ),
    Mutant(
        "a step's KL weight is the next one's",
        "refsbnn/training/loop.py",
        "plan.weight(state.step).value",
        "plan.weight(state.step + 1).value",
        f"{TRAINING}/test_loop.py::test_each_step_has_its_weight_and_rate",
    ),
    Mutant(
        "the rate drops an epoch early",
        "refsbnn/training/loop.py",
        "[epoch * self.per_epoch",
        "[(epoch - 1) * self.per_epoch",
        f"{TRAINING}/test_loop.py::test_each_step_has_its_weight_and_rate",
    ),
    Mutant(
        "patience of one epoch more",
        "refsbnn/training/loop.py",
        "state.best.epoch < training.patience",
        "state.best.epoch <= training.patience",
        f"{TRAINING}/test_loop.py::test_patience_ends_a_run_and_the_best_epoch_is_kept",
    ),
    Mutant(
        "best is the highest NLL",
        "refsbnn/training/loop.py",
        '-row["validation_nll"]',
        'row["validation_nll"]',
        f"{TRAINING}/test_loop.py::test_patience_ends_a_run_and_the_best_epoch_is_kept",
    ),
    Mutant(
        "weight decay pulls at the biases' log-variances",
        "refsbnn/optim.py",
        'endswith(("rho", ',
        'endswith((".rho", ',
        "tests/refsbnn/test_optim.py::test_weight_decay_spares_rho",
    ),
    Mutant(
        "labels of the first recordings for those chosen",
        "refsbnn/data/spikes.py",
        "self.recordings.labels[self.rows]",
        "self.recordings.labels[: len(self.rows)]",
        f"{DATA}/test_sources.py::test_labels_are_the_files_at_the_rows_that_are_kept",
    ),
    Mutant(
        "PokerDVS: polarities swapped",
        "refsbnn/data/pokerdvs.py",
        "t / 1000.0, x, y, polarity",
        "t / 1000.0, x, y, 1 - polarity",
        f"{DATA}/test_cameras.py::test_poker",
    ),
    Mutant(
        "times before the first bin kept",
        "refsbnn/data/recordings.py",
        "(place >= 0) & ",
        "",
        f"{DATA}/test_recordings.py::test_times_before_the_first_bin_are_left_out",
    ),
    Mutant(
        "judge: a hundred times the tolerance of bfloat16",
        "validation/conformance/judge.py",
        '"bfloat16": 2.0',
        '"bfloat16": 200.0',
        f"{JUDGE}::test_the_tolerance_is_roundings_times_scale",
    ),
    Mutant(
        "judge: one output never looked at",
        "validation/conformance/judge.py",
        "if name in results:",
        'if name in results and name != "dsigma2":',
        f"{JUDGE}::test_a_small_relative_error_of_any_output_is_found",
    ),
    Mutant(
        "judge: only the last problem told",
        "validation/conformance/judge.py",
        'problems += [f"{name}: {problem}"]',
        'problems = [f"{name}: {problem}"]',
        f"{JUDGE}::test_every_wrong_output_is_named",
    ),
)
