"""Tiny networks as plain arrays: what is computed stands in dynamics.py and lif.py, nothing here has behaviour.

A layer is `Layer(mu, sigma2, bias_mu, bias_sigma2)` or a plain tuple of the same; mu and sigma2 are (out, in), the
biases (out,). Parameters are named by their place: "layers.0.mu", "blocks.1.0.sigma2", "readout.bias_mu".
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from oracle.errors import InputError, array, choice, flag, number
from oracle.noise import NOISES
from oracle.pool import Pool
from oracle.pool import check as pooled

DOMAINS = ("binary", "bipolar")
VARIANCES = ("linear", "quadratic")


class Layer(NamedTuple):
    """Mean-field Gaussian weights of one dense layer (theory 3.1); None stands for an absent array.

    mu, sigma2 : (out, in);  bias_mu, bias_sigma2 : (out,);  recurrent_mu, recurrent_sigma2 : (out, out), LIF only;
    beta, theta : (out,), LIF only: decay and threshold of each neuron, in the place of the network's (theory 3.27).

    Examples
    --------
    >>> import oracle
    >>> oracle.Layer(mu=[[1.0, -0.5]], sigma2=[[0.5, 0.5]]).bias_mu is None
    True
    """

    mu: Any
    sigma2: Any
    bias_mu: Any = None
    bias_sigma2: Any = None
    recurrent_mu: Any = None
    recurrent_sigma2: Any = None
    beta: Any = None
    theta: Any = None


@dataclasses.dataclass(frozen=True, eq=False)
class Layered:
    """A feed-forward network of noisy binary layers and a linear readout (theory 3.1).

    Parameters
    ----------
    layers : sequence of Layer
        The first one reads the real input x, each other one the spikes of the one before.
    readout : Layer
        Reads the last layer's spikes; gives the mean and variance of each output.
    noise : "gaussian" or "logistic"
    domain : "binary" for spikes in {0, 1}, "bipolar" for {-1, +1}
    variance : "linear" or "quadratic"
        Extension of v between the states (theory 3.4): it changes estimators, never the exact gradient.
    pools : dict of Pool
        By the name of a layer that reads spikes: it reads them pooled (theory 3.16), for instance
        ``{"readout": Pool("max", 2, 2, 3, size=2)}``.

    Raises
    ------
    InputError
        Shapes that do not chain, negative variances, NaN or unknown words.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4)
    >>> net = oracle.Layered(layers=[(w, s), (w, s)], readout=(w, 0 * s))
    >>> sorted(oracle.parameters(net))
    ['layers.0.mu', 'layers.0.sigma2', 'layers.1.mu', 'layers.1.sigma2', 'readout.mu', 'readout.sigma2']
    """

    layers: Sequence[Layer]
    readout: Layer
    noise: str = "gaussian"
    domain: str = "binary"
    variance: str = "linear"
    pools: Mapping[str, Pool] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_words(self)
        layers = _chain("layers", self.layers, self.pools)
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "readout", _reading("readout", self.readout, layers[-1].mu.shape[0], self.pools))
        _check_pools(self)


@dataclasses.dataclass(frozen=True, eq=False)
class Residual:
    """A residual stream without normalisation (theory 3.8).

    The stem gives the stream's first (H, U). Block l draws spikes from (H, U), passes them through one layer, or
    through a layer, fresh spikes and a second layer, and adds a_l m to H and a_l^2 v to U. The last (H, U) draws the
    spikes that the readout sees.

    Parameters
    ----------
    stem : Layer
    blocks : sequence of sequences of one or two Layers
    readout : Layer
    scales : float or (blocks,)
        The branch scales a_l.
    accumulate : bool
        False keeps only the last branch's variance in U.
    noise, domain, variance, pools
        As in `Layered`.

    Raises
    ------
    InputError
        As in `Layered`.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.eye(2), np.full((2, 2), 0.5)
    >>> net = oracle.Residual(stem=(w, s), blocks=[[(w, s)]], readout=(w, 0 * s))
    >>> round(oracle.exact(net, [1.0, -0.5], oracle.Categorical(label=0)).loss, 6)
    0.488815
    """

    stem: Layer
    blocks: Sequence[Sequence[Layer]]
    readout: Layer
    scales: Any = 1.0
    accumulate: bool = True
    noise: str = "gaussian"
    domain: str = "binary"
    variance: str = "linear"
    pools: Mapping[str, Pool] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_words(self)
        flag("accumulate", self.accumulate)
        stem = _layer("stem", self.stem, None)
        width = stem.mu.shape[0]
        if not isinstance(self.blocks, Sequence) or not self.blocks:
            raise InputError("blocks is empty or not a sequence; expected one or more blocks of one or two layers")
        blocks = []
        for number_, given in enumerate(self.blocks):
            name = f"blocks.{number_}"
            if not isinstance(given, Sequence) or isinstance(given, Layer) or len(given) not in (1, 2):
                raise InputError(f"{name} is not a sequence of one or two layers")
            block = _chain(name, given, self.pools, width)
            if block[-1].mu.shape[0] != width:
                raise InputError(f"{name} ends with {block[-1].mu.shape[0]} units; the stream has {width}")
            blocks.append(block)
        scales = np.broadcast_to(self.scales, len(blocks)) if np.ndim(self.scales) == 0 else self.scales
        object.__setattr__(self, "scales", array("scales", scales, (len(blocks),)))
        object.__setattr__(self, "stem", stem)
        object.__setattr__(self, "blocks", tuple(blocks))
        object.__setattr__(self, "readout", _reading("readout", self.readout, width, self.pools))
        _check_pools(self)


@dataclasses.dataclass(frozen=True, eq=False)
class LIF:
    """Leaky integrate-and-fire layers in time with a leaky readout (theory 3.9 to 3.13); spikes are in {0, 1}.

    The input x is (steps, in). Within a step each layer reads the spikes of the one below at the same step and, if it
    has recurrent weights, its own spikes of the step before (none before the first).

    Parameters
    ----------
    layers : sequence of Layer
    readout : Layer
    beta : float
        Decay of the membrane, in [0, 1].
    theta : float
        Threshold.
    reset : "hard" or "soft"
    accumulate : bool
        False keeps only the step's own variance.
    reset_gradient : bool
        Whether estimators differentiate the reset; the exact gradient does not depend on it.
    readout_beta : float, optional
        Decay of the readout; `beta` if not given.
    reduce : "mean", "max" or "last"
        Which outputs the loss sees; "max" takes, for each output, the step of its largest mean.
    alpha : float
        Decay of a synaptic current, in [0, 1]; 0 for none (theory 3.30, 3.31).
    adapt, adapt_decay : float
        How far constant firing raises a neuron's threshold, and the decay of that, in [0, 1] (theory 3.33).
    noise, variance, pools
        As in `Layered`.

    Raises
    ------
    InputError
        As in `Layered`, or a decay outside [0, 1].

    Examples
    --------
    >>> import numpy as np, oracle
    >>> w, s = np.eye(2), np.full((2, 2), 0.5)
    >>> net = oracle.LIF(layers=[(w, s)], readout=(w, 0 * s), beta=0.9)
    >>> x = np.ones((3, 2))  # three steps
    >>> round(oracle.exact(net, x, oracle.Categorical(label=0)).loss, 6)
    0.748091
    """

    layers: Sequence[Layer]
    readout: Layer
    beta: float = 0.9
    theta: float = 1.0
    reset: str = "hard"
    accumulate: bool = True
    reset_gradient: bool = True
    readout_beta: float | None = None
    reduce: str = "mean"
    noise: str = "gaussian"
    variance: str = "linear"
    pools: Mapping[str, Pool] = dataclasses.field(default_factory=dict)
    alpha: float = 0.0
    adapt: float = 0.0
    adapt_decay: float = 0.9
    domain: str = dataclasses.field(default="binary", init=False)

    def __post_init__(self) -> None:
        _check_words(self)
        choice("reset", self.reset, ("hard", "soft"))
        choice("reduce", self.reduce, ("mean", "max", "last"))
        flag("accumulate", self.accumulate)
        flag("reset_gradient", self.reset_gradient)
        number("theta", self.theta)
        number("adapt", self.adapt)
        if self.readout_beta is None:
            object.__setattr__(self, "readout_beta", self.beta)
        for name in ("beta", "readout_beta", "alpha", "adapt_decay"):
            if number(name, getattr(self, name), lowest=0.0) > 1.0:
                raise InputError(f"{name} is {getattr(self, name)!r}; expected a decay in [0, 1]")
        layers = _chain("layers", self.layers, self.pools, recurrent=True)
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "readout", _reading("readout", self.readout, layers[-1].mu.shape[0], self.pools))
        _check_pools(self)


Network = Layered | Residual | LIF


def named_layers(net: Network) -> dict[str, Layer]:
    """The network's layers by name, in forward order."""
    if not isinstance(net, Network):
        raise InputError(f"the network is a {type(net).__name__}; accepted: Layered, Residual, LIF")
    if isinstance(net, Residual):
        inner = {f"blocks.{b}.{k}": layer for b, block in enumerate(net.blocks) for k, layer in enumerate(block)}
        return {"stem": net.stem, **inner, "readout": net.readout}
    return {**{f"layers.{i}": layer for i, layer in enumerate(net.layers)}, "readout": net.readout}


def parameters(net: Network) -> dict[str, np.ndarray]:
    """Every parameter by name, for example "layers.0.mu"; absent arrays have no entry.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> {key: value.shape for key, value in oracle.parameters(net).items()}
    {'layers.0.mu': (1, 2), 'layers.0.sigma2': (1, 2), 'readout.mu': (1, 1), 'readout.sigma2': (1, 1)}
    """
    return {
        f"{name}.{field}": value
        for name, layer in named_layers(net).items()
        for field, value in layer._asdict().items()
        if value is not None
    }


def replace(net: Network, changes: Mapping[str, Any]) -> Network:
    """The same network with some parameters changed: `replace(net, {"layers.0.mu": array})`.

    Examples
    --------
    >>> import numpy as np, oracle
    >>> net = oracle.Layered(layers=[([[1.0, -0.5]], [[0.5, 0.5]])], readout=([[1.0]], [[0.0]]))
    >>> other = oracle.replace(net, {"layers.0.mu": np.zeros((1, 2))})
    >>> oracle.parameters(other)["layers.0.mu"]
    array([[0., 0.]])
    """
    layers = named_layers(net)
    for key, value in changes.items():
        name, _, field = key.rpartition(".")
        if key not in parameters(net):
            raise InputError(f"there is no parameter {key!r}; accepted: {', '.join(parameters(net))}")
        layers[name] = layers[name]._replace(**{field: value})
    return with_layers(net, layers)


def with_layers(net: Network, layers: Mapping[str, Layer]) -> Network:
    """The same network with other layers of the same names."""
    if isinstance(net, Residual):
        blocks = [[layers[f"blocks.{b}.{k}"] for k in range(len(block))] for b, block in enumerate(net.blocks)]
        return dataclasses.replace(net, stem=layers["stem"], blocks=blocks, readout=layers["readout"])
    inner = [layers[f"layers.{i}"] for i in range(len(net.layers))]
    return dataclasses.replace(net, layers=inner, readout=layers["readout"])


def check_input(net: Network, x: Any) -> np.ndarray:
    """Return x as float64: (in,), or (steps, in) for a LIF network."""
    width = next(iter(named_layers(net).values())).mu.shape[1]
    return array("x", x, (None, width) if isinstance(net, LIF) else (width,))


def _check_words(net: Network) -> None:
    choice("noise", net.noise, tuple(NOISES))
    choice("domain", net.domain, DOMAINS)
    choice("variance", net.variance, VARIANCES)


def _check_pools(net: Network) -> None:
    readers = list(named_layers(net))[1:]
    for name in net.pools:
        choice("the layer of a pool", name, readers)


def _chain(
    name: str, given: Any, pools: Mapping[str, Pool], width: int | None = None, *, recurrent: bool = False
) -> tuple[Layer, ...]:
    """Check layers that feed one another."""
    if not isinstance(given, Sequence) or isinstance(given, Layer) or not given:
        raise InputError(f"{name} is empty or not a sequence; expected one or more layers (mu, sigma2[, biases])")
    layers: list[Layer] = []
    for i, one in enumerate(given):
        layers.append(_reading(f"{name}.{i}", one, width, pools, recurrent=recurrent))
        width = layers[-1].mu.shape[0]
    return tuple(layers)


def _reading(name: str, given: Any, width: int | None, pools: Mapping[str, Pool], *, recurrent: bool = False) -> Layer:
    """Check one layer that reads `width` units, pooled first if `pools` says so."""
    if width is not None and name in pools:
        width = pooled(f"pools[{name!r}]", pools[name], width)
    return _layer(name, given, width, recurrent=recurrent)


def _layer(name: str, given: Any, width: int | None, *, recurrent: bool = False) -> Layer:
    """Check one layer that reads `width` inputs (None: any number)."""
    if not isinstance(given, tuple) or not 2 <= len(given) <= len(Layer._fields):
        raise InputError(f"{name} is not a Layer or a tuple (mu, sigma2[, bias_mu, bias_sigma2])")
    raw = Layer(*given)
    mu = array(f"{name}.mu", raw.mu, (None, width))
    out = mu.shape[0]
    shapes: dict[str, tuple[int, ...]] = {
        "sigma2": mu.shape,
        "bias_mu": (out,),
        "bias_sigma2": (out,),
        "recurrent_mu": (out, out),
        "recurrent_sigma2": (out, out),
        "beta": (out,),
        "theta": (out,),
    }
    checked = {
        field: None
        if getattr(raw, field) is None
        else array(
            f"{name}.{field}", getattr(raw, field), shape, lowest=0.0 if "sigma2" in field or field == "beta" else None
        )
        for field, shape in shapes.items()
    }
    if checked["sigma2"] is None:
        raise InputError(f"{name}.sigma2 is None; expected an array of shape {mu.shape}")
    if (checked["recurrent_mu"] is None) != (checked["recurrent_sigma2"] is None):
        raise InputError(f"{name} has only one of recurrent_mu and recurrent_sigma2; expected both or neither")
    for field, told in {"recurrent_mu": "recurrent weights", "beta": "decays", "theta": "thresholds"}.items():
        if checked[field] is not None and not recurrent:
            raise InputError(f"{name} has {told}; only the layers of a LIF network may")
    if checked["beta"] is not None and (checked["beta"] > 1.0).any():
        raise InputError(f"{name}.beta holds {checked['beta'].max()}; expected decays in [0, 1]")
    return Layer(mu, **checked)
