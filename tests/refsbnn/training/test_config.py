"""Configurations: the shipped ones are valid, and what cannot be meant is refused with the accepted values."""

import pytest

from refsbnn.errors import InputError
from refsbnn.training.config import load, shipped
from refsbnn.training.task import prepare


@pytest.mark.parametrize("name", shipped())
def test_shipped_configurations_connect(name):
    prepare(load(name))


def test_overrides_of_every_type():
    config = load("digits_binary", ["seed=3", "model.hidden=[7]", "training.rate=1", "model.units.member=st"])
    assert config.seed == 3
    assert config.model["hidden"] == [7]
    assert config.training.rate == 1.0
    assert config.model["units"]["member"] == "st"


def test_a_file_reads_like_a_shipped_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('seed = 4\n[model]\nname = "mlp"\nhidden = [5]\n')
    assert load(str(path)).seed == 4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sed=1", "unknown key 'sed' at the top; accepted: seed, data"),
        ("training.epoch=1", r"unknown key 'epoch' in \[training\]; accepted: epochs"),
        ("training.epochs=1.5", "training.epochs is 1.5; expected an integer"),
        ("training.epochs=true", "training.epochs is True; expected an integer"),
        ("training.epochs=0", "training.epochs is 0; expected a finite number >= 1"),
        ("training.rate=nan", "training.rate is nan"),
        ("training.optimiser=lion", "accepted: 'adam', 'sgd'"),
        ("training=5", r"training is 5; expected a table"),
        ("model.name=vgg", "accepted: 'mlp', 'convnet', 'resnet', 'spiking', 'spiking_convnet'"),
        ("model.depth=3", r"unknown key 'depth' in \[model\]; accepted: name, hidden"),
        ("model.hidden=256", "model.hidden is 256; expected a list of positive integers"),
        ("model.units.membr=st", r"unknown key 'membr' in \[model.units\]; accepted: member"),
        ("model.units.member=stt", "estimator is 'stt'"),
        ("model.weights.spread=-1", "spread is -1"),
        ("data.coding=rate", "data.steps is 0 with coding 'rate'"),
        ("data.name=mnist", "accepted: 'digits'"),
        ("objective.temperature=-1", "objective.temperature is -1"),
        ("evaluation.samples=0", "evaluation.samples is 0"),
        ("seed", "not of the form"),
        ("seed.x=1", "'seed' is not a section"),
    ],
)
def test_bad_overrides(override, message):
    with pytest.raises(InputError, match=message):
        load("digits_binary", [override])


def test_bad_files(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("seed = = 1")
    with pytest.raises(InputError, match="not valid TOML"):
        load(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        load(str(path))
    path.write_text('[model]\nname = "resnet"\nwidth = 4\n')
    with pytest.raises(InputError, match=r"model\.depth is missing"):
        load(str(path))
    with pytest.raises(InputError, match="is no file; shipped: digits_binary"):
        load("digits_binry")
