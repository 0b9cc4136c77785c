"""PyTorch with torch.compile, case a, the same mathematics as `torch_shd`; one time step is compiled, and looped over.

Compiling the loop over all steps as well unrolls it a hundredfold, which takes minutes.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.torch_shd import Fire, Network, forward_only, stepper


class Compiled(Network):
    """`Network` with its time step compiled."""

    def __init__(self, case: Shd) -> None:
        super().__init__(case)
        beta, theta = case.beta, case.theta

        def advance(current: Tensor, z: Tensor, M: Tensor, V: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            m, v = (current + functional.linear(z, own)).chunk(2, 1)
            M = beta * M * (1.0 - z) + m
            V = beta**2 * V * (1.0 - z) + v
            return Fire.apply(M - theta, V + 1e-9), M, V

        self.advance = torch.compile(advance, dynamic=False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of spikes (steps, batch, inputs)."""
        case = self.case
        own = self.both("own")
        current = functional.linear(x, self.both("in"))
        z = x.new_zeros(case.batch, case.hidden)
        M, V = z, z
        spikes = []
        for t in range(case.steps):
            z, M, V = self.advance(current[t], z, M, V, own)
            spikes.append(z)
        m, v = functional.linear(torch.stack(spikes), self.both("out")).chunk(2, 2)
        ages = torch.arange(case.steps, 0, -1, dtype=torch.float32)
        c = ((1.0 - case.readout_beta**ages) / (1.0 - case.readout_beta) / case.steps)[:, None, None]
        m, v = (c * m).sum(0), (c * c * v).sum(0)
        return m + torch.sqrt(v + 1e-9) * torch.randn_like(v)


def made(case: Shd, threads: int) -> Compiled:
    """The network, in this process's settings."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return Compiled(case)


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    network = made(case, threads)
    return stepper(case, network, network, network.kl)


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return forward_only(case, made(case, threads))
