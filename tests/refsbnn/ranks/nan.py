"""`python -m tests.refsbnn.ranks.nan ARGUMENT...`: refsbnn, whose rank 1 gets a NaN in a gradient of its third step."""

import sys

from refsbnn import cli
from refsbnn.ranks import world
from refsbnn.training import step

whole = step.part


def part(task, parameters, shard, number, monitored):
    numbers, gradients = whole(task, parameters, shard, number, monitored)
    if world().rank == 1 and number == 2:
        gradients["3.dense.mu"][0, 0] = float("nan")
    return numbers, gradients


step.part = part
sys.exit(cli.main(sys.argv[1:]))
