"""The words of the command line: what is fixed, what is swept, which seeds."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from refsbnn.console import split
from refsbnn.errors import InputError
from refsbnn.sweeps.keys import kinds, takes_list
from refsbnn.training import config as configuration

MOST = 100_000  # runs of a sweep
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
SPAN = re.compile(rf"({NUMBER})\.\.({NUMBER})(?::(\w*))?")
SEEDS = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")


@dataclass(frozen=True)
class Span:
    """A range of numbers to search in, both ends in it.

    Attributes
    ----------
    low, high : int or float
        Both integers where whole numbers are meant.
    log : bool
        Whether equal ratios count alike, instead of equal differences.
    """

    low: int | float
    high: int | float
    log: bool

    def __str__(self) -> str:
        return f"{self.low!r}..{self.high!r}{':log' if self.log else ''}"


@dataclass(frozen=True)
class Grid:
    """A sweep.

    Attributes
    ----------
    config : str
        A configuration's name or file.
    fixed : tuple of str
        Overrides of all runs.
    axes : dict
        The values of each key that is swept.
    spans : dict of Span
        The range of each key that is searched.
    seeds : tuple of int
    """

    config: str
    fixed: tuple[str, ...]
    axes: dict[str, list[Any]]
    spans: dict[str, Span]
    seeds: tuple[int, ...]

    @property
    def keys(self) -> list[str]:
        """What is swept or searched."""
        return [*self.axes, *self.spans]

    def points(self) -> Iterator[dict[str, Any]]:
        """The values of each point of the grid, the last key's changing fastest."""
        for values in product(*self.axes.values()):
            yield dict(zip(self.axes, values, strict=True))

    def words(self, values: dict[str, Any], *seed: int) -> tuple[str, ...]:
        """The overrides of a run; without a seed it has the configuration's."""
        own = (f"{key}={json.dumps(value)}" for key, value in values.items())
        return (*self.fixed, *own, *(f"seed={each}" for each in seed))


def parse(config: str, words: Sequence[str]) -> Grid:
    """Read the words of a command line.

    Parameters
    ----------
    config : str
        A configuration's name or file.
    words : sequence of str
        "key=value" is fixed, "key=[a, b]" is swept, "key=low..high" and "key=low..high:log" are searched, "seeds=0-9".

    Raises
    ------
    InputError
        Words that cannot be meant, values that the configuration refuses, too many runs.

    Examples
    --------
    >>> grid = parse("digits_binary", ["model.hidden=[8]", "training.rate=[0.01, 0.02]", "seeds=0-2"])
    >>> grid.fixed, grid.axes, grid.seeds
    (('model.hidden=[8]',), {'training.rate': [0.01, 0.02]}, (0, 1, 2))
    """
    fixed: list[str] = []
    axes: dict[str, list[Any]] = {}
    spans: dict[str, Span] = {}
    seeds: tuple[int, ...] | None = None
    for word in words:
        key, _, written = (part.strip() for part in word.partition("="))
        if key in (*axes, *spans) or (key in ("seed", "seeds") and seeds is not None):
            raise InputError(f"{key} is given twice: {word!r}")
        if key in ("seed", "seeds"):
            seeds = several(key, written)
        elif match := SPAN.fullmatch(written):
            spans[key] = span(key, written, *match.groups())
        elif (values := listed(key, word)) is None:
            fixed.append(word)
        else:
            axes[key] = values
    for word in fixed:
        if (key := word.partition("=")[0].strip()) in (*axes, *spans):
            raise InputError(f"{key} is given twice: {word!r}")
    if seeds is None:
        first = {key: values[0] for key, values in axes.items()} | {key: each.low for key, each in spans.items()}
        own = configuration.load(config, Grid(config, tuple(fixed), axes, spans, ()).words(first))
        seeds = (own.seed,)
    out = Grid(config, tuple(fixed), axes, spans, seeds)
    check(out)
    return out


def several(key: str, written: str) -> tuple[int, ...]:
    """The seeds of "0-9", "3" or "0,2,5-7"."""
    wrong = f"{key}={written} cannot be read; expected numbers and ranges, as seeds=0-9 or seeds=0,3,7"
    out: list[int] = []
    for part in written.strip("[]").split(","):
        match = SEEDS.fullmatch(part.strip())
        if not match:
            raise InputError(wrong)
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise InputError(f"{key}={written}: {last} comes before {first}")
        if len(out) + last - first >= MOST:
            raise InputError(f"{key}={written} are too many; accepted: up to {MOST} runs")
        out += range(first, last + 1)
    if len(set(out)) < len(out):
        raise InputError(f"{key}={written} names a seed twice")
    return tuple(out)


def span(key: str, written: str, low: str, high: str, scale: str | None) -> Span:
    """The range of a key: of whole numbers where it holds them, or where both ends are written so."""
    if scale not in (None, "log"):
        raise InputError(f"{key}={written}: the scale is {scale!r}; accepted: 'log', or none")
    whole = all(end.lstrip("+-").isdigit() for end in (low, high)) and float not in kinds(key)
    if int in kinds(key) and not whole:
        raise InputError(f"{key}={written}: {key} takes whole numbers")
    kind = int if whole else float
    out = Span(kind(low), kind(high), scale == "log")
    if not out.low < out.high < float("inf"):
        raise InputError(f"{key}={written} is no range; expected a lower and a higher end, as 0.001..0.1:log")
    if out.log and out.low <= 0:
        raise InputError(f"{key}={written}: a logarithmic range begins above 0")
    return out


def listed(key: str, word: str) -> list[Any] | None:
    """The values of "key=[a, b]", or None where a list is one value of the key, or none is given."""
    value = read(word)
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):  # strings without quotes
        value = [read(f"{key}={each}") for each in split(value[1:-1])]
    if not isinstance(value, list):
        return None
    if takes_list(key) and not (value and all(isinstance(each, list) for each in value)):
        return None
    if not value:
        raise InputError(f"{word!r} has no values to sweep")
    try:
        said = [json.dumps(each) for each in value]
    except TypeError:
        raise InputError(f"{word!r} cannot be swept; expected numbers, strings, or lists of them") from None
    if "{" in "".join(said) and any(isinstance(each, dict) for each in value):
        raise InputError(f"{word!r} cannot be swept; expected numbers, strings, or lists of them")
    return value


def read(word: str) -> Any:
    """The value that an override gives its key."""
    tree: dict[str, Any] = {}
    configuration.apply(tree, word)
    while isinstance(tree, dict) and len(tree) == 1:
        (tree,) = tree.values()
    return tree


def check(grid: Grid) -> None:
    """Raise InputError for what a run would refuse, or two runs that are the same, before the first one starts."""
    count = len(grid.seeds)
    for values in grid.axes.values():
        count *= len(values)
    if count > MOST:
        raise InputError(f"the sweep has {count} runs; accepted: up to {MOST}")
    ends = [{key: getattr(each, end) for key, each in grid.spans.items()} for end in ("low", "high")]
    seen: set[str] = set()
    for point in grid.points():
        for end in ends if grid.spans else ends[:1]:
            found = configuration.load(grid.config, grid.words(point | end, grid.seeds[0]))
            said = json.dumps(found.as_dict())
            if said in seen:
                raise InputError(f"two points of the grid are the same: {point}")
            seen.add(said)
