"""Networks of every kind and option for the twin's tests, each with an input, a loss, a member, what `make` needs."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

import oracle
from oracle.network import named_layers, with_layers
from validation.evidence import networks
from validation.evidence.networks import layer
from validation.twin import Convolution

Case = tuple[oracle.Network, np.ndarray, Any, str, dict[str, Any]]
CASES: dict[str, Callable[[np.random.Generator], Case]] = {}


def case(make: Callable[[np.random.Generator], Case]) -> Callable[[np.random.Generator], Case]:
    """Add one to the list."""
    CASES[make.__name__.strip("_").replace("_", " ")] = make
    return make


def logits(rng: np.random.Generator) -> oracle.Loss:
    """Sampled logits."""
    return oracle.Categorical(1, eps=rng.normal(size=2))


def closed(rng: np.random.Generator) -> oracle.Loss:
    """The closed form over the readout's own noise."""
    return oracle.Gaussian(rng.normal(size=2), 0.7)


def with_points(net: oracle.Network) -> oracle.Network:
    """The same means as point weights, with the variances that theory 3.18 gives its units."""
    layers = {}
    last = [list(named_layers(net))[-1]]
    if isinstance(net, oracle.Residual):
        last += [f"blocks.{b}.{len(block) - 1}" for b, block in enumerate(net.blocks)]
    for name, each in named_layers(net).items():
        own = None if each.recurrent_sigma2 is None else 0.0 * each.recurrent_sigma2
        spread = np.full(len(each.mu), 0.0 if name in last else 1.0)
        layers[name] = each._replace(sigma2=0.0 * each.sigma2, bias_sigma2=spread, recurrent_sigma2=own)
    return with_layers(net, layers)


def filters(rng: np.random.Generator, convolution: Convolution) -> oracle.Layer:
    """A random convolution."""
    out, shape = convolution.shape[0], convolution.shape
    weights = rng.normal(size=shape), rng.uniform(0.1, 0.4, size=shape)
    return convolution.layer(*weights, rng.normal(size=out) / 2.0, rng.uniform(0.2, 0.4, size=out))


# Dense networks.


@case
def dense(rng):
    return networks.layered(rng, [3, 2, 3]), rng.normal(size=3), logits(rng), "agr(tau=0.5)", {}


@case
def dense_logistic_quadratic_bipolar(rng):
    words = {"noise": "logistic", "variance": "quadratic", "domain": "bipolar"}
    return networks.layered(rng, [3, 2, 3], **words), rng.normal(size=3), oracle.Bernoulli([1, 0.2]), "mix(lam=0.3)", {}


@case
def dense_bipolar_closed_form(rng):
    return networks.layered(rng, [3, 2, 3], domain="bipolar"), rng.normal(size=3), closed(rng), "identity-st", {}


@case
def dense_without_biases_and_some_variances(rng):
    net = networks.layered(rng, [3, 2, 3], variance="quadratic")
    kept = [each._replace(bias_mu=None) for each in net.layers]
    kept[0] = kept[0]._replace(sigma2=kept[0].sigma2 * (np.arange(3) != 1), bias_sigma2=None)
    net = with_layers(
        net, {"layers.0": kept[0], "layers.1": kept[1], "readout": net.readout._replace(bias_sigma2=None)}
    )
    return net, rng.normal(size=3), oracle.Bernoulli([1, 0.2], eps=rng.normal(size=2)), "trapezoid", {}


@case
def dense_with_the_slope_of_the_draw(rng):
    return networks.layered(rng, [3, 2, 1]), rng.normal(size=3), logits(rng), "st-gs(tau=0.6)", {}


@case
def dense_with_slopes_of_two_draws(rng):
    words = {"noise": "logistic", "domain": "bipolar"}
    return networks.layered(rng, [3, 1, 1], **words), rng.normal(size=3), logits(rng), "gr(tau=0.6,K=2)", {}


@case
def dense_with_values_between_the_states(rng):
    return networks.layered(rng, [3, 2, 2]), rng.normal(size=3), logits(rng), "simpson", {}


@case
def dense_points_with_surrogate(rng):
    net = with_points(networks.layered(rng, [3, 2, 3]))
    return net, rng.normal(size=3), logits(rng), "fast-sigmoid(scale=2)", {"point": True}


@case
def dense_points_closed_form(rng):
    net = with_points(networks.layered(rng, [3, 2, 3], domain="bipolar", noise="logistic"))
    return net, rng.normal(size=3), closed(rng), "agr(tau=1)", {"point": True}


@case
def dense_without_the_filters_means(rng):
    return networks.layered(rng, [3, 2, 3]), rng.normal(size=3), logits(rng), "agr(tau=0.5)", {"zero_mean": True}


# A residual stream.


@case
def residual(rng):
    net = networks.residual(rng, 3, 2, [1, 2], scales=[0.8, -1.1])
    return net, rng.normal(size=3), logits(rng), "agr(tau=0.5)", {}


@case
def residual_instantaneous_bipolar_logistic(rng):
    words = {"accumulate": False, "domain": "bipolar", "noise": "logistic", "variance": "quadratic"}
    return networks.residual(rng, 3, 2, [2], scales=0.7, **words), rng.normal(size=3), closed(rng), "trapezoid", {}


@case
def residual_with_a_branch_of_another_width(rng):
    net = oracle.Residual(layer(rng, 2, 3), [[layer(rng, 3, 2), layer(rng, 2, 3)]], layer(rng, 2, 2), scales=0.6)
    return net, rng.normal(size=3), oracle.Bernoulli([1, 0.2]), "st", {}


@case
def residual_points(rng):
    net = with_points(networks.residual(rng, 3, 2, [1, 2], scales=[0.8, 0.6]))
    return net, rng.normal(size=3), logits(rng), "st", {"point": True}


# Neurons over time.

for number, (recurrent, reset, accumulate, flows, variance) in enumerate(
    product((False, True), ("hard", "soft"), (True, False), (True, False), ("linear", "quadratic"))
):

    def neurons(rng, recurrent=recurrent, number=number, words=(reset, accumulate, flows, variance)):
        options = dict(zip(("reset", "accumulate", "reset_gradient", "variance"), words, strict=True))
        options |= {"reduce": ("mean", "max", "last")[number % 3], "readout_beta": 0.6, "beta": 0.8, "theta": 0.4}
        options |= {"noise": ("gaussian", "logistic")[number // 3 % 2]}
        loss = (logits, closed)[number % 2](rng)
        return networks.lif(rng, [3, 2], recurrent=recurrent, **options), rng.normal(size=(2, 3)), loss, "st", {}

    name = f"{'recurrent ' if recurrent else ''}LIF {reset} accumulate={accumulate} flows={flows} {variance}"
    CASES[name] = neurons


def with_each(rng: np.random.Generator, net: oracle.LIF, *names: str) -> oracle.Network:
    """The same with a decay or a threshold of each neuron's own."""
    drawn = {"beta": lambda n: rng.uniform(0.3, 0.9, n), "theta": lambda n: rng.uniform(-0.2, 0.6, n)}
    layers = named_layers(net)
    for name in list(layers)[:-1]:
        layers[name] = layers[name]._replace(**{each: drawn[each](len(layers[name].mu)) for each in names})
    return with_layers(net, layers)


@case
def neurons_with_numbers_of_each(rng):
    net = networks.lif(rng, [3, 2], recurrent=True, readout_beta=0.7)
    return with_each(rng, net, "beta", "theta"), rng.normal(size=(3, 3)), logits(rng), "agr(tau=0.5)", {}


@case
def neurons_with_numbers_of_each_soft_instantaneous(rng):
    net = networks.lif(rng, [3, 2], reset="soft", accumulate=False, reduce="last")
    return with_each(rng, net, "beta", "theta"), rng.normal(size=(3, 3)), closed(rng), "st", {}


@case
def neurons_with_decays_of_each_soft_two_layers(rng):
    net = networks.lif(rng, [2, 2, 1], reset="soft", reset_gradient=False, theta=0.3)
    return with_each(rng, net, "beta"), rng.normal(size=(2, 2)), logits(rng), "trapezoid", {}


@case
def neurons_with_thresholds_of_each_beside_points(rng):
    net = with_points(networks.lif(rng, [3, 2], recurrent=True, accumulate=False))
    return with_each(rng, net, "theta"), rng.normal(size=(3, 3)), logits(rng), "agr(tau=0.5)", {"point": True}


@case
def neurons_convolution_with_numbers_of_each_channel(rng):
    shape = Convolution((2, 2, 2, 1), 3, 2)
    net = oracle.LIF([filters(rng, shape)], layer(rng, 2, 4), theta=0.3, readout_beta=0.5, reduce="last")
    own = net.layers[0]._replace(beta=np.tile([0.4, 0.8], 2), theta=np.tile([0.1, 0.5], 2))
    net = with_layers(net, {"layers.0": own, "readout": net.readout})
    return net, rng.normal(size=(2, 6)), logits(rng), "st", {"convolutions": {"layers.0": shape}}


@case
def neurons_with_a_current_and_a_threshold_that_adapts(rng):
    slow = {"alpha": 0.6, "adapt": 0.8, "adapt_decay": 0.7}
    net = networks.lif(rng, [3, 2], recurrent=True, readout_beta=0.7, **slow)
    return with_each(rng, net, "beta", "theta"), rng.normal(size=(3, 3)), logits(rng), "agr(tau=0.5)", {}


@case
def neurons_with_a_current_soft_detached_two_layers(rng):
    net = networks.lif(rng, [2, 2, 1], reset="soft", reset_gradient=False, theta=0.3, alpha=0.7)
    return with_each(rng, net, "beta"), rng.normal(size=(2, 2)), logits(rng), "trapezoid", {}


@case
def neurons_with_a_threshold_that_adapts_soft_instantaneous(rng):
    slow = {"alpha": 0.5, "adapt": 0.9, "adapt_decay": 0.4, "variance": "quadratic"}
    net = networks.lif(rng, [3, 2], recurrent=True, reset="soft", accumulate=False, reduce="last", **slow)
    return net, rng.normal(size=(3, 3)), closed(rng), "st", {}


@case
def neurons_with_a_threshold_that_adapts_hard_logistic(rng):
    slow = {"adapt": 0.9, "adapt_decay": 0.4, "noise": "logistic", "reset_gradient": False}
    net = networks.lif(rng, [2, 1], theta=0.4, readout_beta=0.5, **slow)
    return net, rng.normal(size=(3, 2)), logits(rng), "st-gs(tau=0.6)", {}


@case
def neurons_with_slow_states_beside_points(rng):
    slow = {"alpha": 0.6, "adapt": 0.8, "adapt_decay": 0.7}
    net = with_points(networks.lif(rng, [3, 2], recurrent=True, accumulate=False, theta=0.3, **slow))
    return net, rng.normal(size=(3, 3)), logits(rng), "agr(tau=0.5)", {"point": True}


@case
def neurons_convolution_with_slow_states(rng):
    shape = Convolution((2, 2, 2, 1), 3, 2)
    slow = {"alpha": 0.6, "adapt": 0.8, "adapt_decay": 0.7}
    net = oracle.LIF([filters(rng, shape)], layer(rng, 2, 4), theta=0.3, readout_beta=0.5, reduce="last", **slow)
    return net, rng.normal(size=(2, 6)), logits(rng), "st", {"convolutions": {"layers.0": shape}}


@case
def two_recurrent_layers_of_neurons(rng):
    net = networks.lif(rng, [3, 2, 1], recurrent=True, theta=0.4, readout_beta=0.7, reduce="max")
    return net, rng.normal(size=(2, 3)), logits(rng), "agr(tau=0.5)", {}


@case
def neurons_over_three_steps_with_the_slope_of_the_draw(rng):
    net = networks.lif(rng, [2, 1], recurrent=True, theta=0.4, reduce="last")
    return net, rng.normal(size=(3, 2)), closed(rng), "st-gs(tau=0.6)", {}


@case
def recurrent_neurons_beside_points(rng):
    net = networks.lif(rng, [3, 2], recurrent=True, theta=0.4, accumulate=False, reset="soft")
    return with_points(net), rng.normal(size=(3, 3)), logits(rng), "agr(tau=0.5)", {"point": True}


@case
def neurons_on_spikes(rng):
    net = networks.lif(rng, [5, 2], recurrent=True, theta=0.4, readout_beta=0.7)
    x = (rng.random((3, 5)) < 0.5).astype(float)
    return net, x, logits(rng), "trapezoid", {"domain": "binary"}


# Images.

FIRST = Convolution((2, 2, 2, 1), 3, 3, stride=2, padding=1)


def pooled(kind: str, height: int, width: int, channels: int, size: int, stride: int | None = None) -> dict:
    """The readout reads pooled spikes."""
    return {"readout": oracle.Pool(kind, height, width, channels, size, stride)}


@case
def convolution_average_pool(rng):
    net = oracle.Layered([filters(rng, FIRST)], layer(rng, 2, 2), pools=pooled("average", 2, 2, 2, 2))
    return net, rng.normal(size=9), logits(rng), "trapezoid", {"convolutions": {"layers.0": FIRST}}


@case
def convolution_bipolar_average_pool(rng):
    shape = Convolution((2, 3, 3, 2), 3, 2, padding=1, stride=2)
    words = {"domain": "bipolar", "variance": "quadratic"}
    net = oracle.Layered([filters(rng, shape)], layer(rng, 2, 4), pools=pooled("average", 2, 1, 2, 1), **words)
    return net, rng.normal(size=12), closed(rng), "st", {"convolutions": {"layers.0": shape}}


@case
def convolution_bipolar_max_pool(rng):
    shape = Convolution((1, 2, 2, 2), 3, 4)
    words = {"domain": "bipolar", "noise": "logistic"}
    net = oracle.Layered([filters(rng, shape)], layer(rng, 2, 2), pools=pooled("max", 2, 3, 1, 2, 1), **words)
    return net, rng.normal(size=24), logits(rng), "agr(tau=0.5)", {"convolutions": {"layers.0": shape}}


@case
def two_convolutions_on_spikes(rng):
    shapes = Convolution((1, 2, 2, 1), 3, 3), Convolution((2, 2, 2, 1), 2, 2)
    net = oracle.Layered([filters(rng, each) for each in shapes], layer(rng, 2, 2))
    x = (rng.random(9) < 0.5).astype(float)
    convolutions = {f"layers.{i}": each for i, each in enumerate(shapes)}
    return net, x, logits(rng), "agr(tau=0.5)", {"convolutions": convolutions, "domain": "binary"}


@case
def convolution_pool_convolution_of_points(rng):
    shapes = Convolution((1, 2, 2, 1), 3, 3), Convolution((2, 2, 2, 1), 2, 2, padding=1, stride=2)
    inner = {"layers.1": oracle.Pool("max", 2, 2, 1, 1)}
    net = oracle.Layered([filters(rng, each) for each in shapes], layer(rng, 2, 8), pools=inner)
    convolutions = {f"layers.{i}": each for i, each in enumerate(shapes)}
    words = {"convolutions": convolutions, "point": True}
    return with_points(net), rng.normal(size=9), logits(rng), "arctan(scale=1.5)", words


@case
def residual_of_two_convolutions(rng):
    stem, branch = Convolution((1, 3, 3, 2), 1, 2, padding=1), Convolution((1, 3, 3, 1), 1, 2, padding=1)
    blocks = [[filters(rng, branch), filters(rng, branch)]]
    net = oracle.Residual(filters(rng, stem), blocks, layer(rng, 2, 2), scales=0.7)
    convolutions = {"stem": stem, "blocks.0.0": branch, "blocks.0.1": branch}
    words = {"convolutions": convolutions, "zero_mean": True}
    return net, rng.normal(size=4), logits(rng), "agr(tau=0.5)", words


@case
def residual_convolution_average_pool(rng):
    stem, branch = Convolution((1, 2, 2, 1), 3, 3), Convolution((1, 3, 3, 1), 2, 2, padding=1)
    pools = pooled("average", 2, 2, 1, 2)
    net = oracle.Residual(filters(rng, stem), [[filters(rng, branch)]], layer(rng, 2, 1), domain="bipolar", pools=pools)
    convolutions = {"stem": stem, "blocks.0.0": branch}
    return net, rng.normal(size=9), logits(rng), "trapezoid", {"convolutions": convolutions}


@case
def neurons_convolution_max_pool_dense(rng):
    shape = Convolution((1, 2, 2, 1), 3, 3, stride=2, padding=1)
    inner = {"layers.1": oracle.Pool("max", 2, 2, 1, 2, 1)}
    net = oracle.LIF([filters(rng, shape), layer(rng, 1, 1)], layer(rng, 2, 1), theta=0.3, pools=inner, reduce="max")
    x = (rng.random((2, 9)) < 0.5).astype(float)
    return net, x, logits(rng), "st", {"convolutions": {"layers.0": shape}, "domain": "binary"}


@case
def neurons_convolution_average_pool(rng):
    shape = Convolution((1, 2, 2, 1), 3, 3)
    pools = pooled("average", 2, 2, 1, 2)
    net = oracle.LIF([filters(rng, shape)], layer(rng, 2, 1), theta=0.3, pools=pools, reset="soft")
    return net, rng.normal(size=(2, 9)), closed(rng), "st", {"convolutions": {"layers.0": shape}}
