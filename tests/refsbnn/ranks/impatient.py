"""`python -m tests.refsbnn.ranks.impatient ARGUMENT...`: refsbnn, whose ranks wait seconds for a sign."""

import sys

from refsbnn import cli, heartbeat

heartbeat.EVERY, heartbeat.SILENT, heartbeat.LEAVE = 0.2, 8.0, 1.0
sys.exit(cli.main(sys.argv[1:]))
