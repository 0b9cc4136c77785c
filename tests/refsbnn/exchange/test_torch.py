"""A network as a module of PyTorch, and its parameters as safetensors."""

import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refsbnn import fit
from refsbnn.draws import MeanDraws
from refsbnn.errors import InputError
from refsbnn.exchange import tensors
from refsbnn.layers import (
    LIF,
    AveragePool,
    Conv2d,
    Dense,
    Flatten,
    LeakyReadout,
    MaxPool,
    Residual,
    SampledReadout,
    Signal,
    Spike,
)
from refsbnn.network import Network
from refsbnn.streams import Streams
from tests.refsbnn.disks import fill, small_disk
from tests.refsbnn.exchange.test_nir import NETWORKS, made

torch = pytest.importorskip("torch")

SEEN = Signal("values", (6, 6, 2))
BLOCK = Residual((Spike(domain="bipolar"), Conv2d(4, padding=1, zero_mean=True)), scale=0.5)
LAST = Residual((Spike(), Conv2d(4, padding=1)), accumulate=False)
MORE: dict[str, tuple[list[Any], Signal]] = {
    "residual": ([Conv2d(4), BLOCK, LAST, Spike(), AveragePool(2), Flatten(), Dense(3)], SEEN),
    "points": ([Conv2d(4, posterior="point"), Spike(noise="logistic"), MaxPool(2), Flatten(), Dense(3)], SEEN),
    "soft": (
        [Dense(9), LIF(reset="soft", accumulate=False, recurrent=True), Dense(3), LeakyReadout(reduce="max")],
        Signal("values", (5,), "binary", 7),
    ),
    "slow states": (
        [
            Dense(9),
            LIF(beta=0.7, recurrent=True, alpha=0.6, adapt=0.5, adapt_decay=0.8),
            Dense(3),
            LeakyReadout(reduce="max"),
        ],
        Signal("values", (5,), "binary", 7),
    ),
}


@pytest.fixture(params=[*NETWORKS, *MORE])
def network(request: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Network, dict[str, np.ndarray], np.ndarray]:
    if request.param in MORE:
        monkeypatch.setitem(NETWORKS, request.param, MORE[request.param])
        monkeypatch.setattr("tests.refsbnn.exchange.test_nir.STEPS", 7)
    return made(request.param)


def module(network: Network, parameters: dict[str, np.ndarray]) -> Any:
    from refsbnn.exchange.torch_module import Module

    return Module(network, parameters)


def test_without_noise_the_outputs_are_the_mean_weights(network):
    net, parameters, x = network
    want, _ = net.forward(parameters, x, MeanDraws(x.shape[net.input.steps is not None]))
    got = module(net, parameters)(torch.from_numpy(x), sample=False)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-9, atol=1e-9)


def test_with_noise_the_outputs_have_the_law_of_the_network(network):
    """Mean and mean square of each output over 4,000 samples of each: within six standard errors of the difference.

    With 18 means and squares a network and 9 networks at most, a false alarm has a probability below 162 * 2e-9 = 4e-7.
    """
    from refsbnn.draws import CounterDraws
    from refsbnn.streams import Purpose

    net, parameters, x = network
    samples, axis = 4000, 0 if net.input.steps is None else 1
    many = np.repeat(x.take([0, 1, 2], axis), samples, axis)
    torch.manual_seed(0)
    drawn = CounterDraws(Streams(5), Purpose.TRAIN, 0, np.arange(3 * samples))
    here, _ = net.forward(parameters, many, drawn)
    there = module(net, parameters)(torch.from_numpy(many)).numpy()
    for power in (1, 2):
        both = [(each**power).reshape(3, samples, -1) for each in (here, there)]
        error = np.sqrt(sum(each.var(axis=1) for each in both) / samples)
        assert (abs(both[0].mean(axis=1) - both[1].mean(axis=1)) <= 6.0 * error + 1e-12).all()


def test_a_unit_without_noise_is_certain():
    """theory 3.17: it spikes where m > 0, so not at 0; here v is 0 as no input and no bias has a variance."""
    net = Network([Dense(3), Spike(), Dense(3), SampledReadout()], Signal("values", (2,)))
    parameters = net.initial(Streams(0))
    parameters["0.dense.bias_rho"][:] = -np.inf
    parameters["0.dense.bias_mu"][:] = [0.0, 1.0, -1.0]
    made_of = module(net, parameters | {"0.dense.bias_rho": np.full(3, -2000.0)})
    moments = made_of.layers[0](torch.zeros(64, 2, dtype=torch.float64), True)
    assert not moments[1].any()
    np.testing.assert_array_equal(made_of.layers[1](moments, True).numpy(), np.tile([0.0, 1.0, 0.0], (64, 1)))


def test_parameters_are_in_the_state_and_come_back(network):
    net, parameters, x = network
    one, other = module(net, parameters), module(net, net.initial(Streams(9)))
    other.load_state_dict(one.state_dict())
    x = torch.from_numpy(x)
    assert torch.equal(one(x, sample=False), other(x, sample=False))
    assert not list(p for p in one.parameters() if p.requires_grad)


def test_a_shape_that_does_not_fit():
    net = Network([Dense(3), Spike(), Dense(2), SampledReadout()], Signal("values", (4,)))
    with pytest.raises(InputError, match=r"x has shape \(2, 5\); expected \(batch, 4\)"):
        module(net, net.initial(Streams(0)))(torch.zeros(2, 5, dtype=torch.float64))


def test_safetensors(tmp_path):
    read = pytest.importorskip("safetensors")
    net, parameters, _ = made("recurrent")
    tensors.write(tmp_path / "run.safetensors", net, parameters)
    with read.safe_open(tmp_path / "run.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["network"])["layers"][0]["kind"] == "dense"
        assert set(file.keys()) == parameters.keys()
        for key, value in parameters.items():
            np.testing.assert_array_equal(file.get_tensor(key), value)


def test_a_full_disk_keeps_the_file_before(tmp_path):
    pytest.importorskip("nir")
    pytest.importorskip("safetensors")
    run = fit("digits_spiking", "training.epochs=1", "model.hidden=[4]")
    with small_disk(tmp_path / "disk", 200) as disk:
        for name, write in (("run.nir", run.to_nir), ("run.safetensors", run.to_safetensors)):
            write(disk / name)
            before = (disk / name).read_bytes()
            fill(disk, 0)
            with pytest.raises(InputError, match=f"cannot write {disk}/{name}: No space left on device"):
                write(disk / name)
            assert (disk / name).read_bytes() == before
            (disk / "filling").unlink()
    assert run.to_torch()(torch.zeros(8, 1, 64).double()).shape == (1, 10)


def test_the_page_about_exchange_runs():
    pytest.importorskip("nir")
    pytest.importorskip("safetensors")
    page = Path(__file__).resolve().parents[3] / "docs" / "exchange.md"
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS)
    assert result.attempted
    assert not result.failed
