"""From a configuration to a network on its data."""

import pytest

from refsbnn.errors import InputError
from refsbnn.training.config import load
from refsbnn.training.task import prepare


def test_the_network_runs_as_the_configuration_wants():
    task = prepare(load("digits_spiking", ["training.backend=numba", "training.chunk=3", "training.recompute=2"]))
    network = task.network
    assert (network.backend.__name__, network.chunk, network.recompute) == ("refsbnn.kernels", 3, 2)


def test_pieces_of_time_need_time():
    with pytest.raises(InputError, match="chunk is 3 but the input has no time"):
        prepare(load("digits_binary", ["training.chunk=3"]))
