"""The oracle's contestants give its numbers; no time is judged."""

import numpy as np
import pytest

from validation.benchmarks.oracle_pairs import CONTESTANTS, SMALL, contestant, difference

pytest.importorskip("torch", reason="needs the extra peers")


@pytest.mark.parametrize("units", [*SMALL.values(), [7, 7]])  # 2^14 joint states: more than one block of torch's
def test_contestants_give_the_same_loss_and_gradient(units: list[int]) -> None:
    answers = {name: contestant(name, units)() for name in CONTESTANTS}
    for answer in answers.values():
        assert set(answer[1]) == set(answers["oracle"][1])
        # Sums of 2^14 terms of probability times loss, by pairwise or recursive summation, each rounded some ten times.
        assert difference(answers["oracle"], answer) <= 2**14 * 10 * np.finfo(np.float64).eps
