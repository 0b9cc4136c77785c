"""`python -m tests.refsbnn.ranks.planted ERROR ARGUMENT...`: refsbnn with an error planted on rank 1."""

import signal
import sys

from refsbnn import cli, interrupt
from refsbnn.ranks import Together

whole = Together.share


def left_out(self, count):
    """The last thing of rank 1's share is nobody's."""
    share = whole(self, count)
    return share[:-1] if self.rank == 1 else share


def terminated(self, count):
    """SIGTERM to rank 1 alone, as it takes its share."""
    if self.rank == 1:
        signal.raise_signal(signal.SIGTERM)
    return whole(self, count)


def raising(self, count):
    """An error of the program on rank 1 alone."""
    if self.rank == 1:
        raise ZeroDivisionError("planted")
    return whole(self, count)


Together.share = {"left_out": left_out, "terminated": terminated, "raising": raising}[sys.argv[1]]

sys.exit(cli.main(sys.argv[2:], loaded=interrupt.raised))
