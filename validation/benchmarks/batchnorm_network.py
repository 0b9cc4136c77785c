"""The network of a configuration in PyTorch: point weights, deterministic spikes with surrogate slopes, batch norm.

It is built from the layer descriptions that `refsbnn train` builds its network from, begins with the same weights, and
keeps each parameter in the same layout. Values go through it with time and batch on one axis, (steps * batch, ...), so
that linear maps and their normalisation take all steps at once; images lie in memory channels last.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from refsbnn import estimators
from refsbnn.errors import InputError
from refsbnn.estimators.outside import Surrogate
from refsbnn.events import Events
from refsbnn.layers import LIF, Conv2d, Dense, LeakyReadout, Residual, Spike
from refsbnn.layers.layer import Stage
from refsbnn.streams import Streams

SLOPES = ("fast-sigmoid", "gaussian")  # that a configuration may name
SCALE = 10.0  # of the fast sigmoid, where it names neither


class Step(torch.autograd.Function):
    """z = 1[r > 0] with the slope of a fast sigmoid or of a Gaussian (theory 2.17)."""

    @staticmethod
    def forward(ctx: Any, r: Tensor, own: Surrogate) -> Tensor:
        """Spikes in {0, 1}."""
        ctx.save_for_backward(r)
        ctx.own = own
        return (r > 0).to(r.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Gradient of r; none of the surrogate."""
        (r,) = ctx.saved_tensors
        x = ctx.own.scale * r
        if ctx.own.kind == "gaussian":
            return gradients[0] * (ctx.own.scale / math.sqrt(2.0 * math.pi)) * torch.exp(-0.5 * x.square()), None
        return gradients[0] / (1.0 + x.abs()).square(), None


def surrogate_of(member: str) -> Surrogate:
    """A layer's surrogate slope: its own, or the fast sigmoid of scale 10 where that is none of the two.

    Examples
    --------
    >>> surrogate_of("gaussian(scale=0.5)").name, surrogate_of("agr(tau=0.5)").name
    ('gaussian(scale=0.5)', 'fast-sigmoid(scale=10)')
    """
    own = estimators.get(member)
    return own if isinstance(own, Surrogate) and own.kind in SLOPES else Surrogate(SLOPES[0], SCALE)


class Weighted(nn.Module):
    """A dense or convolutional layer; with a normalisation behind it, it has no bias of its own."""

    def __init__(self, layer: Dense | Conv2d, stage: Stage, streams: Streams, norm: nn.Module | None) -> None:
        super().__init__()
        weights = layer.initial(stage, streams)
        self.zero_mean, self.norm = layer.zero_mean, norm
        self.mu = nn.Parameter(torch.from_numpy(weights["mu"]).float())
        self.bias_mu = nn.Parameter(torch.from_numpy(weights["bias_mu"]).float()) if norm is None else None

    def forward(self, x: Tensor) -> Tensor:
        """Pre-activations."""
        mu = self.mu
        if self.zero_mean:
            mu = mu - mu.mean(dim=tuple(range(1, mu.ndim)), keepdim=True)  # theory 3.7
        m = self.product(x, mu)
        return m if self.norm is None else self.norm(m)

    def product(self, x: Tensor, mu: Tensor) -> Tensor:
        """The linear map, with the bias if there is one."""
        raise NotImplementedError


class Connected(Weighted):
    """A dense layer."""

    def __init__(self, layer: Dense, stage: Stage, streams: Streams, normalise: bool) -> None:
        super().__init__(layer, stage, streams, nn.BatchNorm1d(layer.out) if normalise else None)

    def product(self, x: Tensor, mu: Tensor) -> Tensor:
        """(rows, out)."""
        return functional.linear(x, mu, self.bias_mu)


class Convolution(Weighted):
    """A convolution."""

    def __init__(self, layer: Conv2d, stage: Stage, streams: Streams, normalise: bool) -> None:
        super().__init__(layer, stage, streams, nn.BatchNorm2d(layer.out) if normalise else None)
        self.stride, self.padding = layer.stride, layer.padding

    def product(self, x: Tensor, mu: Tensor) -> Tensor:
        """(rows, out, height, width)."""
        return functional.conv2d(x, mu.permute(0, 3, 1, 2), self.bias_mu, self.stride, self.padding)


class Units(nn.Module):
    """Binary units. `r` holds what they spiked on in the last pass."""

    def __init__(self, layer: Spike) -> None:
        super().__init__()
        self.surrogate, self.bipolar = surrogate_of(layer.member), layer.domain == "bipolar"
        self.r: list[Tensor] = []

    def forward(self, m: Tensor) -> Tensor:
        """Values in the units' domain."""
        z = Step.apply(m, self.surrogate)
        self.r = [m.detach()]
        return 2.0 * z - 1.0 if self.bipolar else z  # theory 1.4


class Neurons(nn.Module):
    """LIF neurons, as `refsbnn.reference.lif` without noise. `r` is as in `Units`, by step."""

    def __init__(self, layer: LIF, stage: Stage, streams: Streams) -> None:
        super().__init__()
        if layer.is_slow:
            raise InputError("neurons with alpha or adapt above 0 have no form with batch normalisation here")
        weights = layer.initial(stage, streams)
        self.layer, self.steps = layer, stage.place.input.steps or 1
        self.surrogate, self.r = surrogate_of(layer.member), list[Tensor]()
        given = {
            key: nn.Parameter(torch.from_numpy(value).float()) for key, value in weights.items() if "rho" not in key
        }
        self.recurrent_mu, self.beta_logit, self.theta = map(given.get, ("recurrent_mu", "beta_logit", "theta"))

    def forward(self, m: Tensor) -> Tensor:
        """Spikes of all steps."""
        beta: Any = self.layer.beta if self.beta_logit is None else of_each(torch.sigmoid(self.beta_logit), m)
        theta: Any = self.layer.theta if self.theta is None else of_each(self.theta, m)
        currents = m.split(len(m) // self.steps)
        membrane = currents[0]
        r = [membrane - theta]
        spikes = [Step.apply(r[0], self.surrogate)]
        for own in currents[1:]:
            z = spikes[-1]
            current = own if self.recurrent_mu is None else torch.addmm(own, z, self.recurrent_mu.t())
            lowered = z if self.layer.reset_gradient else z.detach()
            if self.layer.reset == "hard":
                kept = membrane if self.beta_logit is None else beta * membrane
                factor = beta if self.beta_logit is None else 1.0
                membrane = torch.addcmul(current, kept, 1.0 - lowered, value=factor)  # theory 3.9
            else:
                membrane = current + beta * membrane - theta * lowered  # theory 3.10
            r.append(membrane - theta)
            spikes.append(Step.apply(r[-1], self.surrogate))
        self.r = [each.detach() for each in r]
        return torch.cat(spikes)


def of_each(numbers: Tensor, m: Tensor) -> Tensor:
    """A number of each neuron, or of each channel of images (rows, channels, height, width), beside m (theory 3.27)."""
    return numbers.reshape(-1, *[1] * (m.ndim - 2))


class Branch(nn.Module):
    """A residual block: the stream plus its branch (theory 3.8)."""

    def __init__(self, layer: Residual, stage: Stage, streams: Streams, normalise: bool) -> None:
        super().__init__()
        self.branch = nn.Sequential(*(module_of(own, streams, normalise) for own in stage.inner))
        self.scale = layer.scale

    def forward(self, x: Tensor) -> Tensor:
        """The stream after the block."""
        return x + self.scale * self.branch(x)


class Readout(nn.Module):
    """The leaky integrator without spikes (theory 3.13), as `refsbnn.reference.readout`."""

    def __init__(self, layer: LeakyReadout, steps: int) -> None:
        super().__init__()
        age = torch.arange(steps)[:, None] - torch.arange(steps)
        self.decay = torch.where(age >= 0, layer.beta ** age.clamp(min=0).double(), 0.0)
        self.reduce, self.steps = layer.reduce, steps

    def forward(self, m: Tensor) -> Tensor:
        """The mean, largest or last membrane of each class."""
        membrane = torch.tensordot(self.decay.to(m.dtype), m.unflatten(0, (self.steps, -1)), 1)
        if self.reduce == "mean":
            return membrane.mean(0)
        return membrane[-1] if self.reduce == "last" else membrane.max(0).values


class Channels(nn.Module):
    """Images to vectors, in the order of channels-last arrays."""

    def forward(self, x: Tensor) -> Tensor:
        """(rows, features)."""
        return x.movedim(1, -1).flatten(1) if x.ndim == 4 else x


LINEAR = ("dense", "conv2d")
# By the kind of the layer: from it, its stage, the streams and whether a batch norm follows.
MODULES: dict[str, Callable[[Any, Stage, Streams, bool], nn.Module]] = {
    "dense": Connected,
    "conv2d": Convolution,
    "residual": Branch,
    "spike": lambda layer, *_: Units(layer),
    "lif": lambda layer, stage, streams, _: Neurons(layer, stage, streams),
    "leaky_readout": lambda layer, stage, *_: Readout(layer, stage.place.input.steps or 1),
    "max_pool": lambda layer, *_: nn.MaxPool2d(layer.size, layer.stride),
    "average_pool": lambda layer, *_: nn.AvgPool2d(layer.size, layer.stride),
    "flatten": lambda *_: Channels(),
    "sampled_readout": lambda *_: nn.Identity(),  # beside point weights the outputs are the means
}


def module_of(stage: Stage, streams: Streams, normalise: bool) -> nn.Module:
    """The layer of a stage as a module."""
    make = MODULES.get(stage.layer.kind)
    if make is None:
        raise NotImplementedError(f"no module stands for {stage.layer.kind}")
    return make(stage.layer, stage, streams, normalise)


class Peer(nn.Module):
    """The network in float32; a batch as `refsbnn.network.Network` takes it goes in, logits come out.

    Parameters
    ----------
    stages : sequence of Stage
        Of a `refsbnn.network.Network`.
    streams : Streams
        What that network draws its initial weights from.
    normalise : bool
        Whether a batch norm follows each linear map but the readout's.
    """

    def __init__(self, stages: Sequence[Stage], streams: Streams, normalise: bool = True) -> None:
        super().__init__()
        readout = max(i for i, stage in enumerate(stages) if stage.layer.kind in LINEAR)
        modules = [module_of(stage, streams, normalise and i != readout) for i, stage in enumerate(stages)]
        self.stages = nn.Sequential(*modules)
        self.timed = stages[0].place.input.steps is not None

    def forward(self, x: np.ndarray | Events) -> Tensor:
        """Logits (batch, classes)."""
        values = torch.as_tensor(np.asarray(x), dtype=next(self.parameters()).dtype)
        if self.timed:
            values = values.flatten(0, 1)
        return self.stages(values.movedim(-1, 1) if values.ndim == 4 else values)

    def monitors(self) -> dict[str, float]:
        """Firing rate and spread of r of each layer of units in the last pass, as `refsbnn train` records them."""
        seen = [torch.cat(module.r) for module in self.modules() if isinstance(module, Units | Neurons)]
        rates = {f"rate.{i}": float((r > 0).to(r.dtype).mean()) for i, r in enumerate(seen)}
        return rates | {f"spread.{i}": float(r.std(correction=0)) for i, r in enumerate(seen)}

    def gradients(self) -> dict[str, np.ndarray]:
        """Gradient of each parameter by PyTorch's name, as the last backward pass left it."""
        return {name: p.grad.numpy() for name, p in self.named_parameters() if p.grad is not None}

    def groups(self, decay: float) -> list[dict[str, Any]]:
        """The parameters for an optimiser: weight decay is for weights and biases, not for gains and offsets."""
        kinds = nn.BatchNorm1d | nn.BatchNorm2d
        norms = [p for module in self.modules() if isinstance(module, kinds) for p in module.parameters()]
        apart = {id(p) for p in norms}
        rest = [p for p in self.parameters() if id(p) not in apart]
        return [{"params": rest, "weight_decay": decay}, {"params": norms, "weight_decay": 0.0}]
