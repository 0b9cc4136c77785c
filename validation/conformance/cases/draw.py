"""Drawing a case's arrays from its id, and putting the case together.

Numbers come from SHA-256, so they are the same everywhere. They have at most seven significant bits, so they are exact
in float64, float32 and bfloat16 alike: no implementation can blame its input's rounding. Cotangents are random and
never 0 or 1.
"""

import decimal
import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from refsbnn.adapter import Op
from validation.conformance.answers import worked_out
from validation.conformance.answers.unit import RULES, SURROGATES, Member, read, rule, standardise
from validation.conformance.number import CONTEXT, Array, frozen, lift, stored
from validation.conformance.schema import GROUPS, Case
from validation.conformance.special import NOISES

# Smallest distance of a uniform from its probability: 16 roundings of bfloat16.
MARGIN = Decimal(1) / 16

HELD_TO = {
    "dense": "oracle.terms.linear, pull_linear",
    "conv2d": "oracle.unroll, fold",
    "unit": "oracle.noise.law, oracle.members, oracle.quadrature",
    "residual_block": "oracle.dynamics.preactivation, pull_preactivation",
    "lif": "oracle.lif.membrane, pull_membrane",
    "leaky_readout": "oracle.lif.output, pull_output",
    "categorical": "oracle.losses.Categorical",
    "bernoulli": "oracle.losses.Bernoulli",
    "gaussian": "oracle.losses.Gaussian",
    "kl": "oracle.elbo.kl",
    "sampled_readout": "oracle.losses (eps)",
}


class Draw:
    """The random arrays of one case."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.margins: list[Decimal] = []

    def word(self, *address: Any) -> int:
        """64 bits for an address."""
        text = "/".join(map(str, (self.case, *address)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

    def grid(self, name: str, shape: tuple[int, ...], low: int, high: int, unit: int) -> np.ndarray:
        """k / unit with k from low to high."""
        flat = [low + self.word(name, i) % (high - low + 1) for i in range(int(np.prod(shape)))]
        return np.array(flat, dtype=np.float64).reshape(shape) / unit

    def signed(self, name: str, shape: tuple[int, ...], largest: float = 1.5) -> np.ndarray:
        """Odd multiples of 1/32 on both sides of 0: weights, cotangents."""
        k = int(largest * 16)
        return (2.0 * self.grid(name, shape, -k, k - 1, 1) + 1.0) / 32.0

    def variances(self, name: str, shape: tuple[int, ...], low: int = 1, high: int = 32) -> np.ndarray:
        """Multiples of 1/32 from low to high."""
        return self.grid(name, shape, low, high, 32)

    def spikes(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """States, uint8."""
        return self.grid(name, shape, 0, 1, 1).astype(np.uint8)

    def inputs(self, name: str, shape: tuple[int, ...], domain: str) -> np.ndarray:
        """Values of a domain."""
        if domain == "real":
            return self.signed(name, shape)
        return self.grid(name, shape, 0, 1, 1) * (2.0 if domain == "bipolar" else 1.0) - (domain == "bipolar")

    def uniform(self, *address: Any) -> float:
        """A number of the grid of 2^-24."""
        return (self.word(*address) >> 40) * 2.0**-24

    def uniforms(self, name: str, member: str, noise: str, m: Array, v: Array) -> np.ndarray:
        """One uniform a unit, redrawn until it is `MARGIN` away from what it is compared with."""
        chosen = read(member)
        out = np.zeros(m.shape)
        for i in np.ndindex(m.shape):
            mean, variance = m[i], v[i]
            r = None if variance.value == 0 else standardise(mean, variance)[0]
            for attempt in range(1000):
                u = self.uniform(name, *i, attempt)
                margin = distance(chosen, noise, r, Decimal(u))
                if margin is None or margin > MARGIN or chosen.name in SURROGATES:
                    break
            out[i] = u
            self.margins += [] if margin is None else [margin]
            if variance.value == 0 or chosen.name in SURROGATES:
                self.margins.append(abs(mean.value))
        return out

    def extra(self, name: str, draws: int, shape: tuple[int, ...]) -> np.ndarray:
        """Further uniforms, (draws, *shape)."""
        flat = [self.uniform(name, i) for i in range(draws * int(np.prod(shape)))]
        return np.array(flat).reshape(draws, *shape)


def distance(member: Member, noise: str, r: Any, u: Decimal) -> Decimal | None:
    """How far a uniform is from the number that decides; None where nothing does."""
    if r is None or member.name in ("gs", "uniform"):
        return None
    if member.name in SURROGATES:
        return abs(r.value)
    if member.name in RULES:
        _, _, probabilities = rule(member)
        edges = [sum(probabilities[: k + 1], Decimal(0)) for k in range(len(probabilities) - 1)]
        return min(abs(u - edge) for edge in edges)
    return abs(u - NOISES[noise].cdf(lift(r.value)).value)


Named = Mapping[str, np.ndarray]


def case(
    id: str,
    options: Mapping[str, Any],
    arrays: Mapping[str, Named],
    dims: Mapping[str, str],
    flags: str,
    bugs: str,
    draw: Draw | None = None,
    question: str = "",
    answer: Callable[[], Mapping[str, Any]] | None = None,
) -> Case:
    """Put a case together and compute what has to come out.

    Parameters
    ----------
    id : str
        Its part before the first dot is the operation; of "network.layered.st" the first two are.
    options, arrays, dims
        As in `Case`; `dims` of outputs that are gradients or new values of an array may be left out.
    flags, bugs : str
        Words.
    draw : Draw, optional
        Knows the margins of the uniforms it drew.
    question : str
    answer : callable, optional
        The expected outputs, where they are at hand; from `answers.OPS` otherwise.
    """
    parts = id.split(".")
    op = ".".join(parts[:2]) if parts[0] == "network" else parts[0]
    groups = {group: {k: frozen(y) for k, y in arrays.get(group, {}).items()} for group in GROUPS}
    flat = {k: y for group in groups.values() for k, y in group.items()}
    if answer is None:
        expected, scale, bound = worked_out(op, flat, options)
    else:
        with decimal.localcontext(CONTEXT):
            expected, scale, bound = stored(answer())
    named = {k: dims.get(k, "") or inherited(k, dims, expected[k].ndim) for k in (*flat, *expected)}
    held = HELD_TO.get(op)
    margin = 0.0 if draw is None or not draw.margins else float(min(draw.margins))
    source = "40-digit decimals (theory); held to " + (held or "refsbnn.reference")
    words = tuple(flags.split())
    return Case(
        id,
        Op(op, dict(options)),
        groups,
        named,
        expected,
        scale,
        bound,
        words,
        tuple(bugs.split()),
        source,
        margin,
        question,
    )


def inherited(name: str, dims: Mapping[str, str], ndim: int) -> str:
    """Axes of an output: those of the array it is the gradient or the new value of."""
    tries = [
        name,
        name.removeprefix("d"),
        name.removeprefix("new_"),
        name.removesuffix("_out"),
        name.removesuffix("_in"),
    ]
    tries += [name.removeprefix("d").removesuffix("_in"), name.replace("dv", "m").replace("dm", "m")]
    for key in tries:
        if key in dims and len(dims[key].split(",") if dims[key] else []) == ndim:
            return dims[key]
    if ndim == 0:
        return ""
    raise ValueError(f"the axes of {name} have no names")
