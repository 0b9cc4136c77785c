"""PyTorch, case a, less mathematics: plain weights, surrogate gradients (fast sigmoid), no variance, no KL.

The leanest loop that autograd allows: what the spiking libraries do, without their layers.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.torch_shd import forward_only, stepper


class Surrogate(torch.autograd.Function):
    """A step with the slope of a fast sigmoid."""

    @staticmethod
    def forward(ctx: Any, r: Tensor) -> Tensor:
        ctx.save_for_backward(r)
        return (r > 0).to(r.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (r,) = ctx.saved_tensors
        return grads[0] / (1.0 + 10.0 * r.abs()).square()


class Network(torch.nn.Module):
    """One layer of recurrent neurons and a leaky readout."""

    def __init__(self, case: Shd) -> None:
        super().__init__()
        self.case = case
        self.input = torch.nn.Linear(case.inputs, case.hidden)
        self.own = torch.nn.Linear(case.hidden, case.hidden, bias=False)
        self.output = torch.nn.Linear(case.hidden, case.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of spikes (steps, batch, inputs)."""
        case = self.case
        current = self.input(x)
        z = x.new_zeros(case.batch, case.hidden)
        membrane, spikes = z, []
        for t in range(case.steps):
            membrane = case.beta * membrane * (1.0 - z) + current[t] + functional.linear(z, self.own.weight)
            z = Surrogate.apply(membrane - case.theta)
            spikes.append(z)
        ages = torch.arange(case.steps, 0, -1, dtype=torch.float32)
        c = ((1.0 - case.readout_beta**ages) / (1.0 - case.readout_beta) / case.steps)[:, None, None]
        return (c * self.output(torch.stack(spikes))).sum(0)


def made(case: Shd, threads: int) -> Network:
    """The network, in this process's settings."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return Network(case)


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    network = made(case, threads)
    return stepper(case, network, network)


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return forward_only(case, made(case, threads))
