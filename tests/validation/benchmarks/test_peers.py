"""Contestants of the same mathematics have the same gradients, to rounding, on the same weights and uniforms."""

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from validation.benchmarks.peers.cases import Cifar, Shd

torch = pytest.importorskip("torch", reason="needs the extra peers")
pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")  # PyTorch calls them beta
SHD = Shd(batch=4, steps=7, inputs=31, hidden=9, classes=3, density=0.3)
CIFAR = Cifar(batch=2, size=6, width=5, layers=3)
# Relative to the largest entry: float32, and the terms of a sum over steps, inputs and hidden units (images: pixels).
TOLERANCE = {"a": 1.2e-7 * 7 * (31 + 9), "b": 1.2e-7 * 2 * 36 * 9}


def agree(one: dict[str, np.ndarray], two: dict[str, np.ndarray], tolerance: float) -> None:
    """Raise where two dictionaries of gradients differ."""
    assert one.keys() == two.keys()
    for name, g in one.items():
        assert np.abs(g).max() > 0.0, name
        np.testing.assert_allclose(two[name], g, rtol=0.0, atol=tolerance * np.abs(g).max(), err_msg=name)


def by_torch(network: Any, logits: Any, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Gradients of the mean cross-entropy and of the KL."""
    network.zero_grad()
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels))
    if hasattr(network, "kl"):
        loss = loss + network.kl() / network.case.examples
    loss.backward()
    return {name: value.grad.numpy().copy() for name, value in network.named_parameters()}


def by_jax(parameters: dict[str, Any], loss: Any) -> dict[str, np.ndarray]:
    """Gradients of a loss of the parameters."""
    jax = pytest.importorskip("jax", reason="needs the extra peers")
    return {name: np.asarray(g) for name, g in jax.grad(loss)(parameters).items()}


class Full:
    """Case a, mean and variance weights: PyTorch's gradients, and the draws and weights that made them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from validation.benchmarks.peers.torch_shd import Network

        rng = np.random.default_rng(1)
        self.x, self.labels = SHD.batch_of()
        self.u = rng.random((SHD.steps, SHD.batch, SHD.hidden), np.float32)
        self.n = rng.standard_normal((SHD.batch, SHD.classes), np.float32)
        torch.manual_seed(2)
        self.network, uniforms = Network(SHD), iter(torch.from_numpy(self.u))
        monkeypatch.setattr(torch, "rand_like", lambda r: next(uniforms))
        monkeypatch.setattr(torch, "randn_like", lambda r: torch.from_numpy(self.n))
        logits = self.network(torch.from_numpy(self.x).float())
        self.gradients = by_torch(self.network, logits, self.labels)

    def by_hand(self) -> dict[str, np.ndarray]:
        """The gradients of `torch_hand_shd`."""
        from validation.benchmarks.peers import torch_hand_shd

        hand = torch_hand_shd.Hand(SHD, self.x)
        hand.load_state_dict(self.network.state_dict())
        m, v = hand.moments(torch.from_numpy(-ndtri(self.u)))
        return by_torch(hand, m + torch.sqrt(v + torch_hand_shd.TINY) * torch.from_numpy(self.n), self.labels)


def test_by_hand_mean_and_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Full(monkeypatch)
    agree(full.gradients, full.by_hand(), TOLERANCE["a"])


def test_a_planted_error_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient through the reset, left out of the backward by hand."""
    from validation.benchmarks.peers import torch_hand_shd

    true = torch_hand_shd.slopes

    def planted(*arguments: Any) -> Any:
        slope, taken, kept = true(*arguments)
        return slope, 0.0 * taken, kept

    monkeypatch.setattr(torch_hand_shd, "slopes", planted)
    full = Full(monkeypatch)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        agree(full.gradients, full.by_hand(), TOLERANCE["a"])


def test_jax_mean_and_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    jnp = pytest.importorskip("jax.numpy", reason="needs the extra peers")
    from validation.benchmarks.peers import jax_common, jax_shd

    full = Full(monkeypatch)

    def loss(p: dict[str, Any]) -> Any:
        m, v = jax_shd.moments(SHD, p, jnp.asarray(full.x, jnp.float32), full.u)
        logits = m + jnp.sqrt(v + jax_shd.TINY) * full.n
        return jax_common.cross_entropy(logits, full.labels) + jax_common.kl(p) / SHD.examples

    names = {name.removeprefix("weights."): value for name, value in full.network.named_parameters()}
    parameters = {name: jnp.asarray(value.detach().numpy()) for name, value in names.items()}
    agree(
        {f"{name.removeprefix('weights.')}": g for name, g in full.gradients.items()},
        by_jax(parameters, loss),
        TOLERANCE["a"],
    )


def test_plain_weights() -> None:
    jnp = pytest.importorskip("jax.numpy", reason="needs the extra peers")
    from validation.benchmarks.peers import jax_plain_shd, torch_hand_plain_shd
    from validation.benchmarks.peers.torch_plain_shd import Network

    x, labels = SHD.batch_of()
    torch.manual_seed(2)
    network = Network(SHD)
    gradients = by_torch(network, network(torch.from_numpy(x).float()), labels)
    hand = torch_hand_plain_shd.Hand(SHD, x)
    hand.load_state_dict(network.state_dict())
    agree(gradients, by_torch(hand, hand(hand.x), labels), TOLERANCE["a"])
    names = {"in": "input.weight", "in_bias": "input.bias", "own": "own.weight"}
    names |= {"out": "output.weight", "out_bias": "output.bias"}
    parameters = {name: jnp.asarray(network.state_dict()[other].numpy()) for name, other in names.items()}
    by_scan = by_jax(parameters, lambda p: jax_plain_shd.loss(SHD, p, jnp.asarray(x, jnp.float32), labels))
    agree({name: gradients[other] for name, other in names.items()}, by_scan, TOLERANCE["a"])


def test_jax_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    jnp = pytest.importorskip("jax.numpy", reason="needs the extra peers")
    from validation.benchmarks.peers import jax_cifar, jax_common
    from validation.benchmarks.peers.torch_cifar import Network

    rng = np.random.default_rng(1)
    x, labels = CIFAR.batch_of()
    u = rng.random((CIFAR.layers, CIFAR.batch, CIFAR.size, CIFAR.size, CIFAR.width), np.float32)
    n = rng.standard_normal((CIFAR.batch, CIFAR.classes), np.float32)
    torch.manual_seed(2)
    network, uniforms = Network(CIFAR), iter(torch.from_numpy(u).permute(0, 1, 4, 2, 3))
    monkeypatch.setattr(torch, "rand_like", lambda r: next(uniforms))
    monkeypatch.setattr(torch, "randn_like", lambda r: torch.from_numpy(n))
    gradients = by_torch(network, network(torch.from_numpy(x).permute(0, 3, 1, 2)), labels)

    def named(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """PyTorch's names and filters as JAX has them."""
        out = {}
        for name, value in values.items():
            kind, _, number = name.partition(".")
            layer = "out" if int(number) == CIFAR.layers else number
            out[f"{layer}_{kind}"] = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        return out

    def loss(p: dict[str, Any]) -> Any:
        m, v = jax_cifar.moments(CIFAR, p, jnp.asarray(x), u)
        logits = m + jnp.sqrt(v + jax_cifar.TINY) * n
        return jax_common.cross_entropy(logits, labels) + jax_common.kl(p) / CIFAR.examples

    weights = named({name: value.detach().numpy() for name, value in network.named_parameters()})
    by_scan = by_jax({name: jnp.asarray(value) for name, value in weights.items()}, loss)
    agree(named(gradients), by_scan, TOLERANCE["b"])
