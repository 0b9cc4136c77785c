"""The claims of the paper, of docs/theory.md and of other works, one file each: the ledger of `refsbnn audit`.

A claim module holds ``CLAIM`` (`validation.evidence.claim`), a docstring with what the claim rests on, and
``check(level)``, which yields rows. A module that measures curves has ``figures(level) -> list[Figure]`` as well.
"""

PAPER: tuple[str, ...] = (
    "state_of_the_art",
    "surrogates",
    "exactness",
    "end_to_end",
    "unification",
    "trade_off",
    "auxiliary",
    "bound",
    "weight_sampling",
    "noise_bias",
    "matched_loss",
    "regulariser",
    "link",
    "depth",
    "matches",
)
"""The paper's claims, in the order of its abstract."""

OURS: tuple[str, ...] = (
    "member_mean",
    "outside",
    "unbiased",
    "error_order",
    "least_variance",
    "least_mass",
    "least_error",
    "quadratures",
    "bipolar",
    "extension",
    "deep_bias",
    "scaling",
    "lif_noise",
    "shared_in_time",
    "divergence",
    "charged_once",
    "convolution",
    "enumerated",
    "monte_carlo",
)
"""Claims of docs/theory.md."""

OTHERS: tuple[str, ...] = (
    "rao_blackwell",
    "small_temperature",
    "relaxation",
    "baselines",
)
"""Claims of other works."""

NAMES: tuple[str, ...] = (*PAPER, *OURS, *OTHERS)
"""The claim modules in the order of the ledger."""
