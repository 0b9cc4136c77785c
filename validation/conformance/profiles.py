"""Profiles: what an implementation has to pass to be called fit for a purpose, as versioned lists of cases.

A case that a profile lists and an adapter does not have is a failure; everything else is judged as ever. In "inference"
the gradients are left out of every case. A list may grow with a new version, never within one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from validation.conformance.judge import Outcome
from validation.conformance.schema import Case

VERSION = 1


@dataclass(frozen=True)
class Profile:
    """One purpose.

    Attributes
    ----------
    name : str
    must : tuple of str
        Patterns of the cases that have to pass.
    gradients : bool
        Whether gradients are compared.
    """

    name: str
    must: tuple[str, ...]
    gradients: bool = True

    @property
    def title(self) -> str:
        """Name and version: "training 1"."""
        return f"{self.name} {VERSION}"

    def demands(self, case: str) -> bool:
        """Whether a case has to pass."""
        return any(fnmatchcase(case, pattern) for pattern in self.must)


LAYERS = ("dense.*", "unit.*_st", "unit.edge_tie_*", "unit.edge_zero_variance_st")
PROFILES = {
    profile.name: profile
    for profile in (
        Profile("inference", (*LAYERS, "categorical.*"), gradients=False),
        Profile(
            "training", (*LAYERS, "unit.edge_saturated_*_st", "categorical.*", "kl.*", "kl_weight.*", "sgd.momentum")
        ),
        Profile("full", ("*",)),
    )
}


def is_gradient(output: str) -> bool:
    """Whether an output is a gradient: "dx", "dmu".

    >>> is_gradient("dx"), is_gradient("z")
    (True, False)
    """
    return output.startswith("d")


def asked(cases: Sequence[Case], profile: Profile) -> list[Case]:
    """The cases of a profile: without gradients where it has none, and without those that then compare nothing."""
    if profile.gradients:
        return list(cases)
    forward = []
    for case in cases:
        expected, scale, bound = (
            {k: y for k, y in arrays.items() if not is_gradient(k)}
            for arrays in (case.expected, case.scale, case.bound)
        )
        if expected:
            flags = (*case.flags, "forward-only")
            forward.append(replace(case, expected=expected, scale=scale, bound=bound, flags=flags))
    return forward


def demand(outcomes: Sequence[Outcome], profile: Profile) -> list[Outcome]:
    """The outcomes, where a missing case that the profile lists is a failure."""
    return [
        replace(one, verdict="fail", message=f"profile {profile.title} demands this case: {one.message}")
        if one.verdict == "unsupported" and profile.demands(one.case)
        else one
        for one in outcomes
    ]
