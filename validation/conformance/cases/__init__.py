"""The conformance cases, a file for each family of operations; `all_cases` makes them in a fixed order."""

import importlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Protocol, TypeVar

from validation.conformance.schema import Case


class Identified(Protocol):
    """A case of given or of own noise."""

    @property
    def id(self) -> str:
        """Its name."""


AnyCase = TypeVar("AnyCase", bound=Identified)

# Each file, and what its cases' ids begin with: one case alone need not wait for the others.
FILES: dict[str, tuple[str, ...]] = {
    "linear": (
        *("dense", "conv2d", "average_pool", "max_pool", "zero_mean"),
        *("sampled_dense", "sampled_conv2d", "flatten"),
    ),
    "units": ("unit", "weight"),
    "dynamics": ("residual_add", "residual_block", "lif", "leaky_readout", "sampled_readout"),
    "each": ("lif_each",),
    "slow": ("lif_slow",),
    "objective": (
        *("categorical", "bernoulli", "gaussian", "kl", "kl_weight", "bias_penalty"),
        *("adam", "sgd", "reinforce", "arm", "disarm"),
    ),
    "sensitivity": ("sensitivity", "sensitivity_lif", "curvature"),
    "streams": ("philox", "uniforms", "normals"),
    "networks": ("network",),
    "edge": (
        *("unit", "lif", "bias_penalty", "sampled_readout", "max_pool", "conv2d", "leaky_readout"),
        *("categorical", "bernoulli"),
    ),
    "deterministic": ("surrogate", "lif_deterministic"),
    "point": ("point_dense", "point_conv2d", "loss", "clip", "schedule", "sgd", "adam"),
    "reject": ("reject",),
}


def family(name: str) -> Iterator[Case]:
    """The cases of a file."""
    yield from importlib.import_module(f"validation.conformance.cases.{name}").make()


@lru_cache(maxsize=1)
def all_cases() -> tuple[Case, ...]:
    """Every case: a few seconds of decimal arithmetic."""
    found = [case for name in FILES for case in family(name)]
    ids = [case.id for case in found]
    assert len(set(ids)) == len(ids), "two cases share an id"
    return tuple(found)


def like(pattern: str) -> list[Case]:
    """The cases whose id fits a pattern with * and ?, from no more files than may have one.

    Examples
    --------
    >>> [case.id for case in like("kl.*")]
    ['kl.dense']
    """
    first, dot, _ = pattern.partition(".")
    named = dot and not set(first) & set("*?[")
    files = [name for name, starts in FILES.items() if not named or first in starts]
    return matching(
        all_cases() if len(files) == len(FILES) else (case for name in files for case in family(name)), pattern
    )


def matching(cases: Iterable[AnyCase], pattern: str) -> list[AnyCase]:
    """The cases whose id fits a pattern with * and ?."""
    return [case for case in cases if fnmatchcase(case.id, pattern)]
