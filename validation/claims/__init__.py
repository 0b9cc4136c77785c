"""The claims of the paper and of docs/theory.md, one file each: the statement, the check, the numbers.

A claim module holds a title, a docstring with the statement and where it comes from, and ``check(level)``, which yields
rows. A module that measures curves has ``figures(level) -> list[Figure]`` as well.
"""

NAMES: tuple[str, ...] = (
    "member_mean",
    "unbiased",
    "error_order",
    "trade_off",
    "least_variance",
    "rao_blackwell",
    "small_temperature",
    "relaxation",
    "quadratures",
    "deep_bias",
    "auxiliary",
    "link",
    "extension",
    "scaling",
    "bipolar",
    "baselines",
    "exactness",
    "enumerated",
    "monte_carlo",
    "convolution",
    "divergence",
    "bound",
    "lif_noise",
)
"""The claim modules in the order of the report."""
