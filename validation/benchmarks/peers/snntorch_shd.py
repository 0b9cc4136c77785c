"""snnTorch, case a, less mathematics: plain weights and surrogate gradients (`RLeaky`), no variance, no KL."""

from collections.abc import Callable

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.torch_shd import forward_only, stepper


class Network(torch.nn.Module):
    """One layer of recurrent neurons and a leaky readout."""

    def __init__(self, case: Shd) -> None:
        super().__init__()
        self.case = case
        self.input = torch.nn.Linear(case.inputs, case.hidden)
        options = {"spike_grad": surrogate.fast_sigmoid(), "reset_mechanism": "zero"}
        self.neurons = snntorch.RLeaky(beta=case.beta, linear_features=case.hidden, **options)
        self.output = torch.nn.Linear(case.hidden, case.classes)
        self.readout = snntorch.Leaky(beta=case.readout_beta, reset_mechanism="none")

    def forward(self, x: Tensor) -> Tensor:
        """Logits of spikes (steps, batch, inputs)."""
        current = self.input(x)
        z, membrane = self.neurons.init_rleaky()
        spikes = []
        for t in range(self.case.steps):
            z, membrane = self.neurons(current[t], z, membrane)
            spikes.append(z)
        out, total = self.readout.init_leaky(), torch.zeros(())
        for a in self.output(torch.stack(spikes)):
            _, out = self.readout(a, out)
            total = total + out
        return total / self.case.steps


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
