"""From one of the oracle's networks to the `refsbnn.network.Network` that trains: layers, parameters, names, both ways.

What the two do not share is decided here:

- The network trains rho = log sigma2 (theory 3.5). A variance of 0 becomes a rho whose exponential is 0, so its
  gradient is 0 as well. Estimates are compared in the network's coordinates: d rho = sigma2 d sigma2. So is the logit
  of each neuron's decay (theory 3.27).
- The network's layers always have biases. A layer of the oracle without one gets one of mean 0 and variance 0: the
  same function, and the oracle then answers for the gradient that the network has.
- The oracle knows a convolution as the dense layer it unrolls to (theory 3.6); `Convolution` says which layers are
  one, and gradients of the matrix are folded to those of the filters.
- Filters without their mean (theory 3.7) are a projection of the network's means; the oracle's network has them
  projected, and its gradients are projected back.
- Point weights (theory 3.18) are sigma2 = 0 with a bias variance of 1 wherever units draw, and of 0 elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np
from scipy import special

import oracle
from oracle.network import named_layers, with_layers
from refsbnn import layers as made
from refsbnn.errors import InputError
from refsbnn.layers import Dense, Layer, Signal, chain
from refsbnn.layers.signal import Domain
from refsbnn.network import Network

Fold = Mapping[str, Callable[[np.ndarray], np.ndarray]]
NO_VARIANCE = -800.0  # a rho: its exponential is 0 in every float type
FIELDS = {"mu": "mu", "sigma2": "rho", "bias_mu": "bias_mu", "bias_sigma2": "bias_rho"}
NEURONS = {"recurrent_mu": "recurrent_mu", "recurrent_sigma2": "recurrent_rho", "beta": "beta_logit", "theta": "theta"}
OF_CHANNELS = ("bias_mu", "bias_sigma2", "beta", "theta")  # of an image


class Convolution(NamedTuple):
    """A layer's filters (out, size, size, in) and the image that it reads."""

    shape: tuple[int, int, int, int]
    height: int
    width: int
    stride: int = 1
    padding: int = 0

    def unroll(self, filters: np.ndarray) -> np.ndarray:
        """The matrix that the oracle holds."""
        return oracle.unroll(filters, self.height, self.width, stride=self.stride, padding=self.padding)

    def layer(self, mu: np.ndarray, sigma2: np.ndarray, bias_mu: np.ndarray, bias_sigma2: np.ndarray) -> oracle.Layer:
        """The oracle's layer of filters and one bias for each."""
        matrices = self.unroll(mu), self.unroll(sigma2)
        positions = len(matrices[0]) // len(mu)
        return oracle.Layer(*matrices, np.tile(bias_mu, positions), np.tile(bias_sigma2, positions))

    def filters(self, name: str, matrix: np.ndarray) -> np.ndarray:
        """The filters behind a matrix, to the bit."""
        size = int(np.prod(self.shape))
        index = self.unroll(np.arange(1.0, size + 1.0).reshape(self.shape))
        numbers, first = np.unique(index, return_index=True)
        found = np.zeros(size)
        if index.shape == matrix.shape:
            found[numbers.astype(int)[numbers > 0] - 1] = matrix.ravel()[first[numbers > 0]]
        filters = found.reshape(self.shape)
        if index.shape != matrix.shape or not np.array_equal(self.unroll(filters), matrix):
            raise InputError(f"{name} is not the matrix of {self}")
        return filters

    def fold(self, gradients: np.ndarray) -> np.ndarray:
        """Gradients of matrices, (states, units, inputs), as those of the filters."""
        return oracle.fold(gradients, self.shape, self.height, self.width, stride=self.stride, padding=self.padding)


class Units(NamedTuple):
    """A layer of the network that fires: its number in the draws, and the shape of its units."""

    number: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Twin:
    """One network in both forms.

    Attributes
    ----------
    net : oracle.Network
        With every bias, and with the numbers that the network holds, in its type.
    network : Network
    parameters : dict of arrays
        The network's.
    member : str
    keys : dict of str to str
        The network's name of each of the oracle's parameters; none for those that it does not have.
    units : list of Units
        In the order of the oracle's stages of one step.
    readout : int
        The number of a sampled readout in the draws.
    convolutions : dict of Convolution
    zero_mean : bool
    """

    net: oracle.Network
    network: Network
    parameters: dict[str, np.ndarray]
    member: str
    keys: dict[str, str]
    units: list[Units]
    readout: int
    convolutions: Mapping[str, Convolution]
    zero_mean: bool

    @property
    def fold(self) -> Fold:
        """Stacks of the oracle's gradients, (states, *shape), as those of the network: by the oracle's names."""
        found = {}
        for key, values in oracle.parameters(self.net).items():
            name, _, field = key.rpartition(".")
            scale = values if "sigma2" in field else np.ones(values.shape)
            scale = values * (1.0 - values) if field == "beta" else scale  # theory 3.27
            projected = self.zero_mean and field == "mu"
            found[key] = partial(_fold, scale, self.convolutions.get(name), field in OF_CHANNELS, projected)
        return found

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the oracle says by its names, by the network's."""
        return {self.keys[key]: value for key, value in values.items() if key in self.keys}

    def oracle_of(self, parameters: Mapping[str, np.ndarray]) -> oracle.Network:
        """The oracle's network with the parameters of the other, as training may have left them."""
        changes = {}
        for key, own in self.keys.items():
            name, _, field = key.rpartition(".")
            value = np.asarray(parameters[own], np.float64)
            value = np.exp(value) if "sigma2" in field else value  # theory 3.5
            value = special.expit(value) if field == "beta" else value  # theory 3.27
            value = _without_mean(value) if self.zero_mean and field == "mu" else value
            if name in self.convolutions and field in OF_CHANNELS:
                value = np.tile(value, len(named_layers(self.net)[name].mu) // len(value))
            elif name in self.convolutions:
                value = self.convolutions[name].unroll(value)
            changes[key] = value
        return oracle.replace(self.net, changes)


def _fold(
    scale: np.ndarray, convolution: Convolution | None, shared: bool, projected: bool, gradients: np.ndarray
) -> np.ndarray:
    gradients = gradients * scale  # theory 3.5
    if convolution is not None and shared:  # every position has what the channels have
        gradients = gradients.reshape(len(gradients), -1, convolution.shape[0]).sum(axis=1)
    elif convolution is not None:
        gradients = convolution.fold(gradients)
    return np.stack([_without_mean(each) for each in gradients]) if projected else gradients


def _without_mean(mu: np.ndarray) -> np.ndarray:
    """Each unit's weights without their mean (theory 3.7)."""
    return mu - mu.mean(axis=tuple(range(1, mu.ndim)), keepdims=True)


def of(net: oracle.Network, x: np.ndarray, loss: Any, member: str, **words: Any) -> Twin:
    """The twin that answers for one of the oracle's questions: `make` with what input and loss say."""
    steps = len(x) if isinstance(net, oracle.LIF) else None
    return make(net, member, steps=steps, sampled=getattr(loss, "eps", None) is not None, **words)


def make(
    net: oracle.Network,
    member: str,
    *,
    steps: int | None = None,
    sampled: bool = False,
    point: bool = False,
    zero_mean: bool = False,
    convolutions: Mapping[str, Convolution] | None = None,
    domain: Domain = "real",
    **words: Any,
) -> Twin:
    """The twin of one of the oracle's networks.

    Parameters
    ----------
    net : oracle.Network
    member : str
        Estimator of every unit, as both sides read it: "agr(tau=0.5)".
    steps : int, optional
        Length of the input of a LIF network.
    sampled : bool
        Whether the network ends in a sample of its outputs (theory 3.14) rather than in their moments.
    point : bool
        Point weights (theory 3.18).
    zero_mean : bool
        Filters without their mean, in every layer (theory 3.7).
    convolutions : dict of Convolution, optional
        By the name of the layer.
    domain : {"real", "binary"}
        Of the network's input; spikes 0 and 1 are the same numbers to the oracle.
    **words
        backend, dtype, recompute, chunk of `Network`.

    Raises
    ------
    InputError
        A matrix that is not the convolution it is said to be, weights that are not points; and as `Network`.
    """
    convolutions = convolutions or {}
    net = _with_biases(net)
    if point:
        _check_points(net)
    weights = {"variance": net.variance, "posterior": "point" if point else "gaussian", "zero_mean": zero_mean}
    layers = list(_layers(net, member, convolutions, weights))
    if sampled:
        layers.append(made.SampledReadout())
    first = next(iter(named_layers(net)))
    at = convolutions.get(first)
    shape = (named_layers(net)[first].mu.shape[1],) if at is None else (at.height, at.width, at.shape[3])
    network = Network(layers, Signal("values", shape, domain, steps), **words)
    everything = list(chain.leaves(network.stages))
    units = [Units(stage.place.index, stage.place.input.shape) for _, stage in everything if stage.layer.units]
    maps = [prefix for prefix, stage in everything if stage.layer.kind in ("dense", "conv2d")]
    neurons = [prefix for prefix, stage in everything if stage.layer.kind == "lif"]
    keys = {}
    for j, (name, layer) in enumerate(named_layers(net).items()):
        for field, value in layer._asdict().items():
            if value is not None and not (point and "sigma2" in field):
                own = f"{neurons[j]}.{NEURONS[field]}" if field in NEURONS else f"{maps[j]}.{FIELDS[field]}"
                keys[f"{name}.{field}"] = own
    parameters = {own: _own(key, oracle.parameters(net)[key], convolutions) for key, own in keys.items()}
    parameters = {key: np.ascontiguousarray(value, network.dtype) for key, value in parameters.items()}
    twin = Twin(net, network, parameters, member, keys, units, network.stages[-1].place.index, convolutions, zero_mean)
    return replace(twin, net=twin.oracle_of(parameters))


def _with_biases(net: oracle.Network) -> oracle.Network:
    """The same function, with a bias of mean and variance 0 where there was none."""
    layers = {}
    for name, layer in named_layers(net).items():
        none = np.zeros(len(layer.mu))
        layers[name] = layer._replace(
            bias_mu=none if layer.bias_mu is None else layer.bias_mu,
            bias_sigma2=none if layer.bias_sigma2 is None else layer.bias_sigma2,
        )
    return with_layers(net, layers)


def _check_points(net: oracle.Network) -> None:
    """Raise `InputError` unless sigma2 is 0 and every unit, drawing on moments of its own, has variance 1."""
    residual = isinstance(net, oracle.Residual)
    for name, layer in named_layers(net).items():
        adds = residual and name.startswith("blocks") and name == _last_of(name, net)
        wanted = 0.0 if name == "readout" or adds else 1.0
        spread = layer.recurrent_sigma2
        if layer.sigma2.any() or (spread is not None and spread.any()) or (layer.bias_sigma2 != wanted).any():
            raise InputError(f"{name} is no layer of points: sigma2 must be 0 and bias_sigma2 {wanted:g}")
    if isinstance(net, oracle.LIF) and net.accumulate:
        raise InputError("neurons beside point weights have variance 1 at each step: accumulate must be False")
    if isinstance(net, oracle.Residual) and not net.accumulate:
        raise InputError("a stream beside point weights has variance 1: accumulate must be True")


def _last_of(name: str, net: oracle.Network) -> str:
    """The name of the last layer of the block that a layer belongs to."""
    block = name.rpartition(".")[0]
    return [other for other in named_layers(net) if other.startswith(f"{block}.")][-1]


def _layers(
    net: oracle.Network, member: str, convolutions: Mapping[str, Convolution], weights: Mapping[str, Any]
) -> Iterator[Layer]:
    """The layers of the network in order; a dense map of an image reads it flat."""
    unit: dict[str, Any] = {"member": member, "noise": net.noise}
    spike = made.Spike(**unit, domain=cast(Domain, net.domain))
    names = list(named_layers(net))
    below = {after: before for before, after in pairwise(names)}  # whose units a layer reads, of which shape

    def linear(name: str) -> list[Layer]:
        out: list[Layer] = []
        pool = net.pools.get(name)
        if pool is not None:
            out.append((made.AveragePool if pool.kind == "average" else made.MaxPool)(pool.size, pool.stride))
        width = len(named_layers(net)[name].mu)
        convolution = convolutions.get(name)
        if convolution is not None:
            out_channels, size, _, _ = convolution.shape
            stride, padding = convolution.stride, convolution.padding
            return [*out, made.Conv2d(out_channels, size=size, stride=stride, padding=padding, **weights)]
        if pool is not None or below.get(name) in convolutions:
            out.append(made.Flatten())
        return [*out, Dense(width, **weights)]

    if isinstance(net, oracle.Residual):
        yield from linear("stem")
        for b, (block, scale) in enumerate(zip(net.blocks, net.scales, strict=True)):
            branch = [layer for k in range(len(block)) for layer in (spike, *linear(f"blocks.{b}.{k}"))]
            yield made.Residual(tuple(branch), scale=float(scale), accumulate=net.accumulate)
        yield spike
    elif isinstance(net, oracle.LIF):
        neuron = {key: getattr(net, key) for key in ("beta", "theta", "reset", "accumulate", "reset_gradient")}
        slow = ("alpha", "adapt", "adapt_decay") if net.adapt else ("alpha",)
        neuron |= {key: getattr(net, key) for key in slow}
        for name, layer in list(named_layers(net).items())[:-1]:
            yield from linear(name)
            own = {"recurrent": layer.recurrent_mu is not None, "variance": net.variance}
            own |= {"learn_beta": layer.beta is not None, "learn_theta": layer.theta is not None}
            yield made.LIF(**neuron | own, **unit)
    else:
        for name in names[:-1]:
            yield from linear(name)
            yield spike
    yield from linear("readout")
    if isinstance(net, oracle.LIF):
        yield made.LeakyReadout(beta=float(net.readout_beta or 0.0), reduce=net.reduce)


def _own(key: str, value: np.ndarray, convolutions: Mapping[str, Convolution]) -> np.ndarray:
    """A parameter of the oracle as the network holds it."""
    name, _, field = key.rpartition(".")
    convolution = convolutions.get(name)
    if convolution is not None:
        value = value[: convolution.shape[0]] if field in OF_CHANNELS else convolution.filters(key, value)
    if field == "beta":
        return np.asarray(special.logit(value))  # theory 3.27
    if "sigma2" not in field:
        return value
    return np.where(value > 0.0, np.log(np.where(value > 0.0, value, 1.0)), NO_VARIANCE)  # theory 3.5
