"""Whether the estimate of a whole network is that of the member its one unit was found to be."""

from collections.abc import Mapping

import numpy as np

import oracle
from oracle.errors import InputError as Unknown
from oracle.members import Discrete, Slopes
from oracle.noise import Law
from validation.certify.call import SAME, Convention
from validation.certify.identify import Match
from validation.certify.networks import Loss, Standard

LOOSE = 10.0 * SAME  # a member's fitted numbers are off by SAME at most, and squares and layers add that up


def answer(match: Match) -> Discrete | None:
    """The oracle's member with the factor on its slope; None where it has none that sends spikes forward."""
    try:
        member = oracle.member(match.member)
    except Unknown:
        return None
    if not isinstance(member, Discrete):
        return None
    factor, slopes, highest = match.factor, member.slopes, member.highest

    def scaled(law: Law) -> Slopes:
        mean, square = slopes(law)
        return Slopes(factor * mean, factor**2 * square)

    return Discrete(match.told(), scaled, None if highest is None else lambda law: factor * highest(law))


def differing(
    match: Match, net: Standard, how: Convention, loss: str, estimates: Mapping[str, oracle.Estimate]
) -> list[str]:
    """The parameters whose mean or mean square is not the oracle's for the member."""
    member = answer(match)
    if member is None:
        return []
    expected = net.named(oracle.moments(net.net(how.noise, how.domain), net.x, oracle.Custom(Loss(loss).law), member))
    wrong = []
    for key, found in estimates.items():
        told = expected[key]
        size = np.sqrt(told.square.max()) + np.abs(told.gradient).max()
        mean = np.abs(found.mean - told.mean) > LOOSE * size + found.mean_error
        square = np.abs(found.square - told.square) > LOOSE * size**2 + found.square_error
        wrong += [key] if (mean | square).any() else []
    return wrong
