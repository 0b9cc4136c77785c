"""PyTorch, case b, the same mathematics: channels-last float32, one convolution for mean and variance, KL, Adam."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from validation.benchmarks.peers.cases import Cifar
from validation.benchmarks.peers.torch_shd import Fire


class Network(torch.nn.Module):
    """Stem, blocks of one unit and one convolution, average pooling, linear readout."""

    def __init__(self, case: Cifar) -> None:
        super().__init__()
        self.case = case
        stem, block = (case.width, 3, 3, 3), (case.width, case.width, 3, 3)
        shapes: list[tuple[int, ...]] = [stem, *[block] * (case.layers - 1), (case.classes, case.width)]
        self.mu, self.rho = torch.nn.ParameterList(), torch.nn.ParameterList()
        for shape in shapes:
            inputs = int(np.prod(shape[1:]))
            mu = torch.randn(shape) / inputs**0.5
            rho = torch.full(shape, float(np.log(0.5 / inputs)))
            if len(shape) == 4:
                mu, rho = (w.contiguous(memory_format=torch.channels_last) for w in (mu, rho))
            self.mu.append(torch.nn.Parameter(mu))
            self.rho.append(torch.nn.Parameter(rho))

    def kl(self) -> Tensor:
        """Of all weights from the prior of variance 1/inputs."""
        total = torch.zeros(())
        for mu, rho in zip(self.mu, self.rho, strict=True):
            prior = 1.0 / int(np.prod(mu.shape[1:]))
            total = total + 0.5 * ((mu * mu + rho.exp()) / prior - 1.0 - rho + float(np.log(prior))).sum()
        return total

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images (batch, 3, height, width)."""
        conv, scale = functional.conv2d, self.case.scale
        H, U = conv(x, self.mu[0], padding=1), conv(x * x, self.rho[0].exp(), padding=1)
        for mu, rho in zip(list(self.mu)[1:-1], list(self.rho)[1:-1], strict=True):
            weight = torch.cat([scale * mu, scale**2 * rho.exp()])
            m, v = conv(Fire.apply(H, U), weight, padding=1).chunk(2, 1)
            H, U = H + m, U + v
        pooled = Fire.apply(H, U).mean((2, 3))
        m = functional.linear(pooled, self.mu[-1])
        v = functional.linear(pooled * pooled, self.rho[-1].exp())
        return m + torch.sqrt(v + 1e-9) * torch.randn_like(v)


def stepper(case: Cifar, network: Network, forward: Any) -> Callable[[], float]:
    """A training step on the case's batch."""
    x, labels = case.batch_of()
    images = torch.from_numpy(x).permute(0, 3, 1, 2)  # channels last, as it lies
    targets = torch.from_numpy(labels)
    adam = torch.optim.Adam(network.parameters(), lr=case.rate)

    def step() -> float:
        adam.zero_grad()
        loss = functional.cross_entropy(forward(images), targets) + network.kl() / case.examples
        loss.backward()
        adam.step()
        return float(loss.item())

    return step


def forward_only(case: Cifar, network: Any) -> Callable[[], float]:
    """The logits of the case's batch without a graph; gives one of them."""
    images = torch.from_numpy(case.batch_of()[0]).permute(0, 3, 1, 2)

    def predict() -> float:
        with torch.no_grad():
            return float(network(images)[0, 0])

    return predict


def made(case: Cifar, threads: int) -> Network:
    """The network, in this process's settings."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return Network(case)


def build(case: Cifar, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    network = made(case, threads)
    return stepper(case, network, network)


def predictor(case: Cifar, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return forward_only(case, made(case, threads))
