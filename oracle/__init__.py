"""Exact answers for small binary and spiking networks, by enumeration. Imports nothing of refsbnn; needs NumPy, SciPy.

From arrays to the exact bias and variance of an estimator:

>>> import numpy as np, oracle
>>> hidden = (np.array([[0.5, -1.0], [0.8, 0.3]]), np.full((2, 2), 0.4))
>>> net = oracle.Layered(layers=[hidden], readout=(np.array([[1.0, -1.0], [-0.5, 1.5]]), np.zeros((2, 2))))
>>> estimate = oracle.moments(net, [1.0, -0.5], oracle.Categorical(label=0), oracle.agr(tau=0.5))["layers.0.mu"]
>>> estimate.bias.round(4)
array([[-0.0006,  0.0003],
       [ 0.0727, -0.0364]])
>>> estimate.variance.round(4)
array([[0.0515, 0.0129],
       [0.01  , 0.0025]])

Networks (network.py)
    Layered(layers, readout, noise="gaussian", domain="binary", variance="linear")
    Residual(stem, blocks, readout, scales=1.0, accumulate=True, noise, domain, variance)
    LIF(layers, readout, beta=0.9, theta=1.0, reset="hard", accumulate=True, reset_gradient=True, readout_beta=None,
        reduce="mean", noise, variance, alpha=0.0, adapt=0.0, adapt_decay=0.9)
    pools={name: Pool(kind, height, width, channels, size, stride=None)} of any of them: a layer reads spikes pooled.
    A layer is Layer(mu, sigma2, bias_mu, bias_sigma2[, recurrent_mu, recurrent_sigma2]) or such a tuple.
    parameters(net) lists every array by key; replace(net, {key: array}) changes some. Keys: "layers.0.mu",
    "layers.0.recurrent_sigma2", "stem.bias_mu", "blocks.0.1.mu", "readout.sigma2". Gradients have the same keys.
Losses (losses.py)
    Categorical(label, eps=None), Bernoulli(targets, eps=None), Gaussian(targets, noise_variance=1.0),
    Custom(function, eps=None). The loss is minus the log-likelihood, of one example.
Members (members.py, quadrature.py; names.py finds them by name: member("agr(tau=0.5)"))
    Spikes: st(), iwst(p), mix(lam), trapezoid(), agr(tau), st_gs(tau), gr(tau, draws), identity_st(),
        two_point(target).
    Values between: gs(tau), uniform(), simpson(), gauss2(), rule(nodes, weights, probabilities=None).
    One point: surrogate("fast-sigmoid" | "arctan" | "triangular" | "gaussian", scale).
Questions
    exact(net, x, loss, method="auto", way="difference") -> Exact(loss, gradient, probability)
    moments(net, x, loss, member, method="auto", fold=None) -> {key: Estimate}, an Estimate has gradient, mean, square,
        .bias, .variance, .mse, and mean_error and square_error where quadrature was needed.
    largest(net, x, loss, member) -> {key: array}, the largest absolute value of any draw of the estimate.
    reinforce(net, x, loss, draws=2) -> {key: Estimate}; arm(net, x, loss), disarm(net, x, loss) -> {key: mean}
    elbo(net, inputs, losses, prior_sigma2=1.0, examples=None, kl_weight=1.0, each_draw=False, known=())
        -> Elbo(value, loglik, kl, gradient, bound)
    kl(net, prior_sigma2=1.0, times=None) -> (value, gradient); draws(net, x) -> {layer: draws an example, or None}
    norms(estimates, field="mu") -> {layer: Norms}: gradient, bias, deviation, relative_bias, snr
    activity(net, x) -> [Activity]: name, rate, spread; penalty and jacobian for `Layered`
    penalty(net, x, loss) -> Penalty: the auxiliary loss; sensitivity by layer, curvature of the readout, .value
    penalty_gradient(net, x, loss) -> {key: array}: its exact gradient
    unroll(weights, height, width, stride=1, padding=0), fold(gradient, shape, ...): a convolution as a dense layer.
Methods
    "transfer", layer by layer: `Layered` networks, 2^(units of two neighbouring layers) terms a layer.
    "tree", all joint spikes: every network, 2^(units of all layers and steps) states, 4^units for st_gs and gr.
    A residual stream is a function of all earlier spikes and a membrane of all earlier steps: these take the tree.

A network too large, or any other input that cannot be used, raises `InputError` with one line.
"""

from oracle.baselines import arm, disarm, reinforce
from oracle.convolution import fold, unroll
from oracle.elbo import Elbo, draws, elbo, kl
from oracle.errors import InputError
from oracle.losses import Bernoulli, Categorical, Custom, Gaussian, Loss
from oracle.members import Discrete, agr, gr, identity_st, iwst, mix, st, st_gs, trapezoid, two_point
from oracle.moments import Estimate, Exact, exact, largest, moments
from oracle.names import member
from oracle.network import LIF, Layer, Layered, Network, Residual, parameters, replace
from oracle.pool import Pool
from oracle.profile import Activity, Norms, activity, norms
from oracle.quadrature import Relaxed, gauss2, gs, rule, simpson, surrogate, uniform
from oracle.sensitivity import Penalty, penalty, penalty_gradient

__all__ = [
    "LIF",
    "Activity",
    "Bernoulli",
    "Categorical",
    "Custom",
    "Discrete",
    "Elbo",
    "Estimate",
    "Exact",
    "Gaussian",
    "InputError",
    "Layer",
    "Layered",
    "Loss",
    "Network",
    "Norms",
    "Penalty",
    "Pool",
    "Relaxed",
    "Residual",
    "activity",
    "agr",
    "arm",
    "disarm",
    "draws",
    "elbo",
    "exact",
    "fold",
    "gauss2",
    "gr",
    "gs",
    "identity_st",
    "iwst",
    "kl",
    "largest",
    "member",
    "mix",
    "moments",
    "norms",
    "parameters",
    "penalty",
    "penalty_gradient",
    "reinforce",
    "replace",
    "rule",
    "simpson",
    "st",
    "st_gs",
    "surrogate",
    "trapezoid",
    "two_point",
    "uniform",
    "unroll",
]
