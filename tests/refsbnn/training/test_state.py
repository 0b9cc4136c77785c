"""Checkpoints that no run wrote, with a checksum that is right, are refused by what they hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn import sealed
from refsbnn.cli import main
from refsbnn.errors import InputError
from refsbnn.training import checkpoint
from refsbnn.training.config import load
from refsbnn.training.loop import Interrupted, initial, train
from refsbnn.training.resume import begin
from refsbnn.training.state import packed
from refsbnn.training.task import prepare
from tests.refsbnn.training.test_resume import KINDS


def spoilt(content: sealed.Content, key: str, how: str) -> sealed.Content:
    """A checkpoint with one array changed; its checksum will be right."""
    arrays = dict(content.arrays)
    if how == "missing":
        del arrays[key]
    else:
        arrays[key] = np.full_like(arrays[key], np.nan if how == "nan" else np.inf)
    return sealed.Content(arrays, content.facts)


@pytest.mark.parametrize("how", ["missing", "nan", "infinity"])
@pytest.mark.parametrize("group", ["parameters", "optimiser/mean", "optimiser/square", "tally", "best"])
def test_arrays_that_no_run_has_are_refused(group: str, how: str, tmp_path: Path) -> None:
    name, *overrides = KINDS["patience"]
    task = prepare(load(name, overrides))
    state, saved = initial(task), []
    with pytest.raises(Interrupted):
        train(task, state=state, save=lambda s: saved.append(packed(s, task.config)), stop=lambda: state.step == 5)
    key = f"{group}/{next(key for key in state.parameters if key.endswith('.mu'))}"
    sealed.write(tmp_path / checkpoint.FOLDER / "0000000005.h5", spoilt(saved[-1], key, how))
    said = "are not finite" if how != "missing" else "another network: its"
    with pytest.raises(InputError, match=rf"0000000005\.h5: .*{said}"):
        begin(tmp_path, prepare(load(name, overrides)), resume=True, overwrite=False, warn=lambda line: None)


FACTS = {
    "another file's": lambda facts: {"refsbnn": "0.1.0", "source": "SHD/shd_train.h5"},
    "nothing": lambda facts: {},
    "no history": lambda facts: {**facts, "history": None},
    "a history without numbers": lambda facts: {**facts, "history": [{}]},
    "a history of texts": lambda facts: {**facts, "history": [dict.fromkeys(facts["history"][0], "1")]},
    "a text for a step": lambda facts: {**facts, "step": "5"},
    "a step of another epoch": lambda facts: {**facts, "step": 500, "optimiser_steps": 500},
    "updates that were not made": lambda facts: {**facts, "optimiser_steps": 4},
    "a tally of nothing": lambda facts: {**facts, "tally": {}},
    "a tally that counts nothing": lambda facts: {
        **facts, "tally": facts["tally"] | {"counts": dict.fromkeys(facts["tally"]["counts"], 0)}
    },
    "a scale of no exponents": lambda facts: {**facts, "scale": {"1.dense.mu": 10**5}},
    "a scale of another network": lambda facts: {**facts, "scale": {"a": 1}},
    "no best": lambda facts: {key: value for key, value in facts.items() if key != "best"},
    "a best without score": lambda facts: {**facts, "best": {"epoch": 1}},
    "a best of an epoch to come": lambda facts: {**facts, "best": {"epoch": 10**30, "score": 1.0}},
    "seconds that are none": lambda facts: {**facts, "seconds": float("nan")},
    "a history that is not finite": lambda facts: {
        **facts, "history": [row | {"loglik": float("nan")} for row in facts["history"]]
    },
    "a tally of 400 digits": lambda facts: {
        **facts, "tally": facts["tally"] | {"sums": dict.fromkeys(facts["tally"]["sums"], 10**400)}
    },
    "a tally that is not finite": lambda facts: {
        **facts, "tally": facts["tally"] | {"sums": dict.fromkeys(facts["tally"]["sums"], float("inf"))}
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", FACTS)
def test_facts_that_no_run_has_are_refused(kind: str, tmp_path: Path, capsys: Any) -> None:
    """A file of another kind in a checkpoint's place, or one that was changed and sealed again."""
    command = ["train", *KINDS["numpy"], "--out", str(tmp_path)]
    task = prepare(load(*KINDS["numpy"][:1], KINDS["numpy"][1:]))
    state, saved = initial(task), []
    with pytest.raises(Interrupted):
        train(task, state=state, save=lambda s: saved.append(packed(s, task.config)), stop=lambda: state.step == 5)
    content = sealed.Content(saved[-1].arrays, FACTS[kind](saved[-1].facts))
    sealed.write(tmp_path / checkpoint.FOLDER / "0000000005.h5", content)
    assert main([*command, "--resume"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "0000000005.h5" in told
