"""A trained network's spikes on real images and on real recordings, as libraries read its file."""

import os
from pathlib import Path

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


def test_libraries_spike_as_a_network_trained_on_recordings_does():
    """Of the Heidelberg digits, which are not in this repository: a small network, and few recordings, for time."""
    root = os.environ.get("REFSBNN_DATA", "")
    if not root or not (Path(root) / "SHD").is_dir():
        pytest.skip("REFSBNN_DATA does not name a folder with the recordings (SHD/shd_train.h5, ...)")
    run = fit("shd_small", f"data.root={root}", "training.epochs=1", "model.hidden=[32]")
    found = exchange.compare(run, 32)
    assert found["spikes"] > 1000
    assert found["nearest"] > 1e-6, "chosen without looking at spikes: another seed or fewer recordings will do"
    assert set(found["differ"].values()) == {0}
    assert "read back" in found["differ"]


def test_a_network_without_neurons_is_refused():
    run = fit("digits_binary", "training.epochs=1", "model.hidden=[4]")
    with pytest.raises(InputError, match="no neurons over time"):
        exchange.compare(run, 4)
