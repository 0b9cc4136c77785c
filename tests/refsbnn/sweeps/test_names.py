"""Names of runs: safe as names of files, short, no two alike."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from refsbnn.sweeps import names

TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)
VALUES = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS, st.lists(TEXTS)
)


@given(VALUES, VALUES)
def test_values_that_differ_have_names_that_differ(one: Any, other: Any) -> None:
    """Where upper and lower case are the same, too; 16 bits of a hash are told apart but for once in 65,536 pairs that
    also have the same letters, which chance does not find here."""
    first, second = names.spoken(one), names.spoken(other)
    assert re.fullmatch(r"[A-Za-z0-9.+-]{1,50}", first)
    if json.dumps(one) != json.dumps(other):
        assert first.lower() != second.lower()


def test_the_names_that_clash_without_their_marks() -> None:
    alike = ["a b", "a-b", "a(b)", "A-b", "1", 1, True, "true", ["a", "b"], "a/b", "a\\b", "../a", "a" * 50, "a" * 60]
    assert len({names.spoken(value).lower() for value in alike}) == len(alike)


def test_a_name_is_no_longer_than_a_file_system_takes() -> None:
    values = {f"model.units.key{i}": "x" * 30 + str(i) for i in range(20)}
    other = values | {"model.units.key19": "x" * 30 + "y"}
    assert len(names.run(names.name(values), 2**31 - 1)) < 255
    assert names.name(values) != names.name(other)
