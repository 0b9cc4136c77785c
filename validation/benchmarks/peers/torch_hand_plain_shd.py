"""PyTorch by hand, case a, the mathematics of `torch_plain_shd`: one operator over all steps, with its own backward.

The input currents are one sparse product (MKL's CSR), slopes of all steps are one compiled pass, the loops write into
arrays that exist, three operations a step beside the product; Adam is the fused one. Compiling the step's operations
instead was slower: a call of a compiled function costs more than they do.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.torch_plain_shd import Network
from validation.benchmarks.peers.torch_shd import forward_only


def sparse(x: Any) -> tuple[Tensor, Tensor]:
    """Spikes (steps, batch, inputs) as a sparse matrix of (steps * batch, inputs), and its transpose."""
    flat = torch.from_numpy(x).flatten(0, 1).float()
    return flat.to_sparse_csr(), flat.t().contiguous().to_sparse_csr()


def ages(case: Shd) -> Tensor:
    """What a spike of each step weighs in the mean of the readout."""
    left = torch.arange(case.steps, 0, -1, dtype=torch.float32)
    return (1.0 - case.readout_beta**left) / (1.0 - case.readout_beta) / case.steps


def slopes(M: Tensor, Z: Tensor, beta: float, theta: float) -> tuple[Tensor, Tensor]:
    """Slopes of all steps, and what a membrane's gradient of the next step is multiplied by, with the reset."""
    slope = 1.0 / (1.0 + 10.0 * (M - theta).abs()).square()
    return slope, beta * (1.0 - Z - M * slope)


class Loop(torch.autograd.Function):
    """The recurrent layer over all steps: sums of its spikes (batch, hidden), weighted by age."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, own: Tensor, run: "Hand") -> Tensor:
        case = run.case
        M = torch.mm(run.x, weight.t()).add_(bias).view(case.steps, case.batch, case.hidden)
        Z, transposed = torch.empty_like(M), own.t().contiguous()
        membranes, spikes = M.unbind(0), Z.unbind(0)
        torch.gt(membranes[0], case.theta, out=spikes[0])
        for t in range(1, case.steps):
            m, before, z = membranes[t], membranes[t - 1], spikes[t - 1]
            m.addmm_(z, transposed).add_(before, alpha=case.beta).addcmul_(before, z, value=-case.beta)
            torch.gt(m, case.theta, out=spikes[t])
        ctx.save_for_backward(M, Z, own)
        ctx.run = run
        return torch.mv(Z.view(case.steps, -1).t(), run.ages).view(case.batch, case.hidden)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        run, (M, Z, own), (g,) = ctx.run, ctx.saved_tensors, grads
        slope, kept = run.slopes(M, Z, run.case.beta, run.case.theta)
        of_current, of_spike = torch.empty_like(M), torch.empty_like(g)
        currents, slope, kept, ages = of_current.unbind(0), slope.unbind(0), kept.unbind(0), run.ages.tolist()
        torch.mul(g, slope[-1], out=currents[-1]).mul_(ages[-1])
        for t in range(run.case.steps - 2, -1, -1):
            torch.addmm(g, currents[t + 1], own, beta=ages[t], out=of_spike)
            torch.mul(of_spike, slope[t], out=currents[t]).addcmul_(currents[t + 1], kept[t])
        flat = of_current.flatten(0, 1)
        of_own = of_current[1:].flatten(0, 1).t() @ Z[:-1].flatten(0, 1)
        return torch.mm(run.transposed, flat).t(), flat.sum(0), of_own, None


class Hand(Network):
    """`torch_plain_shd` with its time loop in one operator."""

    def __init__(self, case: Shd, x: Any) -> None:
        super().__init__(case)
        self.x, self.transposed = sparse(x)
        self.ages = ages(case)
        self.slopes: Any = slopes

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the batch that the network was made with."""
        summed = Loop.apply(self.input.weight, self.input.bias, self.own.weight, self)
        return functional.linear(summed, self.output.weight, self.ages.sum() * self.output.bias)


def stepper(case: Shd, network: Any, labels: Any, kl: Any = None) -> Callable[[], float]:
    """A training step on the network's own batch."""
    targets = torch.from_numpy(labels)
    adam = torch.optim.Adam(network.parameters(), lr=case.rate, fused=True)

    def step() -> float:
        adam.zero_grad()
        loss = functional.cross_entropy(network(network.x), targets)
        if kl is not None:
            loss = loss + kl() / case.examples
        loss.backward()
        adam.step()
        return float(loss.item())

    return step


def made(case: Shd, threads: int) -> tuple[Hand, Any]:
    """The network with its batch, in this process's settings, and the labels."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, labels = case.batch_of()
    network = Hand(case, x)
    network.slopes = torch.compile(slopes, dynamic=False)
    return network, labels


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    network, labels = made(case, threads)
    return stepper(case, network, labels)


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return forward_only(case, made(case, threads)[0])
