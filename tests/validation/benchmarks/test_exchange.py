"""A trained network's spikes on real images, as libraries read its file."""

import pytest

from refsbnn import fit
from refsbnn.errors import InputError
from validation.benchmarks import exchange

nir = pytest.importorskip("nir")


def test_libraries_spike_as_the_trained_digits_do(capsys):
    run = fit("digits_spiking", "training.epochs=2")
    found = exchange.compare(run, 32)
    assert found["spikes"] > 1000
    assert found["nearest"] > 1e-6  # beyond the rounding of float32, so that the order of sums cannot matter
    assert set(found["differ"].values()) == {0}
    assert "read back" in found["differ"]


def test_a_network_without_neurons_is_refused():
    run = fit("digits_binary", "training.epochs=1", "model.hidden=[4]")
    with pytest.raises(InputError, match="no neurons over time"):
        exchange.compare(run, 4)
