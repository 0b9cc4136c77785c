"""PyTorch, case a, the same mathematics: mean and variance weights, local reparameterisation, hard reset, KL, Adam.

The input currents of all steps are one product with the dense float spikes; each step then adds the recurrent one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from validation.benchmarks.peers.cases import Shd

ROOT_2PI = 2.5066282746310002


class Fire(torch.autograd.Function):
    """A noisy binary unit with the straight-through weight 1 (theory 1.1, 3.2)."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, v: Tensor) -> Tensor:
        r = m * torch.rsqrt(v)
        ctx.save_for_backward(r, v)
        return (torch.rand_like(r) < torch.special.ndtr(r)).to(r.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        r, v = ctx.saved_tensors
        inverse = torch.rsqrt(v)
        dm = grads[0] * torch.exp(-0.5 * r * r) * (inverse / ROOT_2PI)
        return dm, -0.5 * dm * r * inverse


class Network(torch.nn.Module):
    """One layer of recurrent neurons and a leaky readout."""

    def __init__(self, case: Shd) -> None:
        super().__init__()
        self.case = case
        self.weights = torch.nn.ParameterDict()
        for name, out, inputs in (
            ("in", case.hidden, case.inputs),
            ("own", case.hidden, case.hidden),
            ("out", case.classes, case.hidden),
        ):
            self.weights[f"{name}_mu"] = torch.nn.Parameter(torch.randn(out, inputs) / inputs**0.5)
            self.weights[f"{name}_rho"] = torch.nn.Parameter(torch.full((out, inputs), float(np.log(0.5 / inputs))))

    def both(self, name: str) -> Tensor:
        """Mean and variance weights, one above the other."""
        return torch.cat([self.weights[f"{name}_mu"], self.weights[f"{name}_rho"].exp()])

    def kl(self) -> Tensor:
        """Of all weights from the prior of variance 1/inputs."""
        total = torch.zeros(())
        for name in ("in", "own", "out"):
            mu, rho = self.weights[f"{name}_mu"], self.weights[f"{name}_rho"]
            prior = 1.0 / mu.shape[1]
            total = total + 0.5 * ((mu * mu + rho.exp()) / prior - 1.0 - rho + float(np.log(prior))).sum()
        return total

    def forward(self, x: Tensor) -> Tensor:
        """Logits of spikes (steps, batch, inputs)."""
        case = self.case
        own = self.both("own")
        current = functional.linear(x, self.both("in"))
        z = x.new_zeros(case.batch, case.hidden)
        M, V = z, z
        spikes = []
        for t in range(case.steps):
            m, v = (current[t] + functional.linear(z, own)).chunk(2, 1)
            M = case.beta * M * (1.0 - z) + m
            V = case.beta**2 * V * (1.0 - z) + v
            z = Fire.apply(M - case.theta, V + 1e-9)  # a current may be nothing at all
            spikes.append(z)
        m, v = functional.linear(torch.stack(spikes), self.both("out")).chunk(2, 2)
        ages = torch.arange(case.steps, 0, -1, dtype=torch.float32)
        c = ((1.0 - case.readout_beta**ages) / (1.0 - case.readout_beta) / case.steps)[:, None, None]
        m, v = (c * m).sum(0), (c * c * v).sum(0)
        return m + torch.sqrt(v + 1e-9) * torch.randn_like(v)


def stepper(case: Shd, forward: Any, network: Any, kl: Any = None) -> Callable[[], float]:
    """A training step of a PyTorch network on the case's batch."""
    x, labels = case.batch_of()
    inputs, targets = torch.from_numpy(x).float(), torch.from_numpy(labels)
    adam = torch.optim.Adam(network.parameters(), lr=case.rate)

    def step() -> float:
        adam.zero_grad()
        loss = functional.cross_entropy(forward(inputs), targets)
        if kl is not None:
            loss = loss + kl() / case.examples
        loss.backward()
        adam.step()
        return float(loss.item())

    return step


def forward_only(case: Shd, network: Any) -> Callable[[], float]:
    """The logits of the case's batch without a graph; gives one of them."""
    inputs = torch.from_numpy(case.batch_of()[0]).float()

    def predict() -> float:
        with torch.no_grad():
            return float(network(inputs)[0, 0])

    return predict


def made(case: Shd, threads: int) -> Network:
    """The network, in this process's settings."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return Network(case)


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    network = made(case, threads)
    return stepper(case, network, network, network.kl)


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return forward_only(case, made(case, threads))
