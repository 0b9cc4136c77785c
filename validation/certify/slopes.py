"""What one unit's backward pass does: its slope as a function of r, spike and uniform, and what of the loss it uses.

The estimate of dL/db of the one unit is slope times dL/dh (theory 2.1) with dr/db = 1, so a loss of known
gradient gives the slope. A loss with the same value and gradient at the state, and others elsewhere, shows what else
is looked at.
"""

from dataclasses import dataclass

import numpy as np

from validation.certify.call import SAME, Convention, Estimator, call
from validation.certify.networks import SLOPE, Loss, Standard, one_unit
from validation.certify.states import REACH, cells

GRID = np.array([-3.4, -2.2, -1.3, -0.6, -0.2, 0.0, 0.3, 0.9, 1.6, 2.4, 3.7])
NODES = 41  # a cell
FEW, NEAR = 5, 1.0  # nodes that show whether the slope varies, and stay off the cells' ends, where float32 codes round


@dataclass(frozen=True)
class Profile:
    """One unit over a grid of r.

    Attributes
    ----------
    r : (points,) array
    z, u, p : (points, nodes) arrays
        Spike, uniform and probability.
    h, slope : (points, nodes) arrays
        The value sent on, in [0, 1], and the slope in r with respect to it.
    inside : bool
        Whether the slope varies given the spike.
    relaxed : bool
        Whether values between the states are sent on.
    value, elsewhere : bool
        Whether the estimate depends on the loss's value, and on its gradient away from the state.
    notes : tuple of str
        What is wrong beside the slope.
    """

    how: Convention
    r: np.ndarray
    z: np.ndarray
    u: np.ndarray
    p: np.ndarray
    h: np.ndarray
    slope: np.ndarray
    inside: bool
    relaxed: bool
    value: bool
    elsewhere: bool
    notes: tuple[str, ...]

    @property
    def mass(self) -> np.ndarray:
        """The target's mass at each r: the mean of slope / f (theory 2.1, 2.2), (points,)."""
        return (self.p * self.slope).sum(axis=1) / self.how.law.pdf(self.r)

    @property
    def means(self) -> np.ndarray:
        """Mean slope given z = 0, 1: (points, 2)."""
        parts = [(self.z == z) * self.p for z in (0.0, 1.0)]
        return np.stack([(part * self.slope).sum(axis=1) / part.sum(axis=1) for part in parts], axis=1)


def profile(fn: Estimator, how: Convention) -> Profile:
    """Try the unit at every r of the grid and at a few nodes of its cells, or at many if the slope varies there."""
    found = tried(fn, how, GRID, FEW, NEAR)
    return tried(fn, how, GRID, NODES, REACH) if found.inside else found


def tried(fn: Estimator, how: Convention, grid: np.ndarray, nodes: int, reach: float) -> Profile:
    """Try the unit at every r of a grid and at so many nodes of its cells."""
    rows, asked_value, asked_elsewhere = [], False, False
    notes: dict[str, None] = {}
    for r in grid:
        net, row = one_unit(float(r)), []
        for node in cells(float(how.law.cdf(r)), nodes, reach=reach, cuts=how.cuts):
            h, found = _once(fn, net, how, node.u, Loss("affine"))
            slope = slope_of(net, how, found)
            row.append((node.z, node.u, node.p, h, slope))
            notes |= dict.fromkeys(chain_notes(net, how, found, h))
        rows.append(row)
        for z in (0.0, 1.0):  # one node of each state
            middle = next(each for each in row[nodes // 2 :: nodes] if each[0] == z)
            y = net.r(1, how.value(np.array([middle[3]])))
            size = max(abs(each[4]) for each in row)
            shifted = slope_of(net, how, _once(fn, net, how, middle[1], Loss("affine", shift=3.0))[1])
            bent = slope_of(net, how, _once(fn, net, how, middle[1], Loss("affine", bend=1.7, at=y))[1])
            asked_value |= bool(abs(shifted - middle[4]) > SAME * size)
            asked_elsewhere |= bool(abs(bent - middle[4]) > SAME * size)
    z, u, p, h, slope = np.moveaxis(np.array(rows), -1, 0)
    scale = np.abs(slope).max(axis=1, keepdims=True)
    low, high = (np.stack([pick(np.where(z == s, slope, -sign * np.inf), axis=1) for s in (0.0, 1.0)])
                 for pick, sign in ((np.min, -1.0), (np.max, 1.0)))  # fmt: skip
    inside = bool((high - low > SAME * scale.T).any())
    relaxed = bool(how.cuts) or bool((np.abs(h - z) > 1e-3).any())
    return Profile(how, grid, z, u, p, h, slope, inside, relaxed, asked_value, asked_elsewhere, tuple(notes))


def _once(fn: Estimator, net: Standard, how: Convention, u: float, loss: Loss) -> tuple[float, dict[str, np.ndarray]]:
    """The value sent on, in [0, 1], and the estimate."""
    found = call(fn, net, how.uniforms([np.array([u])]), loss)
    w = net.parameters["w1"][:, 0]
    y = float(w @ (loss.seen[0] - net.parameters["b1"]) / (w @ w))
    return (y + 1.0) / 2.0 if how.domain == "bipolar" else y, found


def slope_of(net: Standard, how: Convention, found: dict[str, np.ndarray]) -> float:
    """The estimate of dL/db over dL/dh, h in [0, 1] (theory 1.4, 2.1)."""
    return float(found["b0"][0] / (how.unit * (net.parameters["w1"][:, 0] @ SLOPE)))


def chain_notes(net: Standard, how: Convention, found: dict[str, np.ndarray], h: float) -> list[str]:
    """Gradients that do not follow from the slope and the loss by the chain rule."""
    y = float(how.value(np.array(h)))
    expected = {"w0": found["b0"][:, None] * net.x, "w1": SLOPE[:, None] * y, "b1": SLOPE}
    rules = {"w0": "dL/db0 times x", "w1": "dL/dy times the unit's value", "b1": "dL/dy"}
    return [
        f"the gradient of {key} is not {rules[key]}"
        for key, value in expected.items()
        if np.abs(found[key] - value).max() > SAME * max(np.abs(value).max(), 1e-3)
    ]
