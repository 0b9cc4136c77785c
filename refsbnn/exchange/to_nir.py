"""The network of the mean weights as a graph of NIR: dense layers, convolutions, neurons, pooling, a leaky readout.

A step of a neuron is M_t = beta n_{t-1} M_{t-1} + m_t (theory 3.9). NIR's neurons are differential equations; a step
of `dt` seconds by Euler's method is the same where tau = dt / (1 - beta) and r = tau / dt, which is how the libraries
read them. With a synaptic current (theory 3.30) it is NIR's current-based neuron: tau_syn and w_in follow from alpha
as tau and r from beta. NIR's images are (channels, height, width), this package's (height, width, channels): filters,
and dense weights after a flattening, are put into NIR's order.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from refsbnn import __version__, posterior
from refsbnn.errors import InputError, check_number
from refsbnn.exchange.nir_file import DT, package
from refsbnn.layers import chain
from refsbnn.layers.layer import Parameters, Stage
from refsbnn.network import Network
from refsbnn.reference.readout import coefficients

TAKEN = (
    "dense, conv2d, lif with a hard reset and a fixed threshold, spike with domain 'binary', pools, flatten and the "
    "readouts"
)


def to_nir(network: Network, parameters: Parameters, *, dt: float = DT, readout: bool = True) -> Any:
    """The graph.

    Parameters
    ----------
    network : Network
    parameters : dict of arrays
    dt : float
        Seconds a step.
    readout : bool
        Whether a leaky readout is in the graph, as an `LI`, whose membrane the user reduces over time. Some libraries
        do not read it: without it the graph ends in the currents of the classes, and its metadata hold how much
        each step counts (`coefficients`): sum over t of coefficients[t] current[t] are the outputs.

    Returns
    -------
    nir.NIRGraph
        Of the mean weights. Variances lie in the nodes' metadata, as `sigma2` and `bias_sigma2`.

    Raises
    ------
    InputError
        A layer for which NIR has no word, or `nir` is not installed.
    """
    nir = package()
    check_number("dt", dt, lambda value: value > 0.0, "a number of seconds > 0")
    network.check(parameters)
    nodes: dict[str, Any] = {"input": nir.Input({"input": np.array(channels_first(network.input.shape))})}
    edges: list[tuple[str, str]] = []
    last = "input"
    facts: dict[str, Any] = {"refsbnn": __version__, "dt": dt, "domain": network.input.domain}
    if network.input.steps is not None:
        facts["steps"] = network.input.steps
    image: tuple[int, ...] | None = None  # that has been flattened, (height, width, channels)
    for stage in network.stages:
        layer: Any = stage.layer
        if layer.kind == "sampled_readout" or (layer.kind == "flatten" and len(stage.place.input.shape) == 1):
            continue
        if layer.kind == "leaky_readout":
            facts |= {"readout": layer.reduce, "readout_beta": layer.beta}
            if not readout:
                facts["coefficients"] = counted(stage)
                continue
        if layer.kind not in WORDS:
            raise InputError(f"layer {stage.name} has no word in NIR; accepted: {TAKEN}")
        for name, node in WORDS[layer.kind](stage, chain.own(parameters, stage), dt, image):
            nodes[name] = node
            edges.append((last, name))
            last = name
        image = stage.place.input.shape if layer.kind == "flatten" else None
    nodes["output"] = nir.Output({"output": np.array(channels_first(network.output.shape))})
    edges.append((last, "output"))
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=facts, type_check=False)


def fed_back(neurons: Any, own: Parameters) -> Any:
    """Neurons that feed one another, as a graph of their own.

    A cycle among the other nodes would say the same, but snnTorch 1.0 sends the input of such neurons through their
    recurrent weights.
    """
    nir = package()
    recurrent = nir.Linear(weight=own["recurrent_mu"], metadata=variances(own, "recurrent_"))
    ends = {"input": nir.Input(neurons.input_type), "output": nir.Output(neurons.output_type)}
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes={**ends, "lif": neurons, "w_rec": recurrent}, edges=edges, type_check=False)


def stem(stage: Stage) -> str:
    """A node's name."""
    return f"layer{stage.place.index}_{stage.layer.kind}"


def channels_first(shape: Sequence[int]) -> tuple[int, ...]:
    """(height, width, channels) as (channels, height, width); other shapes as they are."""
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else tuple(shape)


def variances(own: Parameters, start: str = "") -> dict[str, np.ndarray]:
    """sigma2 of the weights and of the biases, where they have any."""
    rhos = {"sigma2": own.get(f"{start}rho"), "bias_sigma2": own.get("bias_rho") if not start else None}
    return {name: posterior.sigma2_of(rho) for name, rho in rhos.items() if rho is not None}


Nodes = list[tuple[str, Any]]  # in order, with their names


def counted(stage: Stage) -> np.ndarray:
    """How much each step's current counts in what a leaky readout gives, (steps,); not known of the largest mean."""
    layer: Any = stage.layer
    if layer.reduce == "max":
        raise InputError(f"layer {stage.name} reads the largest mean, which needs readout=True in NIR")
    steps = stage.place.input.steps or 1
    return np.asarray(coefficients(np.zeros(steps), layer.beta, layer.reduce), np.float64)


def dense(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """A dense layer; `image` is what was flattened before it."""
    mu, more = means(stage, own), variances(own)
    if image is not None:
        mu = columns_first(mu, image)
        more |= {"sigma2": columns_first(more["sigma2"], image)} if more else {}
    return [(stem(stage), package().Affine(weight=mu, bias=own["bias_mu"], metadata=more))]


def conv2d(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """A convolution."""
    layer: Any = stage.layer
    more = variances(own)
    more |= {"sigma2": turned(more["sigma2"])} if more else {}
    options = {"stride": layer.stride, "padding": layer.padding, "dilation": 1, "groups": 1}
    size, weight = stage.place.input.shape[:2], turned(means(stage, own))
    return [
        (stem(stage), package().Conv2d(input_shape=size, weight=weight, bias=own["bias_mu"], metadata=more, **options))
    ]


def means(stage: Stage, own: Parameters) -> np.ndarray:
    """The weights that act."""
    layer: Any = stage.layer
    return posterior.zero_mean(own["mu"]) if layer.zero_mean else own["mu"]


def lif(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """Neurons, in a graph of their own where they feed one another."""
    nir, layer = package(), stage.layer  # type: Any, Any
    if layer.reset != "hard":
        raise InputError(f"layer {stage.name} has a soft reset, for which NIR has no word; accepted: {TAKEN}")
    if layer.adapt:
        raise InputError(
            f"layer {stage.name} has a threshold that adapts, for which NIR has no word; accepted: {TAKEN}"
        )
    shape = stage.place.input.shape
    ones = np.ones(channels_first(shape))
    beta, theta = (each(value, shape) for value in layer.numbers(own))
    more = {"v_threshold": theta * ones, "v_reset": 0.0 * ones}
    if layer.alpha:
        if layer.alpha == 1.0 or np.any(beta == 1.0):
            raise InputError(f"layer {stage.name} has a current and a decay of 1, for which NIR has no word")
        tau, tau_syn = dt / (1.0 - beta), dt / (1.0 - layer.alpha)
        more |= {"tau_syn": tau_syn * ones, "w_in": tau_syn / dt * ones, "v_leak": 0.0 * ones}
        neurons = nir.CubaLIF(tau_mem=tau * ones, r=tau / dt * ones, **more)
    elif np.all(beta == 1.0):
        neurons = nir.IF(r=ones / dt, **more)
    else:
        if np.any(beta == 1.0):
            raise InputError(f"layer {stage.name} has decays that round to 1 beside others, for which NIR has no word")
        tau = dt / (1.0 - beta)
        neurons = nir.LIF(tau=tau * ones, r=tau / dt * ones, v_leak=0.0 * ones, **more)
    return [(stem(stage), fed_back(neurons, own) if layer.recurrent else neurons)]


def each(value: Any, shape: Sequence[int]) -> np.ndarray:
    """A number of all neurons, or of each channel of an image that stands first, in float64."""
    value = np.asarray(value, np.float64)
    return value.reshape(-1, 1, 1) if value.ndim and len(shape) == 3 else value


def leaky_readout(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """A leaky integrator."""
    nir, layer, ones = package(), stage.layer, np.ones(stage.place.input.shape)  # type: Any, Any, np.ndarray
    if layer.beta == 1.0:
        return [(stem(stage), nir.I(r=ones / dt))]
    tau = dt / (1.0 - layer.beta)
    return [(stem(stage), nir.LI(tau=tau * ones, r=tau / dt * ones, v_leak=0.0 * ones))]


def spike(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """Units without time."""
    layer: Any = stage.layer
    if layer.domain != "binary":
        raise InputError(f"layer {stage.name} has the states -1 and +1, for which NIR has no word; accepted: {TAKEN}")
    return [(stem(stage), package().Threshold(threshold=np.zeros(channels_first(stage.place.input.shape))))]


def flatten(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """All features on one axis."""
    shape = np.array(channels_first(stage.place.input.shape))
    return [(stem(stage), package().Flatten({"input": shape}, start_dim=0, end_dim=-1))]


def windows(stage: Stage) -> dict[str, np.ndarray]:
    """What NIR says of a pool."""
    layer: Any = stage.layer
    size, stride = layer.size, layer.stride or layer.size
    return {"kernel_size": np.array([size] * 2), "stride": np.array([stride] * 2), "padding": np.array([0, 0])}


def average_pool(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """Means over windows."""
    return [(stem(stage), package().AvgPool2d(**windows(stage)))]


def max_pool(stage: Stage, own: Parameters, dt: float, image: tuple[int, ...] | None) -> Nodes:
    """Whether any spike of a window fired: whether their sum exceeds a half."""
    nir, name = package(), stem(stage)
    if stage.place.input.domain != "binary":
        raise InputError(
            f"layer {stage.name} takes the largest of values that are no spikes 0 and 1; accepted: {TAKEN}"
        )
    half = np.full(channels_first(stage.output.shape), 0.5)
    return [(f"{name}_sum", nir.SumPool2d(**windows(stage))), (f"{name}_any", nir.Threshold(threshold=half))]


WORDS: dict[str, Callable[[Stage, Parameters, float, tuple[int, ...] | None], Nodes]] = {
    each.__name__: each for each in (dense, conv2d, lif, leaky_readout, spike, flatten, average_pool, max_pool)
}


def turned(filters: np.ndarray) -> np.ndarray:
    """Filters (out, rows, columns, channels) as (out, channels, rows, columns)."""
    return np.ascontiguousarray(filters.transpose(0, 3, 1, 2))


def columns_first(weights: np.ndarray, image: tuple[int, ...]) -> np.ndarray:
    """Dense weights (out, inputs) of a flattened (height, width, channels) for one of (channels, height, width)."""
    out = weights.reshape(len(weights), *image).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(out.reshape(weights.shape))
