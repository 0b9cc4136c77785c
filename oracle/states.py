"""Sets of joint states: listing them, their probabilities, and sums over them; and the limit on their number.

A joint state of n units is a number from 0 to values^n - 1; unit 0 is its most significant digit.
"""

import numpy as np

from oracle.errors import InputError

# Joint states that one enumeration may visit: 2^22 states of float64 are 32 MB an array, seconds of work.
LIMIT_BITS = 22


def spikes(states: np.ndarray, units: int, domain: str = "binary") -> np.ndarray:
    """Joint states of binary units by their numbers, (states, units), in the values of the domain (theory 1.4)."""
    bits = (states[:, None] >> np.arange(units)[::-1]) & 1
    return bits.astype(np.float64) if domain == "binary" else 2.0 * bits - 1.0


def patterns(units: int, domain: str = "binary") -> np.ndarray:
    """Every joint state of binary units, (2^units, units)."""
    return spikes(np.arange(2**units), units, domain)


def joint(p0: np.ndarray, p1: np.ndarray) -> np.ndarray:
    """Probability of every joint state of independent units: p0, p1 (rows, units) -> (rows, 2^units), by columns."""
    rows, units = p0.shape
    table = np.empty((2**units, rows))
    table[0] = 1.0
    for i in range(units - 1, -1, -1):
        size = 2 ** (units - 1 - i)
        np.multiply(table[:size], p1[:, i], out=table[size : 2 * size])
        table[:size] *= p0[:, i]
    return table.T


def score_sums(weights: np.ndarray, score0: np.ndarray, score1: np.ndarray) -> np.ndarray:
    """Sum over joint states of weight times each unit's score (theory 5.2): (rows, 2^n) -> (rows, n)."""
    sums = np.empty(score0.shape)
    for i in range(score0.shape[1]):
        half = weights.shape[1] // 2
        sums[:, i] = score0[:, i] * weights[:, :half].sum(axis=1) + score1[:, i] * weights[:, half:].sum(axis=1)
        weights = weights[:, :half] + weights[:, half:]  # unit i is done: sum it out
    return sums


def differences(values: np.ndarray, p0: np.ndarray, p1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[value | z_i = 1] - E[value | z_i = 0] for each unit, and E[value] (theory 5.3).

    From (rows, 2^n) to (rows, n) and (rows,). The difference is taken before the other units are averaged, so nothing
    cancels that does not cancel exactly.
    """
    units = p0.shape[1]
    results = np.empty(p0.shape)

    def average(table: np.ndarray, i: int) -> np.ndarray:
        half = table.shape[1] // 2
        return p0[:, i, None] * table[:, :half] + p1[:, i, None] * table[:, half:]

    for i in range(units):
        half = values.shape[1] // 2
        rest = values[:, half:] - values[:, :half]
        for j in range(i + 1, units):
            rest = average(rest, j)
        results[:, i] = rest[:, 0]
        values = average(values, i)
    return results, values[:, 0]


def check_states(units: int, values: int, what: str, limit_bits: int = LIMIT_BITS) -> None:
    """Refuse an enumeration of `values`^units joint states that is over the limit, saying what would fit.

    Raises
    ------
    InputError
        With the state count, the limit and the largest number of units that fits.
    """
    count, limit = values**units, 2**limit_bits
    if count > limit:
        fits = 0
        while values ** (fits + 1) <= limit:
            fits += 1
        each = "states" if values == 2 else "nodes"
        raise InputError(
            f"{what} has {units} units of {values} {each} each: {values}^{units} = {count:.4g} joint states; "
            f"the limit is 2^{limit_bits} = {limit}, so at most {fits} such units fit"
        )
