"""`python -m tests.refsbnn.ranks.full ARGUMENT...`: refsbnn, whose files cannot grow from its first checkpoint on."""

import resource
import signal
import sys

from refsbnn import cli
from refsbnn.training import checkpoint

whole = checkpoint.save


def save(*args, **words):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    return whole(*args, **words)


checkpoint.save = save
sys.exit(cli.main(sys.argv[1:]))
