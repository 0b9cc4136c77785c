"""REINFORCE, ARM and DisARM are unbiased at any depth: their exact means, by cells of the uniforms, no sampling."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from refsbnn import baselines
from refsbnn.errors import InputError
from refsbnn.noise import GAUSSIAN, LOGISTIC

EPS = np.finfo(np.float64).eps
# Sums of up to 1e5 terms of order one, with weights that sum to one, each term and weight a product of tens of factors.
TOLERANCE = 200 * EPS
TINY = 1e-300  # what losses near the smallest floats lose by underflow
BOTH = pytest.mark.parametrize("noise", [GAUSSIAN, LOGISTIC], ids=lambda noise: noise.name)


class Example:
    """A network whose loss and r are smooth functions of one parameter vector theta, complex steps included.

    `layers[l](theta, states)` returns r, `loss(states)` the loss; states are batches of rows.
    """

    def __init__(self, units: list[int], layers: list[Callable], parameters: int) -> None:
        self.units, self.layers = units, layers
        self.theta = np.random.default_rng(len(units)).normal(size=parameters) * 0.8
        self.x = np.array([[0.7, -1.2]])

    def bound(self, batch: int) -> tuple[list, np.ndarray]:
        """Layers of the states alone, and the input repeated."""
        bind = [lambda states, layer=layer: layer(self.theta, states) for layer in self.layers]
        return bind, np.repeat(self.x, batch, axis=0)

    @staticmethod
    def loss(states) -> np.ndarray:
        """Not a function of the last layer only, and not additive over units."""
        last = states[-1]
        return np.cos(1.0 + last @ np.arange(1.0, 1.0 + last.shape[1])) + 0.5 * states[1][:, 0] * last[:, -1]

    def joint_states(self) -> list[np.ndarray]:
        """Every joint spike state, one row each, split by layer."""
        total = sum(self.units)
        rows = np.array(list(itertools.product((0.0, 1.0), repeat=total)))
        return np.split(rows, np.cumsum(self.units)[:-1], axis=1)

    def exact_gradient(self, noise) -> np.ndarray:
        """d E[L]/dtheta by complex steps of the sum over joint states of P(z) L(z)."""
        cdf = special.ndtr if noise is GAUSSIAN else (lambda r: 1 / (1 + np.exp(-r)))
        states = [np.repeat(self.x, 2 ** sum(self.units), axis=0), *self.joint_states()]
        gradient = []
        for index in range(len(self.theta)):
            theta = self.theta.astype(complex)
            theta[index] += 1e-100j
            probability = 1.0
            for layer, function in enumerate(self.layers):
                r, z = function(theta, states[: layer + 1]), states[layer + 1]
                probability = probability * np.prod(np.where(z > 0.5, cdf(r), cdf(-r)), axis=1)
            gradient.append(np.sum(probability * self.loss(states)).imag / 1e-100)
        return np.array(gradient)

    def to_parameters(self, states, gradients) -> np.ndarray:
        """sum over layers of g dr/dtheta with the states held fixed: one row (batch) of theta's gradient."""
        columns = []
        for index in range(len(self.theta)):
            theta = self.theta.astype(complex)
            theta[index] += 1e-100j
            steps = (f(theta, states[: layer + 1]).imag / 1e-100 for layer, f in enumerate(self.layers))
            columns.append(sum(np.sum(g * step, axis=1) for g, step in zip(gradients, steps, strict=True)))
        return np.stack(columns, axis=1)


def dense(first: int, inputs: int, outputs: int, back: int = 1) -> Callable:
    """r = W z + b from the states `back` layers ago, W and b taken from theta at `first`."""

    def layer(theta, states):
        weight = theta[first : first + inputs * outputs].reshape(inputs, outputs)
        return states[-back] @ weight + theta[first + inputs * outputs : first + (inputs + 1) * outputs]

    return layer


def shared(theta, states):
    """A residual layer on the two before it, with parameters that the first layer uses too."""
    return states[-1] @ theta[:4].reshape(2, 2) + dense(6, 2, 2)(theta, states[:-1]) - 0.3


EXAMPLES = {
    "one layer": Example([3], [dense(0, 2, 3)], 9),
    "two layers": Example([2, 2], [dense(0, 2, 2), dense(6, 2, 2)], 12),
    "three layers": Example([2, 1, 2], [dense(0, 2, 2), dense(6, 2, 1), dense(9, 1, 2)], 13),
    "residual and shared": Example([2, 2], [dense(0, 2, 2), shared], 12),
}
NETWORKS = pytest.mark.parametrize("network", EXAMPLES.values(), ids=EXAMPLES.keys())


def cells(network: Example, noise, nodes: tuple[float, ...]) -> tuple[list[np.ndarray], np.ndarray]:
    """A partition of the cube of uniforms on which no spike, of any state or its antithetic, changes.

    The edges of a unit are pi and 1 - pi over every state of the layers before it. Returns the points at `nodes` (equal
    weights, in [-1, 1]) of every cell, one array (points, units) per layer, and their weights.
    """
    layers, _ = network.bound(1)
    states = [np.repeat(network.x, 2 ** sum(network.units), axis=0), *network.joint_states()]
    points, weights = [], []
    for layer, function in enumerate(layers):
        for column in function(states[: layer + 1]).T:
            edges = np.unique(np.concatenate([[0.0, 1.0], noise.cdf(column), noise.sf(column)]))
            middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
            points.append((middle[:, None] + half[:, None] * np.array(nodes)).ravel())
            weights.append(np.repeat(2 * half / len(nodes), len(nodes)))
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*points, indexing="ij")], axis=1)
    weight = np.prod(np.stack([axis.ravel() for axis in np.meshgrid(*weights, indexing="ij")]), axis=0)
    return np.split(grid, np.cumsum(network.units)[:-1], axis=1), weight


MIDPOINT = (0.0,)
GAUSS = (-(3**-0.5), 3**-0.5)


@BOTH
@NETWORKS
@pytest.mark.parametrize("method", ["arm", "disarm"])
def test_arm_and_disarm_have_the_exact_gradient_as_mean(method, network, noise) -> None:
    """Within a cell ARM is affine in each uniform and DisARM constant, so midpoints times volumes are exact."""
    uniforms, weight = cells(network, noise, MIDPOINT)
    layers, x = network.bound(len(weight))
    estimate = getattr(baselines, method)(layers, network.loss, x, uniforms, noise)
    mean = weight @ network.to_parameters([x, *estimate.states], estimate.gradients)
    exact = network.exact_gradient(noise)
    assert np.abs(mean - exact).max() < TOLERANCE
    assert np.abs(exact).min() > 1e4 * TOLERANCE  # a gradient of zeros would prove nothing


@BOTH
@NETWORKS
def test_disarm_has_less_variance_than_arm(network, noise) -> None:
    """Second moments of every gradient in r; ARM's are quadratic in a uniform, so two Gauss points a cell are exact."""
    uniforms, weight = cells(network, noise, GAUSS)
    layers, x = network.bound(len(weight))
    arm = baselines.arm(layers, network.loss, x, uniforms, noise.name)
    disarm = baselines.disarm(layers, network.loss, x, uniforms, noise.name)
    assert np.array_equal(arm.loss, disarm.loss)
    for g_arm, g_disarm in zip(arm.gradients, disarm.gradients, strict=True):
        assert (weight @ g_disarm**2 < weight @ g_arm**2).all()


@BOTH
@NETWORKS
@pytest.mark.parametrize("samples", [2, 3])
def test_reinforce_has_the_exact_gradient_as_mean(samples, network, noise) -> None:
    """Over all joint states of the K simulations, each made by uniforms near the ends and weighted from its r."""
    units = sum(network.units)
    rows = np.array(list(itertools.product((0.0, 1.0), repeat=samples * units)))
    z = rows.reshape(len(rows), samples, units).transpose(1, 0, 2)
    uniforms = np.split(np.where(z > 0.5, 0.0, 1 - 2.0**-53), np.cumsum(network.units)[:-1], axis=2)
    layers, x = network.bound(len(rows))
    estimate = baselines.reinforce(layers, network.loss, x, uniforms, noise)
    probability, total = 1.0, 0.0
    for k in range(samples):
        for z_l, r_l in zip(estimate.states, estimate.r, strict=True):
            probability = probability * np.prod(np.where(z_l[k] > 0.5, noise.cdf(r_l[k]), noise.sf(r_l[k])), axis=1)
        states = [x, *(z_l[k] for z_l in estimate.states)]
        total = total + network.to_parameters(states, [g[k] for g in estimate.gradients])
    assert np.array_equal(np.concatenate(estimate.states, axis=2), z)
    assert abs(probability.sum() - 1) < 100 * EPS
    assert np.abs(probability @ total - network.exact_gradient(noise)).max() < TOLERANCE


@BOTH
@given(r=st.floats(-5, 5), on=st.floats(-2, 2), off=st.floats(-2, 2))
def test_one_unit_with_any_two_losses(noise, r, on, off) -> None:
    """d E[L]/dr = f (L(1) - L(0)) (theory 1.2), by the three cells of one uniform."""
    at = np.array([[r]])
    edges = np.sort([0.0, noise.cdf(r), noise.sf(r), 1.0])
    arm = disarm = 0.0
    for u, length in zip((edges[1:] + edges[:-1]) / 2, np.diff(edges), strict=True):
        u = np.array([[u]])
        z, other = (u < noise.cdf(at)).astype(float), baselines.antithetic(at, u, noise)
        losses = [np.where(state[:, 0] > 0.5, on, off) for state in (z, other)]
        g_arm = baselines.arm_gradient(*losses, u, at, noise).item()
        g_disarm = baselines.disarm_gradient(*losses, z, other, at, noise).item()
        # Pointwise, not only in the mean: DisARM is ARM's mean over the cell (theory 2.15). A cell without width,
        # pi = 1/2, has no states of its own.
        if length > 1e-9:
            assert abs(g_arm - g_disarm) <= 100 * EPS * abs(g_disarm) + TINY
        arm += length * g_arm
        disarm += length * g_disarm
    pair = np.array([[on], [off]])
    reinforce = 0.0
    for states in itertools.product((1.0, 0.0), repeat=2):
        z = np.array(states).reshape(2, 1, 1)
        losses = np.where(z[:, :, 0] > 0.5, pair[0], pair[1])
        probability = np.prod(np.where(z > 0.5, noise.cdf(r), noise.sf(r)))
        reinforce += probability * baselines.reinforce_gradient(losses, z, np.full((2, 1, 1), r), noise).sum()
    want = noise.pdf(r) * (on - off)
    # Terms of size at most (|on| + |off|) f/F pi: no cancellation beyond the two losses' own.
    bound = 100 * EPS * (abs(on) + abs(off)) * (1 + noise.pdf(r)) * (1 + abs(r)) + TINY
    for got in (arm, disarm, reinforce):
        assert abs(got - want) <= bound


@BOTH
@given(r=st.floats(-30, 30))
def test_antithetic_states_have_the_same_law(noise, r) -> None:
    """z~ = 1[u >= 1 - pi]: the interval above 1 - pi is as long as the one below pi."""
    at = np.array([[r]])
    edge = float(noise.sf(r))
    assert baselines.antithetic(at, np.array([[edge]]), noise).item() == 1.0
    assert baselines.antithetic(at, np.array([[np.nextafter(edge, -1)]]), noise).item() == 0.0


@pytest.mark.parametrize(("noise", "far"), [(GAUSSIAN, 1e4), (LOGISTIC, 1e6)], ids=["gaussian", "logistic"])
def test_saturated_units_give_finite_gradients(noise, far) -> None:
    """Also for states that cannot occur; units in two dimensions, so that losses must spread over both."""
    r = np.array([[[far, -far, 0.0], [1.0, -40.0, 800.0]]])
    for z in (np.zeros(r.shape), np.ones(r.shape)):
        u, losses = np.full(r.shape, 0.25), (np.array([1.0]), np.array([-2.0]))
        for gradient in (
            baselines.arm_gradient(*losses, u, r, noise),
            baselines.disarm_gradient(*losses, z, 1 - z, r, noise),
            baselines.reinforce_gradient(np.array([[1.0], [3.0]]), np.stack([z, 1 - z]), np.stack([r, r]), noise),
        ):
            assert gradient.shape[-3:] == r.shape
            assert np.isfinite(gradient).all()


def test_bad_input_is_one_clear_line() -> None:
    network = EXAMPLES["two layers"]
    layers, x = network.bound(1)
    u = [np.full((1, 2), 0.3), np.full((1, 2), 0.6)]
    cases = [
        (u[:1], "gaussian", r"^1 arrays of uniforms for 2 layers; expected one for each of 1 or more$"),
        ([u[0], u[1][:, :1]], "gaussian", r"^uniforms\[1\] has shape \(1, 1\); expected \(1, 2\)$"),
        ([u[0], u[1] + 0.4], "gaussian", r"^uniforms\[1\] holds 1; expected numbers in \[0, 1\)$"),
        ([u[0], u[1] * np.nan], "gaussian", r"^uniforms\[1\] holds NaN or infinity"),
        ([-u[0], u[1]], "gaussian", r"^uniforms\[0\] holds the negative value -0.3"),
        (u, "cauchy", r"^noise is 'cauchy'; accepted: 'gaussian', 'logistic'$"),
    ]
    for uniforms, noise, message in cases:
        with pytest.raises(InputError, match=message):
            baselines.arm(layers, network.loss, x, uniforms, noise)
    with pytest.raises(InputError, match=r"^loss\(states\) has shape \(\); expected \(1\)$"):
        baselines.disarm(layers, lambda states: 1.0, x, u, "gaussian")
    for lengths in ((1, 1), (2, 3)):
        many = [np.repeat(a[None], k, axis=0) for a, k in zip(u, lengths, strict=True)]
        with pytest.raises(InputError, match=r"^uniforms hold \d, \d simulations per layer; expected the same number"):
            baselines.reinforce(layers, network.loss, x, many, "gaussian")
