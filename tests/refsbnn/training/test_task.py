"""From a configuration to a network on its data."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
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


def test_a_model_over_time_wants_time_and_no_other_does():
    with pytest.raises(InputError, match=r"model.name is 'mlp' with data.steps = 3; .* 'spiking', 'spiking_convnet'"):
        prepare(load("digits_binary", ["data.coding=rate", "data.steps=3"]))
    with pytest.raises(InputError, match=r"model.name is 'spiking' with data.steps = 0; .* 'mlp', 'convnet', 'resnet'"):
        prepare(load("digits_spiking", ["data.coding=none", "data.steps=0"]))


def test_kl_of_each_draw_needs_a_number_of_draws():
    each = ["objective.kl=each-draw"]
    assert prepare(load("digits_spiking", each)).network.draws()["1.dense."] > 1
    with pytest.raises(
        InputError, match=r"objective.kl is 'each-draw', but no number of draws of 2.lif.recurrent_mu gives"
    ):
        prepare(load("digits_spiking", [*each, "model.units.accumulate=false"]))


def test_nothing_held_out_is_refused_before_training(monkeypatch):
    data = prepare(load("digits_binary")).data
    empty = SimpleNamespace(labels=np.zeros(0, np.int64))
    for part in ("train", "validation"):
        monkeypatch.setattr(
            "refsbnn.data.sources.load", lambda options, ranks, part=part: replace(data, **{part: empty})
        )
        with pytest.raises(InputError, match=f"data.held_out is 0.1, which leaves no examples for {part}"):
            prepare(load("digits_binary"))
