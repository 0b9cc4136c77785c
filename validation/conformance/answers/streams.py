"""Random numbers by counter: Philox 4x32-10 in Python integers (theory 6.1)."""

from decimal import Decimal

import numpy as np

from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import ZERO, array, each, function, lift
from validation.conformance.special import NOISES

WORD = 2**32


def philox(counter: list[int], key: list[int], rounds: int = 10) -> list[int]:
    """One block: four counter words and two key words to four words."""
    c, k = list(counter), list(key)
    for _ in range(rounds):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [second // WORD ^ c[1] ^ k[0], second % WORD, first // WORD ^ c[3] ^ k[1], first % WORD]
        k = [(k[0] + 0x9E3779B9) % WORD, (k[1] + 0xBB67AE85) % WORD]
    return c


def blocks(a: Arrays, o: Options) -> Answers:
    """Philox blocks: counter (n, 4), key (n, 2), words."""
    rows = [philox(c, k) for c, k in zip(a["counter"].tolist(), a["key"].tolist(), strict=True)]
    return {"words": np.array(rows, dtype=np.uint32)}


def words(a: Arrays, o: Options) -> np.ndarray:
    """The words of some samples' units, (samples, units)."""
    seed, out = int(o["seed"]), []
    third = o["time"] + 2**16 * o["layer"] + 2**28 * o["purpose"]
    for sample in a["samples"].tolist():
        row: list[int] = []
        for block in range(-(-o["units"] // 4)):
            row += philox([block, sample, third, o["step"]], [seed % WORD, seed // WORD])
        out.append(row[: o["units"]])
    return np.array(out, dtype=np.uint64)


def uniforms(a: Arrays, o: Options) -> Answers:
    """Addressed uniforms: multiples of 2^-24, so the value is exact and nothing may round."""
    return {"u": array(words(a, o) // 256 * 2.0**-24)}


def normals(a: Arrays, o: Options) -> Answers:
    """Addressed standard normals."""
    # w + 1/2 has 25 bits: it rounds once where a float has 24.
    half = each(lambda w: function(lift(0), (Decimal(int(w)) + Decimal("0.5")) / 2**24, ZERO), words(a, o) // 256)
    return {"normal": each(NOISES["gaussian"].ppf, half)}


OPS = {
    "philox": blocks,
    "uniforms": uniforms,
    "normals": normals,
}
