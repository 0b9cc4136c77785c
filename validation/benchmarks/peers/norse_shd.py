"""Norse, case a, less mathematics: plain weights and surrogate gradients (`LIFRecurrent`), no variance, no KL."""

from collections.abc import Callable

import norse.torch
import torch
from torch import Tensor

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.torch_shd import forward_only, stepper


class Network(torch.nn.Module):
    """One layer of recurrent neurons and a leaky readout."""

    def __init__(self, case: Shd) -> None:
        super().__init__()
        self.neurons = norse.torch.LIFRecurrent(case.inputs, case.hidden)
        self.output = torch.nn.Linear(case.hidden, case.classes)
        self.case = case

    def forward(self, x: Tensor) -> Tensor:
        """Logits of spikes (steps, batch, inputs)."""
        case = self.case
        z, _ = self.neurons(x)
        ages = torch.arange(case.steps, 0, -1, dtype=torch.float32)
        c = ((1.0 - case.readout_beta**ages) / (1.0 - case.readout_beta) / case.steps)[:, None, None]
        return (c * self.output(z)).sum(0)


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
