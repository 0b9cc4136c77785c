"""Certify a program in any language: a file of draws that it reads, and the file of estimates that it writes."""

from pathlib import Path

import numpy as np

from oracle.noise import NOISES
from refsbnn.errors import InputError, check_choice
from validation.certify import draws_file, time
from validation.certify.between import between
from validation.certify.call import Convention, Estimator
from validation.certify.fixed import FixedReport, certify_fixed, fixed
from validation.certify.networks import WIDTHS
from validation.certify.report import Report, given, tried_on
from validation.certify.slopes import profile


def export(path: Path, *, noise: str, domain: str, below: bool, network: str) -> int:
    """Write a file of the draws that `certified` wants answered; returns their number.

    Parameters
    ----------
    path : Path
        To write, JSON.
    noise, domain : str
        "gaussian" or "logistic"; "binary" or "bipolar".
    below : bool
        Whether the program spikes where u < pi, or where u > 1 - pi.
    network : str

    Raises
    ------
    InputError
        An unknown word, a file that cannot be written.
    """
    check_choice("noise", noise, tuple(NOISES))
    check_choice("domain", domain, ("binary", "bipolar"))
    check_choice("network", network, (*WIDTHS, *time.WIDTHS))
    how = Convention(noise, domain, below)
    return draws_file.export(path, how, network, lambda fn: _asked(fn, how, network))


def _asked(fn: Estimator, how: Convention, network: str) -> None:
    """Every call that `given` makes, but those over time."""
    silent = fixed(fn)
    if silent is not None:
        if network in WIDTHS:
            certify_fixed(fn, silent, network, "stand-in")
        return
    found = profile(fn, between(fn) or how)
    if network in WIDTHS:
        tried_on(fn, found, network)


def certified(draws: Path, estimates: Path) -> Report | FixedReport:
    """As `certify`, of a program that read a file of draws and wrote one of estimates.

    Raises
    ------
    InputError
        Files that do not fit together, and as `certify`.
    """
    code = draws_file.Answered(draws, estimates)
    found = given(code, code.how, code.network, code.__name__)
    if isinstance(found, FixedReport) or not found.profile.relaxed or found.how.cuts:
        return found
    if np.isin(found.profile.h.round(6), (0.0, 1.0)).all():
        raise InputError(f"{estimates}: spikes are not where the draws have them ({found.how.told()})")
    return found
