"""The comparison network in PyTorch: without its normalisation it is refsbnn's own, with it it learns."""

import csv
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn import models
from refsbnn.draws import CounterDraws
from refsbnn.errors import InputError
from refsbnn.layers import Signal
from refsbnn.network import Network
from refsbnn.streams import Purpose, Streams
from refsbnn.training import loop
from refsbnn.training.config import load
from refsbnn.training.task import prepare
from validation.benchmarks import batchnorm

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch (extra `peers`) is not installed")

POINT = {"posterior": "point"}
SLOPE = {"member": "fast-sigmoid(scale=3)"}
IMAGE, TRAIN = Signal("values", (8, 8, 2)), Signal("values", (8, 8, 2), "binary", 5)
LEAKY = {**SLOPE, "theta": 0.4}
EACH = {"theta": 0.3, "learn_beta": True, "beta_spread": 0.7, "learn_theta": True, "theta_spread": 0.1}
MODELS: dict[str, tuple[models.Model, Signal]] = {
    "mlp": (models.Mlp(hidden=[12, 9], units={**SLOPE, "domain": "bipolar"}, weights=POINT), IMAGE),
    "convnet": (models.Convnet(channels=[5, 6], units=SLOPE, weights={**POINT, "zero_mean": True}), IMAGE),
    "resnet": (
        models.Resnet(
            depth=1,
            width=4,
            pool=2,
            scale=0.7,
            stages=2,
            convolutions=2,
            units={**SLOPE, "domain": "bipolar"},
            weights=POINT,
        ),
        IMAGE,
    ),
    "spiking": (
        models.Spiking(hidden=[12, 9], readout={"reduce": "max"}, units={**LEAKY, "recurrent": True}, weights=POINT),
        TRAIN,
    ),
    "gaussian slope": (models.Mlp(hidden=[12, 9], units={"member": "gaussian(scale=0.8)"}, weights=POINT), IMAGE),
    "soft reset": (
        models.Spiking(hidden=[12], readout={"reduce": "last"}, units={**LEAKY, "reset": "soft"}, weights=POINT),
        TRAIN,
    ),
    "reset without gradient": (
        models.Spiking(hidden=[12], units={**LEAKY, "reset_gradient": False}, weights=POINT),
        TRAIN,
    ),
    "numbers of each": (
        models.Spiking(hidden=[12, 9], units={**LEAKY, **EACH, "recurrent": True, "reset": "soft"}, weights=POINT),
        TRAIN,
    ),
    "numbers of each channel": (models.SpikingConvnet(channels=[5, 6], units={**SLOPE, **EACH}, weights=POINT), TRAIN),
    "spiking_convnet": (models.SpikingConvnet(channels=[5, 6], units={**SLOPE, "theta": 0.3}, weights=POINT), TRAIN),
}
NETWORKS = {name: (model.layers(4), signal) for name, (model, signal) in MODELS.items()}


def batch_of(signal: Signal, rng: np.random.Generator, size: int = 3) -> np.ndarray:
    """Real images, or bytes of spikes over time."""
    if signal.steps is None:
        return rng.normal(size=(size, *signal.shape))
    return (rng.random((signal.steps, size, *signal.shape)) < 0.3).astype(np.uint8)


@needs_torch
@pytest.mark.parametrize("name", NETWORKS)
def test_the_plain_network_is_refsbnns_with_point_weights(name: str) -> None:
    """Logits and every gradient of a random cotangent, both in float64.

    Sums of at most a few hundred terms through at most six layers: 1e-10 is more than 1e5 roundings. A spike could
    differ where |r| is less than a rounding, about 1e-13 of some thousand r's: once in 1e9 choices of the numbers.
    """
    import torch

    from validation.benchmarks.batchnorm_network import Peer

    layers, signal = NETWORKS[name]
    network, rng = Network(layers, signal), np.random.default_rng(5)
    peer = Peer(network.stages, Streams(3), normalise=False).double()
    keys = list(network.initial(Streams(3)))
    with torch.no_grad():
        for own in peer.parameters():
            own += torch.from_numpy(0.1 * rng.normal(size=tuple(own.shape)))
    parameters = {key: own.detach().numpy() for key, own in zip(keys, peer.parameters(), strict=True)}
    x = batch_of(signal, rng)
    expected, tape = network.forward(parameters, x, CounterDraws(Streams(3), Purpose.TRAIN, 0, np.arange(3)))
    g = rng.normal(size=expected.shape)
    gradients, _ = network.backward(parameters, tape, g)
    logits = peer(x)
    logits.backward(torch.from_numpy(g))
    np.testing.assert_allclose(logits.detach().numpy(), expected, rtol=1e-10, atol=1e-10)
    for key, own in zip(keys, peer.parameters(), strict=True):
        largest = np.abs(gradients[key]).max()
        assert largest > 0.0, key
        np.testing.assert_allclose(own.grad.numpy(), gradients[key], rtol=0.0, atol=1e-10 * largest, err_msg=key)
    seen = peer.monitors()
    for i, each in enumerate(network.monitors(tape)):
        assert 0.0 < each.rate < 1.0
        assert seen.pop(f"rate.{i}") == pytest.approx(each.rate, rel=1e-12)
        assert seen.pop(f"spread.{i}") == pytest.approx(each.spread, rel=1e-10)
    assert not seen


@needs_torch
@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_plain_training_takes_the_steps_of_refsbnn(optimiser: str) -> None:
    """Two epochs on digits coded anew in every batch: same batches, schedule, updates, validation draws.

    In float64 the two differ by roundings, which 34 steps amplify; 1e-6 is far above what is left of them and far below
    what one other batch or rate would do (1e-3). Clipping is off: PyTorch adds 1e-6 to the norm.
    """
    from validation.benchmarks.batchnorm_network import Peer

    overrides = ["model.hidden=[16]", "model.weights.posterior=point", "model.units.member=fast-sigmoid(scale=2)"]
    overrides += ["training.epochs=2", "training.warmup=0.5", f"training.optimiser={optimiser}"]
    overrides += ["training.weight_decay=0.01", "data.steps=4", "training.samples=2"]
    task = prepare(load("digits_spiking", overrides))
    expected = loop.train(task).history
    found = batchnorm.train(task, Peer(task.network.stages, task.streams, normalise=False).double(), lambda row: None)
    for own, other in zip(found.history, expected, strict=True):
        assert own["train_nll"] == pytest.approx(-other["loglik"], rel=1e-6)
        assert own["validation_nll"] == pytest.approx(other["validation_nll"], rel=1e-6)
        assert own["train_accuracy"] == pytest.approx(other["train_accuracy"])
        for name in ("rate.0", "spread.0"):
            assert own[name] == pytest.approx(other[name], rel=1e-6)
        ratios = [[value for name, value in row.items() if name.startswith("snr.")] for row in (own, other)]
        assert len(ratios[0]) == 3  # to the neurons, between them, to the readout
        np.testing.assert_allclose(sorted(ratios[0]), sorted(ratios[1]), rtol=1e-6)


@needs_torch
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_normalised(name: str) -> None:
    """Every linear map but the readout, which alone keeps a bias; afterwards a row depends on no other row."""
    import torch

    from validation.benchmarks.batchnorm_network import Peer, Weighted

    layers, signal = NETWORKS[name]
    peer = Peer(Network(layers, signal).stages, Streams(3))
    *hidden, readout = (module for module in peer.modules() if isinstance(module, Weighted))
    assert all(each.norm is not None and each.bias_mu is None for each in hidden)
    assert readout.norm is None
    assert readout.bias_mu is not None
    seen = []
    hidden[0].norm.register_forward_hook(lambda module, x, y: seen.append((x[0].detach(), y.detach())))
    x = batch_of(signal, np.random.default_rng(5), size=6)
    peer.train()
    peer(x)
    (m, y) = seen[0]
    axes = tuple(i for i in range(y.ndim) if i != 1)  # rows (batch and steps) and places
    deviation = torch.sqrt(m.var(axes, correction=0) + hidden[0].norm.eps)
    shape = (1, -1, *[1] * (y.ndim - 2))
    by_hand = (m - m.mean(axes, keepdim=True)) / deviation.reshape(shape)
    torch.testing.assert_close(y, by_hand, rtol=1e-4, atol=1e-5)  # float32
    peer.eval()
    one = x[:, :1] if signal.steps else x[:1]
    with torch.no_grad():
        torch.testing.assert_close(peer(one), peer(x)[:1], rtol=1e-4, atol=1e-5)  # float32


@needs_torch
@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("digits_binary", ["model.hidden=[64]"]),
        ("digits_binary", ['model={name="convnet", channels=[16, 32]}']),
        ("digits_binary", ['model={name="resnet", depth=1, width=16, pool=4, scale=0.5}']),
        ("digits_spiking", ["model.hidden=[32]", "evaluation.samples=2"]),
    ],
)
def test_two_epochs(config: str, options: list[str], tmp_path: Path, capsys: Any) -> None:
    shared = ["training.epochs=2", "training.batch=16", "--out", str(tmp_path), "--no-test"]
    assert batchnorm.main([config, *options, *shared]) == 0
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["network"] == "batch normalisation"
    assert {"torch", "numpy", "refsbnn", "config"} <= result.keys()
    assert "test" not in result
    assert result["validation"]["accuracy"] > 0.5  # chance is 0.1
    with (tmp_path / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"train_nll", "train_accuracy", "validation_nll", "validation_accuracy", "seconds"} <= set(rows[0])
    for name in ("rate.0", "spread.0", "snr.stages"):  # the last of each weight, by its place in the network
        values = [float(value) for column, value in rows[-1].items() if column.startswith(name)]
        assert values
        assert all(value > 0.0 for value in values)
    assert capsys.readouterr().out.count("\n") == 4  # a head, two epochs, the scores


@needs_torch
def test_patience_gives_the_best_epochs_network(tmp_path: Path) -> None:
    options = ["model.hidden=[32]", "training.epochs=8", "training.rate=0.1", "training.patience=2"]
    assert batchnorm.main(["digits_binary", *options, "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    with (tmp_path / "metrics.csv").open(encoding="utf-8") as file:
        nll = [float(row["validation_nll"]) for row in csv.DictReader(file)]
    assert result["parameters_of_epoch"] == 1 + int(np.argmin(nll))
    assert result["validation"]["nll"] == pytest.approx(min(nll), rel=1e-12)
    assert result["test"]["examples"] == 360


def one_line(capsys: Any) -> str:
    """The one line on standard error."""
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    return text


def test_mistakes_are_one_line(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    assert batchnorm.main(["digits_binary", "training.epoch=2", "--out", str(tmp_path)]) == 2
    assert "'epoch'" in one_line(capsys)
    (tmp_path / "result.json").write_text("{}", encoding="utf-8")
    assert batchnorm.main(["digits_binary", "--out", str(tmp_path)]) == 2
    assert "holds the result" in one_line(capsys)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert batchnorm.main(["digits_binary", "--out", str(tmp_path / "new")]) == 2
    assert "peers" in one_line(capsys)


@needs_torch
def test_a_batch_of_one_cannot_be_normalised(tmp_path: Path, capsys: Any) -> None:
    assert batchnorm.main(["digits_binary", "training.batch=1", "--out", str(tmp_path)]) == 2
    assert "training.batch" in one_line(capsys)


@needs_torch
def test_neurons_with_slow_states_have_no_such_network() -> None:
    from validation.benchmarks.batchnorm_network import Neurons

    model = models.Spiking(hidden=[4], units={**LEAKY, "alpha": 0.5}, weights=POINT)
    stages = Network(model.layers(3), Signal("values", (5,), "binary", 4)).stages
    stage = next(stage for stage in stages if stage.layer.kind == "lif")
    with pytest.raises(InputError, match="neurons with alpha or adapt above 0 have no form"):
        Neurons(stage.layer, stage, Streams(0))
