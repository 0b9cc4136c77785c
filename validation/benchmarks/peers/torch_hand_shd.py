"""PyTorch by hand, case a, the mathematics of `torch_shd`: one operator over all time steps, with its own backward.

As `torch_hand_plain_shd`: currents by one sparse product, slopes of all steps in one compiled pass. A unit fires where
M - theta + n sqrt(V) is above 0, with a normal n: its uniform Phi(-n) is below Phi(r). Normals cost less than Phi does.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.torch_hand_plain_shd import ages, sparse, stepper
from validation.benchmarks.peers.torch_shd import ROOT_2PI, Network, forward_only

TINY = 1e-9  # as in `torch_shd`: a current may be nothing at all


def slopes(S: Tensor, Z: Tensor, decay: Tensor, theta: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of all steps: a spike's slopes by both moments, what the reset takes back, what is kept of the next gradient."""
    inverse = torch.rsqrt(S[:, :, 1] + TINY)
    r = (S[:, :, 0] - theta) * inverse
    dm = torch.exp(-0.5 * r * r) * (inverse / ROOT_2PI)
    return torch.stack([dm, -0.5 * dm * r * inverse], 2), decay * S, decay * (1.0 - Z).unsqueeze(2)


class Loop(torch.autograd.Function):
    """The recurrent layer over all steps: sums of its spikes (batch, hidden), weighted by age and by its square."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, own: Tensor, n: Tensor, run: "Hand") -> tuple[Tensor, Tensor]:
        case, decay = run.case, run.decay
        flat = torch.mm(run.x, weight.t()).view(case.steps, case.batch, 2 * case.hidden)
        S = flat.view(case.steps, case.batch, 2, case.hidden)
        Z, transposed = S.new_empty(case.steps, case.batch, case.hidden), own.t().contiguous()
        r, kept = S.new_empty(case.batch, case.hidden), S.new_empty(case.batch, 2, case.hidden)
        sums, moments, spikes, noise = flat.unbind(0), S.unbind(0), Z.unbind(0), n.unbind(0)
        for t in range(case.steps):
            if t:
                sums[t].addmm_(spikes[t - 1], transposed)
                torch.sub(decay, decay * spikes[t - 1].unsqueeze(1), out=kept)
                moments[t].addcmul_(moments[t - 1], kept)
            torch.add(moments[t][:, 1], TINY, out=r).sqrt_().mul_(noise[t]).add_(moments[t][:, 0])
            torch.gt(r, case.theta, out=spikes[t])
        ctx.save_for_backward(S, Z, own)
        ctx.run = run
        first, second = run.ages @ Z.view(case.steps, -1)
        return first.view_as(r), second.view_as(r)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        run, (S, Z, own), (g, g2) = ctx.run, ctx.saved_tensors, grads
        each = [array.unbind(0) for array in run.slopes(S, Z, run.decay, run.case.theta)]
        of_moments, of_spike, reset = torch.empty_like(S), torch.empty_like(g), torch.empty_like(S[0])
        flat = of_moments.flatten(2)
        later, now = flat.unbind(0), of_moments.unbind(0)
        for t in range(run.case.steps - 1, -1, -1):
            age, age2 = run.ages[:, t].tolist()
            torch.mul(g, age, out=of_spike).add_(g2, alpha=age2)
            slope, taken, kept = (array[t] for array in each)
            if t + 1 < run.case.steps:
                of_spike.addmm_(later[t + 1], own)
                torch.mul(now[t + 1], taken, out=reset)
                of_spike.sub_(reset[:, 0]).sub_(reset[:, 1])
            torch.mul(of_spike.unsqueeze(1), slope, out=now[t])
            if t + 1 < run.case.steps:
                now[t].addcmul_(now[t + 1], kept)
        of_own = flat[1:].flatten(0, 1).t() @ Z[:-1].flatten(0, 1)
        return torch.mm(run.transposed, flat.flatten(0, 1)).t(), of_own, None, None


class Hand(Network):
    """`torch_shd` with its time loop in one operator."""

    def __init__(self, case: Shd, x: Any) -> None:
        super().__init__(case)
        self.x, self.transposed = sparse(x)
        self.decay = torch.tensor([case.beta, case.beta**2]).view(1, 2, 1)
        self.ages = torch.stack([ages(case), ages(case) ** 2])
        self.slopes: Any = slopes

    def moments(self, n: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the readout's logits, given a normal for every step and unit."""
        first, second = Loop.apply(self.both("in"), self.both("own"), n, self)
        mu, rho = self.weights["out_mu"], self.weights["out_rho"]
        return functional.linear(first, mu), functional.linear(second, rho.exp())

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the batch that the network was made with."""
        m, v = self.moments(torch.randn(self.case.steps, self.case.batch, self.case.hidden))
        return m + torch.sqrt(v + TINY) * torch.randn_like(v)


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
    return stepper(case, network, labels, network.kl)


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return forward_only(case, made(case, threads)[0])
