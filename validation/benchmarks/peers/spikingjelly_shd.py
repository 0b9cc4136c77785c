"""SpikingJelly, case a, less mathematics: plain weights and surrogate gradients, no variance, no KL.

`LinearRecurrentContainer` round a `LIFNode`, multi-step, PyTorch backend: the CPU path that the library has.
"""

from collections.abc import Callable

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.torch_shd import forward_only, stepper


class Network(torch.nn.Module):
    """One layer of recurrent neurons and a leaky readout."""

    def __init__(self, case: Shd) -> None:
        super().__init__()
        self.case = case
        self.input = torch.nn.Linear(case.inputs, case.hidden)
        node = neuron.LIFNode(
            tau=1.0 / (1.0 - case.beta), decay_input=False, v_reset=0.0, surrogate_function=surrogate.ATan()
        )
        self.neurons = layer.LinearRecurrentContainer(node, case.hidden, case.hidden, bias=False, step_mode="m")
        self.output = torch.nn.Linear(case.hidden, case.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of spikes (steps, batch, inputs)."""
        functional.reset_net(self)
        case = self.case
        z = self.neurons(self.input(x))
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
