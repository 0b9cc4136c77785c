"""The auxiliary loss: how far one spike moves what reads it, squared, and its gradients (theory 4.11 to 4.13).

A unit i is moved by a spike j through its mean and its variance. The sum of the squares over j needs three sums over
the unit's weights, its mean and its variance. What a spike does to the logits is in `refsbnn.curvature`.
"""

from typing import Any, NamedTuple

import numpy as np

from refsbnn.errors import InputError, check_array

BLOCK = 2**14  # neurons and steps at once: 64 KB an array of float32
KINDS = ("sensitivity", "norm")  # of the penalty: theory 4.14, 4.5


class Rows(NamedTuple):
    """Sums over the weights of each unit, or their gradients (theory 4.11): arrays (units,) or (..., units).

    Attributes
    ----------
    norm2 : ||mu_i||^2
    cross : mu_i . sigma2_i
    square : ||sigma2_i||^2
    """

    norm2: np.ndarray
    cross: np.ndarray
    square: np.ndarray

    def plus(self, other: "Rows") -> "Rows":
        """Of units that both feed."""
        return Rows(*(a + b for a, b in zip(self, other, strict=True)))

    def scaled(self, mean: float, variance: float) -> "Rows":
        """Of weights whose means count `mean`-fold and whose variances `variance`-fold; also the adjoint of that."""
        return Rows(mean**2 * self.norm2, mean * variance * self.cross, variance**2 * self.square)

    def times(self, factor: float) -> "Rows":
        """Each of the sums that many times."""
        return Rows(*(factor * each for each in self))

    def summed(self, like: "Rows") -> "Rows":
        """Gradients of `like` from those of what it was broadcast to."""
        axes = tuple(range(np.ndim(self.norm2) - np.ndim(like.norm2)))
        return Rows(*(each.sum(axis=axes) for each in self))


class Weights(NamedTuple):
    """The weights that feed units, and how far one spike moves what they read.

    Attributes
    ----------
    mu : (units, ...) array
    sigma2 : array of mu's shape, or None where the variance does not count
    span : float
        1 where spikes are {0,1}, 2 where they are {-1,+1}, 0 where nothing fires: the network's input.
    scale : float
        Factor of their part of the unit's mean (theory 3.8); its square is that of the variance.
    """

    mu: np.ndarray
    sigma2: np.ndarray | None
    span: float
    scale: float = 1.0

    def rows(self) -> Rows:
        """Their sums. A {-1,+1} spike has the square 1 in both states and moves no variance."""
        if self.span == 0.0:
            return Rows(*np.zeros((3, len(self.mu))))
        mu = self.mu.reshape(len(self.mu), -1).astype(np.float64, copy=False)
        if self.sigma2 is None:
            return Rows((self.scale * self.span) ** 2 * np.square(mu).sum(axis=1), *np.zeros((2, len(mu))))
        sigma2 = self.sigma2.reshape(mu.shape).astype(np.float64, copy=False)
        sums = np.square(mu).sum(axis=1), (mu * sigma2).sum(axis=1), np.square(sigma2).sum(axis=1)
        return Rows(*sums).scaled(*self.steps)  # theory 4.11

    @property
    def steps(self) -> tuple[float, float]:
        """Factors of mu and sigma2 where a spike moves x by `span`, and x2 from (1 - span)^2 to 1 (theory 3.4)."""
        return self.scale * self.span, self.scale**2 * self.span * (2.0 - self.span)

    def gradients(self, g: Rows) -> tuple[np.ndarray, np.ndarray | float]:
        """Gradients of mu and sigma2 (0 where it is None), given those of the sums."""
        a, c, q = (each.reshape(-1, *[1] * (self.mu.ndim - 1)) for each in g.scaled(*self.steps))
        if self.sigma2 is None:
            return 2.0 * a * self.mu, 0.0
        return 2.0 * a * self.mu + c * self.sigma2, c * self.mu + 2.0 * q * self.sigma2


class Sensitivity(NamedTuple):
    """The mean over units and samples of the squared sensitivity, and its gradients (theory 4.11).

    Examples
    --------
    >>> import numpy as np
    >>> units(Rows(np.ones(2), np.zeros(2), np.zeros(2)), np.zeros((1, 2)), np.full((1, 2), 2.0)).value
    0.5
    """

    value: float
    rows: Rows
    m: np.ndarray
    v: np.ndarray


def units(rows: Rows, m: np.ndarray, v: np.ndarray) -> Sensitivity:
    """Sum over the spikes j below of (dr_i/dz_j)^2, its mean over units i and samples (theory 4.11).

    A unit without variance has no slope (theory 3.17), so no estimator's bias to penalise: it counts 0.

    Parameters
    ----------
    rows : Rows
        Of arrays (units,), or (..., units) where what moves a unit differs from sample to sample.
    m, v : (..., units) arrays
        Moments of the pre-activations, r = m / sqrt(v).

    Returns
    -------
    Sensitivity
        value, and gradients of the shapes of `rows`, m and v.

    Raises
    ------
    InputError
        Shapes that do not fit, a negative variance, NaN.

    Examples
    --------
    >>> import numpy as np
    >>> one = units(Rows(np.array([4.0]), np.array([1.0]), np.array([0.25])), np.array([[1.0]]), np.array([[1.0]]))
    >>> one.value, one.m.item(), one.v.item()
    (3.0625, -0.875, -2.1875)
    """
    a, c, q, slope, inverse = checked(rows, m, v)
    scale = inverse / inverse.size
    gradient = Rows(scale, -scale * slope, 0.25 * scale * slope**2).summed(rows)  # theory 4.12
    dm = scale * inverse * (0.5 * slope * q - c)  # theory 4.12
    dv = -scale * inverse * (a - 2.0 * slope * c + 0.75 * slope**2 * q)  # theory 4.12
    mean = (inverse * (a - slope * c + 0.25 * slope**2 * q)).mean()  # theory 4.11
    return Sensitivity(float(mean), gradient, dm, dv)


def value(rows: Rows, m: np.ndarray, v: np.ndarray) -> float:
    """The value of `units` alone, in m's type, without its checks: for the record of a step."""
    a, c, q = (each.astype(m.dtype, copy=False) for each in rows)
    noisy = v > 0.0
    inverse = noisy / np.where(noisy, v, m.dtype.type(1.0))
    slope = m * inverse  # r / s
    each = inverse * (a - slope * (c - m.dtype.type(0.25) * slope * q))  # theory 4.11
    return float(each.sum(dtype=np.float64)) / m.size


def checked(rows: Rows, m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
    """The sums, r / s and 1 / v (both 0 where v = 0) in float64; raises InputError as `units`."""
    v = check_array("v", v, nonnegative=True)
    m = check_array("m", m, v.shape)
    sums = [check_array(name, each) for name, each in rows._asdict().items()]
    for name, each in zip(rows._fields, sums, strict=True):
        if each.shape not in (v.shape, v.shape[-1:]):
            raise InputError(f"v has shape {v.shape}; expected {(*v.shape[:-1], *each.shape[-1:])} beside {name}")
    noisy = v > 0.0
    inverse = noisy / np.where(noisy, v, 1.0)
    return *sums, m * inverse, inverse


class Reset(NamedTuple):
    """What a neuron's own last spike does to its membrane (theory 4.13).

    Attributes
    ----------
    beta, theta : float or (units,) array
        Of all neurons, or of each.
    hard : bool
    accumulate : bool
        Whether the membrane carries a variance along.
    alpha, rise : float
        Decay of a synaptic current; how far a spike raises the threshold of the next step (theory 3.35).
    """

    beta: Any
    theta: Any
    hard: bool
    accumulate: bool
    alpha: float = 0.0
    rise: float = 0.0

    def steps(self, M: np.ndarray, V: np.ndarray, C: Any = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """How far a spike moves mean, above the threshold, and variance of the next step, given those of its own."""
        if not self.hard:
            return np.full(M.shape, -self.theta - self.rise), np.zeros(M.shape)
        mean, spread = -self.beta * M, -(self.beta**2) * V if self.accumulate else np.zeros(V.shape)  # theory 4.13
        if self.rise:
            mean -= self.rise  # theory 3.35
        if self.alpha and self.accumulate:
            spread -= 2.0 * self.alpha * self.beta * C  # theory 3.35
        return mean, spread

    def adjoint(self, dmean: np.ndarray, dvariance: np.ndarray) -> tuple[np.ndarray, ...]:
        """Gradients of M and V, and of C where there is a current, given those of `steps`."""
        none = np.zeros(dmean.shape)
        if not self.hard:
            return none, none, none
        back = -self.beta * dmean, -(self.beta**2) * dvariance if self.accumulate else none
        return (*back, -2.0 * self.alpha * self.beta * dvariance) if self.alpha and self.accumulate else (*back, none)


class NeuronSensitivity(NamedTuple):
    """As `Sensitivity`, of neurons.

    Attributes
    ----------
    value : float
    rows, recurrent : Rows
        Gradients of the sums over the weights from below and over the recurrent ones.
    diagonal : tuple of (units,) arrays
        Gradients of the recurrent mu_ii and sigma2_ii besides.
    M, V, C : (T, batch, *units) arrays, the last None where there is none
    before : tuple of (batch, *units) arrays
        Gradients of M, V and C of the step before the first.
    m : (T, batch, *units) array
        Gradient of M - theta alone: less that of a threshold that adapts.
    beta, theta : (units[-1],) arrays or 0
        Gradients of decay and threshold where each neuron has its own.
    """

    value: float
    rows: Rows
    recurrent: Rows
    diagonal: tuple[np.ndarray, np.ndarray]
    M: np.ndarray
    V: np.ndarray
    C: np.ndarray | None
    before: tuple[np.ndarray, ...]
    m: np.ndarray
    beta: Any = 0.0
    theta: Any = 0.0


class Neurons(NamedTuple):
    """What moves the neurons of a layer (theory 4.13).

    Attributes
    ----------
    rows, recurrent : Rows
        Of the weights from below and of the recurrent ones, zeros where there are none.
    diagonal : pair of (units,) arrays
        Recurrent mu_ii and sigma2_ii: the spike that resets a neuron is the one that they carry.
    reset : Reset or None
        None leaves the reset out, and counts the recurrent weights at the first step too (theory 4.5).
    theta : float, (units[-1],) or (T, batch, *units) array
        Threshold, of each step where it adapts.
    M, V : (T, batch, *units) arrays
        Of the membranes; r_t = (M_t - theta) / sqrt(V_t).
    before : tuple of (batch, *units) arrays or None
        M and V, and C if it is given, of the step before the first. None: the neurons start at rest, where no spike has
        been.
    C : (T, batch, *units) array or None
        Covariance of membrane and synaptic current (theory 3.30).
    """

    rows: Rows
    recurrent: Rows
    diagonal: tuple[np.ndarray, np.ndarray]
    reset: Reset | None
    theta: Any
    M: np.ndarray
    V: np.ndarray
    before: tuple[np.ndarray, ...] | None = None
    C: np.ndarray | None = None

    def path(self) -> tuple[np.ndarray, ...]:
        """M, V, and C if there is one."""
        return (self.M, self.V) if self.C is None else (self.M, self.V, self.C)

    def past(self) -> tuple[int, list[np.ndarray]]:
        """The first step that a last spike enters, and the path of the steps before, from there on."""
        if self.before is None:
            return 1, [part[:-1] for part in self.path()]
        return 0, [np.concatenate([[one], part[:-1]]) for one, part in zip(self.before, self.path(), strict=True)]

    def entering(self, dtype: Any = np.float64) -> Rows:
        """The sums at each step, (T, batch, *units)."""
        if self.reset is None:
            return self.rows.plus(self.recurrent)
        first, past = self.past()
        moved, spread = self.reset.steps(*past)
        mean, variance = self.diagonal
        a, c, q = (np.broadcast_to(each, self.M.shape).astype(dtype) for each in self.rows)
        a[first:] += self.recurrent.norm2 + moved * (moved + 2.0 * mean)  # theory 4.13
        c[first:] += self.recurrent.cross + moved * (spread + variance) + mean * spread  # theory 4.13
        q[first:] += self.recurrent.square + spread * (spread + 2.0 * variance)  # theory 4.13
        return Rows(a, c, q)

    def value(self) -> float:
        """The mean over steps, samples and neurons, in the arrays' type and by steps that fit into the cache."""
        total, size = 0.0, max(1, BLOCK // self.M[0].size)
        for first in range(0, len(self.M), size):
            before = tuple(part[first - 1] for part in self.path()) if first else self.before
            own = slice(first, first + size)
            M, V, C = self.M[own], self.V[own], None if self.C is None else self.C[own]
            rows = self._replace(M=M, V=V, C=C, before=before).entering(M.dtype)
            theta = self.theta[own] if np.ndim(self.theta) == M.ndim else self.theta
            total += value(rows, M - theta, V) * M.size
        return total / self.M.size


def neurons(given: Neurons) -> NeuronSensitivity:
    """Squared sensitivity to the spikes that enter at the same step and to a neuron's own last one (theory 4.13).

    Raises
    ------
    InputError
        As `units`.
    """
    rows, recurrent, (mean, variance), reset, theta, M, V, before, _ = given
    one = units(given.entering(), M - theta, V)
    nothing = tuple(np.zeros((3, *M.shape[1:])))
    dbeta, dtheta = np.zeros((2, M.shape[-1]))
    if np.ndim(theta):
        dtheta -= of_each(one.m)  # theory 3.29
    if reset is None:
        none = np.zeros(mean.shape), np.zeros(mean.shape)
        still = None if given.C is None else np.zeros(M.shape)
        return NeuronSensitivity(
            one.value, one.rows, one.rows, none, one.m, one.v, still, nothing, one.m, dbeta, dtheta
        )
    first, past = given.past()
    moved, spread = reset.steps(*past)
    da, dc, dq = later = Rows(*(each[first:] for each in one.rows))
    dmean = 2.0 * (mean + moved) * da + (variance + spread) * dc
    dvariance = (mean + moved) * dc + 2.0 * (variance + spread) * dq
    back = reset.adjoint(dmean, dvariance)
    if np.ndim(theta) and not reset.hard:
        dtheta -= of_each(dmean)  # theory 3.29
    if np.ndim(reset.beta) and reset.hard:
        dbeta -= of_each(past[0] * dmean)  # theory 3.29
        dbeta -= of_each(2.0 * reset.beta * past[1] * dvariance) if reset.accumulate else 0.0  # theory 3.29
        dbeta -= of_each(2.0 * reset.alpha * past[2] * dvariance) if given.C is not None else 0.0  # theory 3.35
    dM, dV, dC = one.m.copy(), one.v.copy(), None if given.C is None else np.zeros(M.shape)
    for total, part in zip((dM, dV, dC), back, strict=True):
        if total is not None:
            total[: len(M) - 1] += part[1 - first :]
    axes = tuple(range(M.ndim - mean.ndim))
    own = ((2.0 * moved * da + spread * dc).sum(axis=axes), (moved * dc + 2.0 * spread * dq).sum(axis=axes))
    sent = nothing if before is None else tuple(part[0] for part in back)
    return NeuronSensitivity(
        one.value,
        one.rows.summed(rows),
        later.summed(recurrent),
        own,
        dM,
        dV,
        dC,
        sent,
        one.m,
        dbeta,
        dtheta,
    )


def of_each(gradient: np.ndarray) -> np.ndarray:
    """Summed over all axes but the last, (units[-1],)."""
    return gradient.reshape(-1, gradient.shape[-1]).sum(axis=0)
