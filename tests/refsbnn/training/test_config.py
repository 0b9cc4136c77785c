"""Configurations: the shipped ones are valid, and what cannot be meant is refused with the accepted values."""

from pathlib import Path

import pytest

from refsbnn.commands import train
from refsbnn.errors import InputError
from refsbnn.models import Mlp
from refsbnn.training.config import Config, load, shipped
from refsbnn.training.task import prepare


@pytest.mark.parametrize("name", [name for name in shipped() if name.startswith("digits")])
def test_shipped_configurations_connect(name):
    """Those whose data are not in the package: tests/validation/benchmarks/test_step_time.py."""
    prepare(load(name))


def test_overrides_of_every_type():
    config = load("digits_binary", ["seed=3", "model.hidden=[7]", "training.rate=1", "model.units.member=st"])
    assert config.seed == 3
    assert isinstance(config.model, Mlp)
    assert config.model.hidden == [7]
    assert config.training.rate == 1.0
    assert config.model.units["member"] == "st"


def test_an_estimator_for_each_layer():
    config = load("digits_binary", ["model.units.member=['st', 'trapezoid']"])
    spikes = [layer for layer in config.model.layers(10) if layer.kind == "spike"]
    assert [layer.member for layer in spikes] == ["st", "trapezoid"]
    with pytest.raises(InputError, match="member lists 1 estimators; the model has 2 unit layers"):
        load("digits_binary", ["model.units.member=['st']"]).model.layers(10)


def test_models_of_every_kind_are_read(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[model]\nname = "spiking_convnet"\nchannels = [4, 5]\n[model.units]\nmember = ["st", "st"]\nbeta = 0.5\n'
    )
    assert load(str(path)).model.layers(3)[1].beta == 0.5
    path.write_text('[model]\nname = "resnet"\ndepth = 1\nwidth = 4\npool = 0\nscale = 1\n')
    with pytest.raises(InputError, match=r"model\.pool is 0; expected an integer >= 1"):
        load(str(path))


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
        ("training.epochs=0", "training.epochs is 0; expected an integer >= 1"),
        ("training.rate=nan", "training.rate is nan"),
        ("training.optimiser=lion", "accepted: 'adam', 'adamw', 'sgd'"),
        ("training=5", r"training is 5; expected a table"),
        ("training.weight_decay=0.1", "needs training.optimiser = 'adamw' or 'sgd'; it is 'adam'"),
        ("training.schedule=step", r"training.drops is \[\] with schedule 'step'"),
        ("training.drops=[3]", r"training.drops is \[3\] with schedule 'cosine'"),
        ("training.drops=[0]", "training.drops.0. is 0; expected an integer >= 1"),
        ("training.momentum=-1", "training.momentum is -1"),
        ("training.momentum=1.0", "training.momentum is 1.0; expected a number from 0 to below 1"),
        ("training.momentum=0.5", "training.momentum is 0.5; it needs training.optimiser = 'sgd'"),
        ("training.factor=0.5", "training.factor is 0.5; it needs training.schedule = 'step'"),
        ("training.score=validation_accuracy", "training.score is .*; it needs training.patience >= 1"),
        ("training.clip=0", r"training.clip is 0.* expected a number > 0"),
        ("data.groups=[-1]", "data.groups.0. is -1; expected an integer >= 0"),
        ("training.patience=-1", "training.patience is -1"),
        ("training.score=loss", "accepted: 'validation_nll', 'validation_accuracy'"),
        ("training.monitor=0", "training.monitor is 0"),
        ("training.keep=0", "training.keep is 0"),
        ("training.checkpoint=-1", "training.checkpoint is -1"),
        ("training.tensorboard=1", "training.tensorboard is 1; expected true or false"),
        ("training.recompute=-1", "training.recompute is -1"),
        ("training.chunk=-1", "training.chunk is -1"),
        ("model.name=vgg", "accepted: 'mlp', 'convnet', 'resnet', 'spiking', 'spiking_convnet'"),
        ("model.depth=3", r"unknown key 'depth' in \[model\]; accepted: weights, units, hidden"),
        ("model.hidden=256", "model.hidden is 256; expected a list of integers"),
        ("model.units.membr=st", r"unknown key 'membr' in \[model.units\]; accepted: member"),
        ("model.units.member=stt", "estimator is 'stt'"),
        ("model.units.member=[]", r"model.units.member is \[\]"),
        ("model.units.member=['st', 'stt']", "estimator is 'stt'"),
        ("model.units.member=['st', 1]", "model.units.member is 1; expected a string"),
        ("model.weights.spread=-1", "spread is -1"),
        ("model.weights.out=3", r"unknown key 'out' in \[model.weights\]; accepted: variance"),
        ("data.coding=rate", "data.steps is 0 with coding 'rate'"),
        ("data.name=mnist", "accepted: 'digits'"),
        ("objective.temperature=-1", "objective.temperature is -1"),
        ("objective.kl=twice", "objective.kl is 'twice'; accepted: 'once', 'each-draw'"),
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
    with pytest.raises(InputError, match=r"is no file; shipped: cifar10_resnet18, .*, digits_binary"):
        load("digits_binry")


def test_a_mistake_in_a_file_names_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    for text, told in (
        ("[training]\nepoch = 1\n", "unknown key 'epoch' in .training."),
        ("[model]\nhidden = [3]\n", "model.name is missing; accepted: 'mlp'"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=f"configuration {path}: {told}"):
            load(str(path))


def test_an_empty_file_is_all_defaults(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("")
    assert len(prepare(load(str(path))).network.stages) == len(prepare(Config()).network.stages) == 5


def test_group_0_can_be_held_out():
    """SHD counts its speakers from 0."""
    assert load("shd_small", ["data.groups=[0]"]).data.groups == [0]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.units.member='agr(tau=0.5, tau=1)'", "cannot be read; write it as name"),
        ("model.units.member='agr(tau=" + "(" * 500 + ")'", "cannot be read; write it as name"),
        ("model.units.member='agr(tau=1" + "0" * 400 + ")'", "tau is 1000.* expected a number > 0"),
        ("training.rate=1" + "0" * 400, "training.rate: int too large to convert to float"),
        ("model.weights.spread=1" + "0" * 400, "spread: int too large to convert to float"),
        ("model={" + "a." * 20_000 + "a=1}", "cannot be read: it has a line of more than 1000 dots"),
        ("model.hidden=[" + "1," * (1 << 17) + "]", "cannot be read: it has more than 131072 bytes"),
        ("seed=" + "9" * 5000, "cannot be read: "),
        ("model.hidden=" + "[" * 5000, "cannot be read: "),
        ("seed=1\ntraining.rate=5", "is not of the form section.key=value"),
        ("training.samples=" + "9" * 22, "expected an integer up to 2147483647"),
        ("training.samples=1e22", "expected an integer"),
        ("model.weights.spread=1e308", "spread is 1e\\+308; expected a number > 0, up to 1e12"),
        ("model.hidden=" + str([4] * 1001), "model.hidden has 1001 entries; accepted: up to 1000"),
        ("a." * 20_000 + "b=1", "names a section in more than 3 others"),
        ("data.root=~nobody-of-this-name", "home folder of a user who has none"),
    ],
    ids=range(16),
)
def test_what_cannot_be_meant_at_all(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        prepare(load("shd_small", [override]) if override.startswith("data") else load("digits_binary", [override]))


def test_stages_without_number() -> None:
    with pytest.raises(InputError, match=r"model\.stages is 100000; expected an integer up to 1000"):
        load("cifar10_resnet18", ["model.stages=100000"])


def test_files_that_cannot_be_meant_at_all(tmp_path: Path) -> None:
    for text in ("seed = " + "9" * 5000, "a = " + "[" * 5000):
        (tmp_path / "a.toml").write_text(text)
        with pytest.raises(InputError, match="is not valid TOML"):
            load(str(tmp_path / "a.toml"))


@pytest.mark.parametrize("name", shipped())
def test_a_configuration_is_printed_as_it_is_read(name, tmp_path, capsys):
    """With --print-config nothing is trained, and what is printed is the configuration with its overrides."""
    assert train.main([name, "training.epochs=7", "--print-config", "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "printed.toml").write_text(capsys.readouterr().out)
    assert load(str(tmp_path / "printed.toml")) == load(name, ["training.epochs=7"])
    assert not (tmp_path / "run").exists()
