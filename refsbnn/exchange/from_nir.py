"""A network from a graph of NIR: the inverse of `to_nir`, and of what other libraries write in the same words."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from refsbnn.errors import InputError, check_choice, check_integer, check_number, refusing
from refsbnn.exchange.nir_file import DT, package, read
from refsbnn.layers import (
    LIF,
    AveragePool,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    LeakyReadout,
    MaxPool,
    SampledReadout,
    Signal,
    Spike,
)
from refsbnn.layers.layer import Parameters
from refsbnn.layers.signal import Domain
from refsbnn.network import Network
from refsbnn.streams import Streams

DIGITS = 12  # to which beta = 1 - dt / tau is rounded: a decay that was written as a decimal comes back as it was
DOMAINS = "binary", "real"
REDUCTIONS = "mean", "max", "last"
LOGVAR = -20.0  # rho of a weight whose variance is written as 0


def from_nir(
    source: str | Path | Any,
    *,
    steps: int | None = None,
    dt: float | None = None,
    backend: str = "numpy",
    dtype: str | None = None,
) -> tuple[Network, Parameters]:
    """Network and parameters of a graph.

    Parameters
    ----------
    source : str, Path or nir.NIRGraph
    steps : int, optional
        Time steps of the input; the graph's metadata say it where `to_nir` wrote it.
    dt : float, optional
        Seconds a step; as the metadata say, else 1e-4, as other libraries take it.
    backend, dtype
        As in `Network`.

    Returns
    -------
    network : Network
        A layer whose node holds variances has a Gaussian posterior; the others have point weights (theory 3.18). With a
        leaky readout it ends in a `SampledReadout`.
    parameters : dict of arrays

    Raises
    ------
    InputError
        A file that is no NIR, a graph that is no row of layers, a node that this package has no layer for, or neurons
        that differ within a channel. The message names the node.

    Examples
    --------
    >>> from refsbnn.exchange.to_nir import to_nir
    >>> network = Network([Dense(3), LIF(beta=0.9), Dense(2), LeakyReadout(), SampledReadout()],
    ...                   Signal("values", (4,), "binary", steps=5))
    >>> again, parameters = from_nir(to_nir(network, network.initial(Streams(0))))
    >>> [stage.name for stage in again.stages] == [stage.name for stage in network.stages]
    True
    """
    if steps is not None:
        check_integer("steps", steps, 1)
    if dt is not None:
        check_number("dt", dt, lambda value: value > 0.0, "a number of seconds > 0")
    graph = read(Path(source)) if isinstance(source, str | Path) else source
    nir = package()
    if not isinstance(graph, nir.NIRGraph):
        raise InputError(f"source is a {type(graph).__name__}; expected a file or a NIRGraph")
    with refusing("the graph is no row of layers that this package has", KeyError, TypeError, ValueError, IndexError):
        built = Built(graph, dt)
        if steps is None and "steps" in built.facts:
            steps = int(built.facts["steps"])
            check_integer("steps of the metadata", steps, 1)
        if built.over_time and steps is None:
            raise InputError("the graph has neurons over time; give steps=, the number of time steps")
        signal = Signal("values", built.shape, built.domain, steps)
        network = Network(built.layers, signal, backend=backend, dtype=dtype)
    parameters = network.initial(Streams(0))
    for stage, own in zip(network.stages, built.own, strict=True):
        for name, value in own.items():
            key = f"{stage.name}.{name}"
            if key not in parameters or parameters[key].shape != value.shape:
                raise InputError(f"weights of {stage.name} have shape {value.shape}; the graph's layers do not fit")
            parameters[key] = value.astype(network.dtype)
    network.check(parameters)
    return network, parameters


class Built:
    """Layers and their parameters, read along a graph.

    Attributes
    ----------
    layers : list of Layer
    own : list of dict
        Each layer's parameters, without its name.
    shape : tuple of int
        Of the input, (height, width, channels) for images.
    domain : {"binary", "real"}
        Of the input.
    over_time : bool
    facts : dict
        The graph's metadata.
    """

    def __init__(self, graph: Any, dt: float | None) -> None:
        self.layers: list[Layer] = []
        self.own: list[dict[str, np.ndarray]] = []
        self.facts = dict(graph.metadata)
        self.dt = float(self.facts.get("dt", DT)) if dt is None else dt
        check_number("dt of the metadata", self.dt, lambda value: value > 0.0, "a number of seconds > 0")
        self.over_time = False
        given = text(self.facts.get("domain", "binary"), DOMAINS)
        self.domain: Domain = "real" if given == "real" else "binary"
        self.image: tuple[int, ...] | None = None  # that has been flattened, (channels, height, width)
        names = row(graph)
        self.shape = channels_last(next(iter(graph.nodes[names[0]].input_type.values())))
        waiting: Any = None
        for name in names[1:-1]:
            node, partner = taken(graph, name)
            with refusing(f"node {name}"):
                waiting = self.add(node, partner, waiting)
        if waiting is not None:
            raise InputError("a SumPool2d ends the graph; expected a Threshold after it")
        if self.over_time and self.layers[-1].kind not in ("leaky_readout", "lif"):
            beta, reduce = self.facts.get("readout_beta"), self.facts.get("readout", "mean")
            if beta is None:
                raise InputError(
                    "the graph ends in currents over time; expected an LI, or readout_beta in its metadata"
                )
            self.put(LeakyReadout(beta=float(beta), reduce=text(reduce)))
        if self.layers[-1].kind in ("leaky_readout", "dense"):
            self.put(SampledReadout())

    def put(self, layer: Layer, **own: np.ndarray) -> None:
        """A layer more."""
        self.layers.append(layer)
        self.own.append(own)

    def add(self, node: Any, partner: Any, waiting: Any) -> Any:
        """The layer of a node; returns the node where it is half of one."""
        kind = type(node).__name__
        if waiting is not None:
            if kind != "Threshold" or not np.all(node.threshold == 0.5):
                raise InputError("a SumPool2d comes before it; expected a Threshold of 0.5, which makes a max pool")
            self.put(MaxPool(**pool(waiting)))
        elif kind in ("Affine", "Linear"):
            self.dense(node)
        elif kind == "Conv2d":
            self.convolution(node)
        elif kind in ("LIF", "IF", "CubaLIF"):
            self.neurons(node, partner)
        elif kind in ("LI", "I"):
            beta = float(self.decay(np.array([one(node.tau)]))[0]) if kind == "LI" else 1.0
            gain(node, self.dt)
            self.over_time = True
            self.put(LeakyReadout(beta=beta, reduce=text(self.facts.get("readout", "mean"))))
        elif kind == "Threshold":
            if np.any(node.threshold != 0.0):
                raise InputError("its threshold is not 0; expected 0, with the threshold in the biases before")
            self.put(Spike())
        elif kind == "Flatten":
            self.image = tuple(int(n) for n in np.atleast_1d(node.input_type["input"]))
            self.put(Flatten())
        elif kind == "AvgPool2d":
            self.put(AveragePool(**pool(node)))
        elif kind == "SumPool2d":
            return node
        else:
            raise InputError(
                f"it is a {kind}; accepted: Affine, Linear, Conv2d, LIF, IF, CubaLIF, LI, I, Threshold, Flatten, pools"
            )
        return None

    def dense(self, node: Any) -> None:
        """A dense layer, its columns in this package's order where an image was flattened before it."""
        more = dict(node.metadata)
        bias = getattr(node, "bias", None)
        own = {"mu": node.weight, "bias_mu": np.zeros(len(node.weight)) if bias is None else bias}
        own |= rhos(more, node.weight.shape, len(node.weight))
        if self.image is not None and len(self.image) == 3:
            for name in ("mu", "rho"):
                if name in own:
                    wide = own[name].reshape(-1, *self.image).transpose(0, 2, 3, 1)
                    own[name] = np.ascontiguousarray(wide).reshape(own[name].shape)
        self.image = None
        self.put(Dense(len(node.weight), posterior="gaussian" if "rho" in own else "point"), **own)

    def convolution(self, node: Any) -> None:
        """A convolution of square filters."""
        weight, more = node.weight, dict(node.metadata)
        stride, padding, dilation = (one(np.asarray(each)) for each in (node.stride, node.padding, node.dilation))
        if weight.shape[2] != weight.shape[3] or int(node.groups) != 1 or dilation != 1:
            raise InputError(f"its filters are {weight.shape}, groups {node.groups}; expected square ones, one group")
        own = {"mu": weight, "bias_mu": np.asarray(node.bias)} | rhos(more, weight.shape, len(weight))
        for name in ("mu", "rho"):
            if name in own:
                own[name] = np.ascontiguousarray(own[name].transpose(0, 2, 3, 1))
        law = "gaussian" if "rho" in own else "point"
        size = int(weight.shape[2])
        self.put(Conv2d(len(weight), posterior=law, size=size, stride=int(stride), padding=int(padding)), **own)

    def neurons(self, node: Any, partner: Any) -> None:
        """Neurons, with the weights by which they feed one another; numbers that differ are learnt ones."""
        tau = getattr(node, "tau", getattr(node, "tau_mem", None))
        beta = np.ones(1) if tau is None else self.decay(of_each(tau))
        theta = of_each(node.v_threshold)
        gain(node, self.dt)
        if np.any(node.v_reset != 0.0):
            raise InputError("its v_reset is not 0; expected 0")
        own: dict[str, Any] = {}
        options: dict[str, Any] = {"beta": float(beta[0]), "theta": float(theta[0])}
        if hasattr(node, "tau_syn"):
            options["alpha"] = float(self.decay(np.array([one(node.tau_syn)]))[0])
        if beta.size > 1:
            if np.any(beta == 0.0):
                raise InputError("its neurons differ and the tau of one is a step; expected more, or one for all")
            own["beta_logit"] = special.logit(beta)
            options |= {"beta": float(np.median(beta)), "learn_beta": True}
        if theta.size > 1:
            own["theta"] = theta
            options |= {"theta": float(np.median(theta)), "learn_theta": True}
        if partner is not None:
            own["recurrent_mu"] = partner.weight
            if "sigma2" in partner.metadata:
                own["recurrent_rho"] = rho(partner.metadata["sigma2"], partner.weight.shape)
            if np.any(getattr(partner, "bias", 0.0) != 0.0):
                raise InputError("its recurrent weights have biases; expected none, or 0")
        self.over_time = True
        self.put(LIF(recurrent=partner is not None, **options), **own)

    def decay(self, tau: np.ndarray) -> np.ndarray:
        """beta of a step."""
        beta = np.round(1.0 - self.dt / tau, DIGITS)
        wrong = ~((beta >= 0.0) & (beta < 1.0))
        if wrong.any():
            raise InputError(f"its tau is {tau[wrong][0]:g} s with steps of {self.dt:g} s; expected at least one step")
        return beta


def gain(node: Any, dt: float) -> None:
    """Refuse neurons whose input a step does not enter as it is, or that leak to another value than 0."""
    told = "r dt / tau"
    with refusing("its parameters have different shapes", ValueError), np.errstate(divide="ignore", invalid="ignore"):
        if hasattr(node, "tau_syn"):  # what the current is scaled by, the membrane may undo: both are linear
            told = "w_in dt / tau_syn times r dt / tau_mem"
            factor = np.asarray(node.w_in, np.float64) * dt / node.tau_syn * node.r * dt / node.tau_mem
        else:
            factor = np.asarray(node.r, np.float64) * dt / (node.tau if hasattr(node, "tau") else 1.0)
    factor = np.ravel(factor)
    wrong = ~(np.abs(factor - 1.0) <= 1e-6)
    if wrong.any():
        raise InputError(f"{told} is {factor[wrong][0]:g}; expected 1, with its factor in the weights before")
    if np.any(getattr(node, "v_leak", 0.0) != 0.0):
        raise InputError("its v_leak is not 0; expected 0")


def one(values: Any) -> float:
    """The number that all entries are."""
    found = np.unique(values)
    if found.size != 1:
        raise InputError(f"its neurons differ ({found.size} values); expected one value for a layer")
    return float(found[0])


def of_each(values: Any) -> np.ndarray:
    """The number that all neurons have, (1,), or those of each, of images of each channel."""
    found = np.atleast_1d(np.asarray(values, np.float64))
    if np.all(found == found.flat[0]):
        return found.reshape(-1)[:1]
    if found.ndim > 1 and np.any(found != found[:, :1, :1]):
        raise InputError("its neurons differ within a channel; expected one value for each channel")
    return found.reshape(len(found), -1)[:, 0]


def text(value: Any, accepted: tuple[str, ...] = REDUCTIONS) -> str:
    """A text of the metadata, one of those accepted."""
    value = value.decode() if isinstance(value, bytes) else str(value)
    check_choice("a word of the metadata", value, accepted)
    return value


def rho(sigma2: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Logarithms of variances of a shape."""
    sigma2 = np.asarray(sigma2, np.float64)
    if sigma2.shape != shape:
        raise InputError(f"its sigma2 has shape {sigma2.shape}; expected variances {shape}")
    if not ((sigma2 >= 0.0) & (sigma2 < np.inf)).all():
        raise InputError("its sigma2 holds NaN, infinity or a negative number; expected variances")
    return np.log(np.maximum(sigma2, np.exp(LOGVAR)))


def rhos(more: dict[str, Any], shape: tuple[int, ...], out: int) -> dict[str, np.ndarray]:
    """rho of weights and biases, where the metadata hold variances."""
    if "sigma2" not in more:
        return {}
    return {"rho": rho(more["sigma2"], shape), "bias_rho": rho(more.get("bias_sigma2", np.zeros(out)), (out,))}


def pool(node: Any) -> dict[str, int]:
    """Size and stride of a square pool."""
    if np.any(np.asarray(node.padding) != 0):
        raise InputError("its padding is not 0; expected none")
    return {"size": int(one(node.kernel_size)), "stride": int(one(node.stride))}


def channels_last(shape: Any) -> tuple[int, ...]:
    """(channels, height, width) as (height, width, channels); other shapes as they are."""
    sizes = tuple(int(n) for n in np.atleast_1d(shape))
    return (sizes[1], sizes[2], sizes[0]) if len(sizes) == 3 else sizes


def taken(graph: Any, name: str) -> tuple[Any, Any]:
    """A node, and the one by which it feeds itself, if there is one: beside it, or in a graph of their own."""
    node = graph.nodes[name]
    if type(node).__name__ == "NIRGraph":
        inner = row(node)
        if len(inner) != 3:
            raise InputError(
                f"node {name} is a graph of {len(inner) - 2} layers; expected neurons that feed one another"
            )
        return taken(node, inner[1])
    after = [b for a, b in graph.edges if a == name]
    back = [graph.nodes[each] for each in after if (each, name) in graph.edges]
    if len(back) > 1 or (back and type(back[0]).__name__ not in ("Linear", "Affine")):
        raise InputError(f"node {name} is fed back by {len(back)} nodes; expected one, Linear or Affine")
    return node, back[0] if back else None


def row(graph: Any) -> list[str]:
    """Names from the input to the output, without those of recurrent weights.

    Raises
    ------
    InputError
        A graph that branches, or has several inputs or outputs.
    """
    nodes = {name: type(node).__name__ for name, node in graph.nodes.items()}
    unknown = sorted({name for edge in graph.edges for name in edge} - nodes.keys())
    if unknown:
        raise InputError(f"an edge of the graph names {unknown[0]!r}, which is no node")
    ends = [[name for name, kind in nodes.items() if kind == wanted] for wanted in ("Input", "Output")]
    if [len(each) for each in ends] != [1, 1]:
        raise InputError(f"the graph has {len(ends[0])} inputs and {len(ends[1])} outputs; expected one of each")
    names = [ends[0][0]]
    while names[-1] != ends[1][0]:
        here = names[-1]
        after = [b for a, b in graph.edges if a == here and (b, here) not in graph.edges]
        if len(after) != 1 or after[0] in names:
            raise InputError(f"node {here} leads to {len(after)} nodes; expected a row of layers")
        names.append(after[0])
    return names
