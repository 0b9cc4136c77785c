"""Unbiased gradients of noisy binary networks: REINFORCE with leave-one-out, ARM, DisARM (theory 2.13, 2.14, 2.15).

They need loss values only, and none passes a gradient through a spike. Each returns, for every layer, an unbiased
estimate g of d E[L] / dr given the states before the layer; a parameter's gradient is then the sum over layers of
g dr/dtheta with the states held fixed, at any depth.

A network is a list of layers and a loss, plain callables on the list of states [x, z_1, ..., z_{l-1}]: a layer returns
r of shape (batch, *units), so a residual stream or a recurrence in time may look further back than one layer; the loss
returns one number per example, shape (batch,).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from refsbnn import noise as noises
from refsbnn.errors import InputError, check_array
from refsbnn.noise import Noise

States = Sequence[np.ndarray]
Layer = Callable[[States], np.ndarray]
Loss = Callable[[States], np.ndarray]


class Estimate(NamedTuple):
    """What one simulation of a network gives.

    Attributes
    ----------
    loss : array (batch,)
        Simulated loss. REINFORCE puts an axis of samples in front of every array: (samples, batch, ...).
    states : list of array (batch, *units)
        Spikes of each layer, in {0, 1}.
    r : list of array (batch, *units)
        What the layers returned for these states.
    gradients : list of array (batch, *units)
        Estimates of d E[L] / dr for each example; REINFORCE's are to be summed over the samples.

    Examples
    --------
    >>> import numpy as np
    >>> one = Estimate(loss=np.zeros(2), states=[], r=[], gradients=[])
    >>> one.loss.shape
    (2,)
    """

    loss: np.ndarray
    states: list[np.ndarray]
    r: list[np.ndarray]
    gradients: list[np.ndarray]


def reinforce_gradient(losses: np.ndarray, z: np.ndarray, r: np.ndarray, noise: Noise) -> np.ndarray:
    """Score function with a leave-one-out baseline (theory 2.13): (L_k - mean of the others) / K * dlnP(z_k)/dr.

    Parameters
    ----------
    losses : array (K, batch)
        Losses of K >= 2 independent simulations.
    z, r : array (K, batch, *units)

    Returns
    -------
    array (K, batch, *units)
        To be summed over K. The score is f/F for a spike and -f/(1 - F) for none.
    """
    advantage = (losses - losses.mean(axis=0)) / (len(losses) - 1)
    return _per_unit(advantage, r) * np.where(z > 0.5, noise.pdf_over_cdf(r), -noise.pdf_over_sf(r))


def antithetic(r: np.ndarray, u: np.ndarray, noise: Noise) -> np.ndarray:
    """The spikes that 1 - u makes: 1[u >= 1 - F(r)], the antithetic partner of z = 1[u < F(r)] (theory 2.14)."""
    return (u >= noise.sf(r)).astype(np.float64)


def arm_gradient(
    loss: np.ndarray, loss_antithetic: np.ndarray, u: np.ndarray, r: np.ndarray, noise: Noise
) -> np.ndarray:
    """ARM (Yin and Zhou 2019; theory 2.14): (L(z~) - L(z)) (u - 1/2) dlogit(pi)/dr.

    dlogit(pi)/dr = f / (F (1 - F)) = f/F + f/(1 - F), which is |r| (Gaussian) or 1 (logistic) in saturation.

    Parameters
    ----------
    loss, loss_antithetic : array (batch,)
        One simulated loss downstream of the layer for each of the two joint states.
    u, r : array (batch, *units)

    Returns
    -------
    array (batch, *units)
    """
    return _per_unit(loss_antithetic - loss, r) * (u - 0.5) * (noise.pdf_over_cdf(r) + noise.pdf_over_sf(r))


def disarm_gradient(
    loss: np.ndarray, loss_antithetic: np.ndarray, z: np.ndarray, z_antithetic: np.ndarray, r: np.ndarray, noise: Noise
) -> np.ndarray:
    """DisARM (Dong, Mnih and Tucker 2020; theory 2.15), the mean of ARM given the pair of states.

    (L(z) - L(z~)) (z - z~)/2 max(pi, 1 - pi) dlogit(pi)/dr, and the last two factors are max(f/F, f/(1 - F)).
    Arguments and result as for `arm_gradient`, with the states in place of the uniforms.
    """
    steepness = np.maximum(noise.pdf_over_cdf(r), noise.pdf_over_sf(r))
    return _per_unit(loss - loss_antithetic, r) * 0.5 * (z - z_antithetic) * steepness


def reinforce(
    layers: Sequence[Layer], loss: Loss, x: np.ndarray, uniforms: Sequence[np.ndarray], noise: str | Noise
) -> Estimate:
    """Estimate by REINFORCE with a leave-one-out baseline (theory 2.13).

    Parameters
    ----------
    layers, loss : callables on the states, see the module
    x : array (batch, ...)
        The network's input; the same in every simulation.
    uniforms : one array (K, batch, *units) per layer
        K >= 2 simulations, in [0, 1).
    noise : str or Noise

    Raises
    ------
    InputError
        Unknown noise, uniforms that do not fit the layers or leave [0, 1), or fewer than two simulations.

    Examples
    --------
    A unit with r = 0.5 and loss z: the exact gradient is f(0.5) = 0.235.

    >>> u = np.array([[[0.1]], [[0.9]]])
    >>> estimate = reinforce([lambda s: 0.5 * s[0]], lambda s: s[-1][:, 0], np.ones((1, 1)), [u], "logistic")
    >>> estimate.gradients[0].sum(axis=0).round(3)
    array([[0.5]])
    """
    noise = noises.get(noise)
    uniforms = _check_uniforms(layers, uniforms)
    samples = len(uniforms[0])
    if samples < 2 or any(len(u) != samples for u in uniforms):
        given = ", ".join(str(len(u)) for u in uniforms)
        raise InputError(f"uniforms hold {given} simulations per layer; expected the same number, 2 or more")
    runs = [_simulate(layers, [x], [u[k] for u in uniforms], noise) for k in range(samples)]
    losses = np.stack([_loss_of(loss, states) for states, _ in runs])
    z = [np.stack(column) for column in zip(*(states[1:] for states, _ in runs), strict=True)]
    r = [np.stack(column) for column in zip(*(rs for _, rs in runs), strict=True)]
    pairs = zip(z, r, strict=True)
    return Estimate(losses, z, r, [reinforce_gradient(losses, z_l, r_l, noise) for z_l, r_l in pairs])


def arm(
    layers: Sequence[Layer], loss: Loss, x: np.ndarray, uniforms: Sequence[np.ndarray], noise: str | Noise
) -> Estimate:
    """Estimate by ARM (theory 2.14): one more simulation per layer, from its antithetic states on.

    A continuation uses the same uniforms behind the layer as the main simulation. They are independent of the layer's
    own, so the estimate stays unbiased, and the two losses differ by less. Arguments as for `reinforce`, but with
    uniforms of shape (batch, *units).

    Examples
    --------
    >>> u = np.array([[0.1]])
    >>> estimate = arm([lambda s: 0.5 * s[0]], lambda s: s[-1][:, 0], np.ones((1, 1)), [u], "logistic")
    >>> estimate.gradients[0].round(3)
    array([[0.4]])
    """
    return _antithetic_estimate(layers, loss, x, uniforms, noises.get(noise), coupled=False)


def disarm(
    layers: Sequence[Layer], loss: Loss, x: np.ndarray, uniforms: Sequence[np.ndarray], noise: str | Noise
) -> Estimate:
    """Estimate by DisARM (theory 2.15): simulations and arguments as for `arm`, never more variance.

    Examples
    --------
    >>> u = np.array([[0.1]])
    >>> estimate = disarm([lambda s: 0.5 * s[0]], lambda s: s[-1][:, 0], np.ones((1, 1)), [u], "logistic")
    >>> estimate.gradients[0].round(3)
    array([[0.311]])
    """
    return _antithetic_estimate(layers, loss, x, uniforms, noises.get(noise), coupled=True)


def _antithetic_estimate(
    layers: Sequence[Layer], loss: Loss, x: np.ndarray, uniforms: Sequence[np.ndarray], noise: Noise, *, coupled: bool
) -> Estimate:
    uniforms = _check_uniforms(layers, uniforms)
    states, rs = _simulate(layers, [x], uniforms, noise)
    losses = _loss_of(loss, states)
    gradients = []
    for layer, (u, r) in enumerate(zip(uniforms, rs, strict=True)):
        z, z_antithetic = states[layer + 1], antithetic(r, u, noise)
        other, _ = _simulate(layers, [*states[: layer + 1], z_antithetic], uniforms, noise)
        other_loss = _loss_of(loss, other)
        if coupled:
            gradients.append(disarm_gradient(losses, other_loss, z, z_antithetic, r, noise))
        else:
            gradients.append(arm_gradient(losses, other_loss, u, r, noise))
    return Estimate(losses, states[1:], rs, gradients)


def _simulate(
    layers: Sequence[Layer], states: list[np.ndarray], uniforms: Sequence[np.ndarray], noise: Noise
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Continue a simulation from the states given; return all states and the r of the layers that were run."""
    states, rs = list(states), []
    for layer in range(len(states) - 1, len(layers)):
        r = np.asarray(layers[layer](states), dtype=np.float64)
        if r.shape != uniforms[layer].shape:
            raise InputError(f"uniforms[{layer}] has shape {uniforms[layer].shape}; expected {r.shape}")
        rs.append(r)
        states.append((uniforms[layer] < noise.cdf(r)).astype(np.float64))
    return states, rs


def _loss_of(loss: Loss, states: States) -> np.ndarray:
    return check_array("loss(states)", loss(states), (len(states[-1]),))


def _check_uniforms(layers: Sequence[Layer], uniforms: Sequence[np.ndarray]) -> list[np.ndarray]:
    if len(layers) == 0 or len(uniforms) != len(layers):
        raise InputError(
            f"{len(uniforms)} arrays of uniforms for {len(layers)} layers; expected one for each of 1 or more"
        )
    checked = [check_array(f"uniforms[{i}]", u, nonnegative=True) for i, u in enumerate(uniforms)]
    for i, u in enumerate(checked):
        if (u >= 1.0).any():
            raise InputError(f"uniforms[{i}] holds {u.max():g}; expected numbers in [0, 1)")
    return checked


def _per_unit(value: np.ndarray, r: np.ndarray) -> np.ndarray:
    """One number per example, shaped to multiply r."""
    return np.reshape(value, value.shape + (1,) * (r.ndim - value.ndim))
