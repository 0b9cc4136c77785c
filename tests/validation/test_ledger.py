"""The ledger is consistent: verdicts, sentences and equations; and every claim can fail."""

import importlib
import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.test_docs import CITATION, ROOT, labels
from tests.validation.planted import ERRORS, SUBTLE, Error
from validation import claims
from validation.evidence.claim import FINDINGS, Claim, judge
from validation.evidence.record import Level

ABSTRACT = (
    "We propose a Bayesian framework for training binary and spiking neural networks that achieves state-of-the-art "
    "performance without normalisation layers.",
    "Unlike commonly used surrogate gradient methods -- often heuristic and sensitive to hyperparameter choices -- our "
    "approach is grounded in a probabilistic model of noisy binary networks, enabling fully end-to-end gradient-based "
    "optimisation.",
    "We introduce importance-weighted straight-through (IW-ST) estimators, a unified class generalising "
    "straight-through and relaxation-based estimators.",
    "We characterise the bias-variance trade-off in this family and derive a bias-minimising objective implemented via "
    "an auxiliary loss.",
    "Building on this, we introduce Spiking Bayesian Neural Networks (SBNNs), a variational inference framework that "
    "uses posterior noise to train Binary and Spiking Neural Networks with IW-ST.",
    "This Bayesian approach minimises gradient bias, regularises parameters, and introduces dropout-like noise.",
    "By linking low-bias conditions, vanishing gradients, and the KL term, we enable training of deep residual "
    "networks without normalisation.",
    "Experiments on CIFAR-10, DVS Gesture, and SHD show our method matches or exceeds existing approaches without "
    "normalisation or hand-tuned gradients.",
)
SENTENCES = (1, 2, 3, 4, 5, 6, 7, 8)  # that have a claim


def claim(name: str) -> Claim:
    return importlib.import_module(f"validation.claims.{name}").CLAIM


def forget(name: str) -> None:
    """Empty the caches of a claim's measurements."""
    for item in vars(importlib.import_module(f"validation.claims.{name}")).values():
        if hasattr(item, "cache_clear"):
            item.cache_clear()


@pytest.mark.parametrize("name", claims.NAMES)
def test_the_record_is_complete(name: str) -> None:
    one = claim(name)
    assert one.finding in FINDINGS
    assert all([one.title, one.sentence, one.statement, one.assumptions, one.reason, one.claimed, one.headline])
    assert one.equations or "validation/benchmarks/results" in one.code  # a claim about training runs
    assert not {formula.number for formula in one.equations} - set(labels())
    assert all((ROOT / path).exists() for path in one.code)
    assert one.owner == next(
        owner
        for owner, some in (("paper", claims.PAPER), ("ours", claims.OURS), ("others", claims.OTHERS))
        if name in some
    )


def test_titles_and_names_are_told_once_and_every_file_is_a_claim() -> None:
    assert len(set(claims.NAMES)) == len(claims.NAMES)
    assert len({claim(name).title for name in claims.NAMES}) == len(claims.NAMES)
    files = {path.stem for path in (ROOT / "validation" / "claims").glob("*.py")} - {"__init__"}
    assert set(claims.NAMES) == files


def test_the_papers_sentences_are_the_abstracts_and_in_its_order() -> None:
    numbers = []
    for name in claims.PAPER:
        one = claim(name)
        number = int(re.fullmatch(r"abstract, sentence (\d)", one.source)[1])
        assert one.sentence.removeprefix("... ").removesuffix(" ...") in ABSTRACT[number - 1]
        numbers.append(number)
    assert all(before <= after for before, after in pairwise(numbers))
    assert set(numbers) >= set(SENTENCES)


def test_every_equation_has_a_check() -> None:
    """A claim lists it, or a file of the tests or of the conformance vectors cites it."""
    checked = {formula.number for name in claims.NAMES for formula in claim(name).equations}
    for top in ("tests", "validation/conformance"):
        for path in (ROOT / top).rglob("*.py"):
            checked |= cited(path)
    assert [label for label in labels() if label not in checked] == []


def cited(path: Path) -> set[str]:
    """The equations that a file cites; all of a range."""
    found: set[str] = set()
    for text in re.findall(CITATION.pattern, path.read_text(encoding="utf-8"), re.IGNORECASE):
        found |= set(re.findall(r"\d\.\d+", text))
        for first, last in re.findall(r"(\d\.\d+)\s+to\s+(\d\.\d+)", text):
            ordered = labels()
            found |= set(ordered[ordered.index(first) : ordered.index(last) + 1])
    return found


@pytest.mark.parametrize("name", claims.NAMES)
def test_a_planted_error_fails_the_claim(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert name in ERRORS, "tests/validation/planted.py has no error for this claim"
    assert judged(name, ERRORS[name], monkeypatch) == "failed"


@pytest.mark.parametrize("name", SUBTLE)
def test_a_scale_that_ratios_cancel_fails_the_claim(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(name, SUBTLE[name], monkeypatch) == "failed"


def judged(name: str, error: Error, monkeypatch: pytest.MonkeyPatch) -> str:
    """The verdict on a claim with an error planted."""
    forget(name)
    with monkeypatch.context() as planted:
        error.plant(planted)
        rows = list(importlib.import_module(f"validation.claims.{name}").check(Level(quick=True)))
    forget(name)
    return judge(claim(name), rows).word
