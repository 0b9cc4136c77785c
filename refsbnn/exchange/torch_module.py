"""A trained network as a module of PyTorch: its parameters and buffers, forward passes with noise or without.

There is no estimator in it: the spikes' gradient is zero, as PyTorch's own of a comparison is. Sums in PyTorch have
another order, so a unit closer to its threshold than their rounding may differ.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from refsbnn import posterior
from refsbnn.errors import InputError
from refsbnn.layers import chain
from refsbnn.layers.layer import Parameters, Stage
from refsbnn.network import Network
from refsbnn.reference.readout import coefficients

Both = tuple[Tensor, Tensor | None]  # means and variances, None beside point weights


def cdf(r: Tensor, noise: str) -> Tensor:
    """F(r) of the unit's noise (theory 1.1)."""
    return torch.special.ndtr(r) if noise == "gaussian" else torch.sigmoid(r)


def fires(m: Tensor, v: Tensor | None, noise: str, sample: bool) -> Tensor:
    """Spikes 0 and 1 of units: sampled; m > 0 of a unit without noise (theory 3.17), or of all."""
    certain = (m > 0).to(m.dtype)
    if not sample:
        return certain
    noisy = torch.ones_like(m, dtype=torch.bool) if v is None else v > 0
    r = m if v is None else m / torch.sqrt(torch.where(noisy, v, 1.0))
    return torch.where(noisy, (torch.rand_like(r) < cdf(r, noise)).to(m.dtype), certain)


class Linear(nn.Module):
    """A dense layer or a convolution: values in, moments out (theory 3.1, 3.6)."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()
        layer: Any = stage.layer
        self.options: dict[str, int] | None = None  # of a convolution
        if layer.kind == "conv2d":
            self.options = {"stride": layer.stride, "padding": layer.padding}
        mu = posterior.zero_mean(own["mu"]) if layer.zero_mean else own["mu"]
        self.weight, self.bias = parameter(filters(mu)), parameter(own["bias_mu"])
        self.noisy = "rho" in own
        if self.noisy:
            self.weight_variance = parameter(filters(posterior.sigma2_of(own["rho"])))
            self.bias_variance = parameter(posterior.sigma2_of(own["bias_rho"]))

    def forward(self, x: Tensor, sample: bool) -> Both:
        """Moments of values (..., *shape)."""
        m = self.product(x, self.weight, self.bias)
        # The square of a spike is what multiplies sigma2, in both domains and for both extensions (theory 3.4).
        return m, self.product(x * x, self.weight_variance, self.bias_variance) if self.noisy else None

    def product(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """A dense product, or a convolution of images (..., height, width, channels)."""
        options = self.options
        if options is None:
            return functional.linear(x, weight, bias)
        return of_images(lambda images: functional.conv2d(images, weight, bias, **options), x)


def of_images(make: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What PyTorch's (n, channels, height, width) gives, of images (..., height, width, channels)."""
    out = make(x.reshape(-1, *x.shape[-3:]).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return out.reshape(*x.shape[:-3], *out.shape[1:])


def filters(weights: np.ndarray) -> np.ndarray:
    """Filters (out, rows, columns, channels) as PyTorch's (out, channels, rows, columns); dense weights as they are."""
    return np.ascontiguousarray(weights.transpose(0, 3, 1, 2)) if weights.ndim == 4 else weights


def parameter(values: np.ndarray) -> nn.Parameter:
    """An array as a parameter that asks for no gradient."""
    return nn.Parameter(torch.from_numpy(np.array(values)), requires_grad=False)


class Units(nn.Module):
    """Binary units: moments in, values of their domain out (theory 1.1)."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()
        layer: Any = stage.layer
        self.noise, self.bipolar = layer.noise, layer.domain == "bipolar"

    def forward(self, moments: Both, sample: bool) -> Tensor:
        """Spikes."""
        z = fires(*moments, self.noise, sample)
        return 2.0 * z - 1.0 if self.bipolar else z


class Neurons(nn.Module):
    """LIF neurons: moments over time in, spikes out (theory 3.9 to 3.11, 3.30 to 3.33)."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()
        layer: Any = stage.layer
        self.layer = layer
        beta, theta = layer.numbers(own)
        self.beta, self.theta = (parameter(each) if np.ndim(each) else each for each in (beta, theta))
        if layer.recurrent:
            self.recurrent = parameter(own["recurrent_mu"])
        if "recurrent_rho" in own:
            self.recurrent_variance = parameter(posterior.sigma2_of(own["recurrent_rho"]))

    def forward(self, moments: Both, sample: bool) -> Tensor:
        """Spikes (steps, batch, ...)."""
        layer, (m, v) = self.layer, moments
        M = V = z = J = U = C = a = torch.zeros_like(m[0])
        alpha = layer.alpha
        out = []
        for t in range(len(m)):
            kept = 1.0 - z if layer.reset == "hard" else 1.0
            current, noise = m[t], None if v is None else v[t]
            if layer.recurrent:
                current = current + functional.linear(z, self.recurrent)
                noise = None if noise is None else noise + functional.linear(z, self.recurrent_variance)
            J = alpha * J + current
            M = self.beta * kept * M + J
            if layer.reset == "soft":
                M = M - self.theta * z
            if noise is not None:
                U = alpha**2 * U + noise
                V = kept * (self.beta**2 * V + 2 * alpha * self.beta * C) + U if layer.accumulate else noise
                C = alpha * self.beta * kept * C + U
            a = layer.adapt_decay * a + (1 - layer.adapt_decay) * z
            z = fires(M - self.theta - layer.adapt * a, None if noise is None else V, layer.noise, sample)
            out.append(z)
        return torch.stack(out)


class Block(nn.Module):
    """A residual block: a stream of moments, and what its branch adds (theory 3.8)."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()
        layer: Any = stage.layer
        self.scale, self.accumulate = layer.scale, layer.accumulate
        self.branch = chained(stage.inner, own)

    def forward(self, stream: Both, sample: bool) -> Both:
        """The stream after the block."""
        branch: Any = stream
        for module in self.branch:
            branch = module(branch, sample)
        m, v = stream[0] + self.scale * branch[0], None
        if stream[1] is not None:
            v = self.scale**2 * branch[1] + (stream[1] if self.accumulate else 0.0)
        return m, v


class Flat(nn.Module):
    """All features on one axis."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()
        self.axes = len(stage.place.input.shape)

    def forward(self, x: Tensor, sample: bool) -> Tensor:
        """Values (..., features)."""
        return x.reshape(*x.shape[: x.ndim - self.axes], -1)


class Pool(nn.Module):
    """Means or largest values of windows."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()
        layer: Any = stage.layer
        self.pool = functional.avg_pool2d if layer.kind == "average_pool" else functional.max_pool2d
        self.size, self.stride = layer.size, layer.stride or layer.size

    def forward(self, x: Tensor, sample: bool) -> Tensor:
        """Smaller images."""
        return of_images(lambda images: self.pool(images, self.size, self.stride), x)


class Leaky(nn.Module):
    """A leaky integrator: moments over time to moments (theory 3.13)."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()
        layer: Any = stage.layer
        self.beta, self.reduce = layer.beta, layer.reduce

    def forward(self, moments: Both, sample: bool) -> Both:
        """Moments of what is read."""
        m, v = moments
        c = torch.from_numpy(coefficients(m.double().numpy(force=True), self.beta, self.reduce)).to(m)
        c = c.reshape(-1, *[1] * (m.ndim - 1)) if c.ndim == 1 else c
        return (c * m).sum(0), None if v is None else (c * c * v).sum(0)


class Sampled(nn.Module):
    """Outputs sampled from their moments (theory 3.14)."""

    def __init__(self, stage: Stage, own: Parameters) -> None:
        super().__init__()

    def forward(self, moments: Both, sample: bool) -> Tensor:
        """Outputs."""
        m, v = moments
        return m if v is None or not sample else m + torch.sqrt(v) * torch.randn_like(m)


MODULES: dict[str, Callable[[Stage, Parameters], nn.Module]] = {
    "dense": Linear,
    "conv2d": Linear,
    "spike": Units,
    "lif": Neurons,
    "residual": Block,
    "flatten": Flat,
    "average_pool": Pool,
    "max_pool": Pool,
    "leaky_readout": Leaky,
    "sampled_readout": Sampled,
}


def chained(stages: Sequence[Stage], parameters: Parameters) -> nn.ModuleList:
    """The modules of layers in a row."""
    for stage in stages:
        if stage.layer.kind not in MODULES:
            raise InputError(f"layer {stage.name} has no module of PyTorch; accepted: {', '.join(MODULES)}")
    return nn.ModuleList(MODULES[stage.layer.kind](stage, chain.own(parameters, stage)) for stage in stages)


class Module(nn.Module):
    """A network with its parameters.

    Parameters
    ----------
    network : refsbnn.network.Network
    parameters : dict of arrays
        Of the network; the module's are of the same type.

    Raises
    ------
    InputError
        Parameters that are not the network's.

    Examples
    --------
    >>> from refsbnn.layers import Dense, SampledReadout, Signal, Spike
    >>> from refsbnn.streams import Streams
    >>> network = Network([Dense(8), Spike(), Dense(3), SampledReadout()], Signal("values", (5,)))
    >>> module = Module(network, network.initial(Streams(1)))
    >>> module(torch.zeros(2, 5, dtype=torch.float64), sample=False).shape
    torch.Size([2, 3])
    """

    def __init__(self, network: Network, parameters: Parameters) -> None:
        super().__init__()
        network.check(parameters)
        self.shape, self.steps = network.input.shape, network.input.steps
        self.layers = chained(network.stages, parameters)

    def forward(self, x: Tensor, sample: bool = True) -> Any:
        """Outputs (batch, classes).

        Parameters
        ----------
        x : (batch, *shape) or (steps, batch, *shape) tensor
        sample : bool
            Whether units and outputs draw their noise, from PyTorch's generator; without it a unit spikes where its
            mean is above the threshold.

        Raises
        ------
        InputError
            Another shape.
        """
        leading = () if self.steps is None else (self.steps,)
        if tuple(x.shape[: len(leading)]) != leading or tuple(x.shape[len(leading) + 1 :]) != self.shape:
            wanted = ", ".join(map(str, (*leading, "batch", *self.shape)))
            raise InputError(f"x has shape {tuple(x.shape)}; expected ({wanted})")
        value: Any = x
        for module in self.layers:
            value = module(value, sample)
        return value
