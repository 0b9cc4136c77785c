"""Code that draws its own noise: the spikes of its last layer are read from the logits it asks the loss about.

Of one unit two things are then known exactly, the probability of its states and the estimate at each, if that is a
function of the spike: the code is asked again until it draws the state that is wanted, and the rest is as for code that
gets its uniforms. What is left to chance is whether spikes have their law (exact binomial tests), deeper networks, and
the mean where the slope has noise of its own too: held to a member's exact law by Bernstein's inequality, or to the
exact gradient by the standard error.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

import oracle
from oracle.errors import InputError as Unknown
from oracle.members import Discrete
from oracle.noise import NOISES
from refsbnn.errors import InputError
from validation.certify.call import SAME, Convention, Estimator, call, forward, name_of
from validation.certify.networks import Loss, Standard, one_unit
from validation.certify.slopes import FEW, GRID, NEAR, Profile, tried
from validation.certify.states import walk

ALARM = 1e-6  # of each kind of test together: how often correct code is called wrong
LAW_DRAWS = 1000  # at each r, and of a network's joint states
SHORT = GRID[np.abs(GRID) < 2.3]  # states rarer than 1 % are waited for too long
DRAWS = 4000  # of each network and loss where the mean is sampled
PATIENCE = 40.0  # of the expected number of draws until a state comes: e^-40 that it does not


class Asked:
    """The code with its noise chosen: drawn again until its spikes are those of the uniforms.

    Parameters
    ----------
    fn : callable
    how : Convention
    """

    def __init__(self, fn: Estimator, how: Convention) -> None:
        self.fn, self.how, self.__name__ = fn, how, name_of(fn)

    def __call__(self, parameters: Any, x: np.ndarray, uniforms: Sequence[np.ndarray], loss: Loss) -> Any:
        """The estimate of a draw with these spikes."""
        h, p = x, 1.0
        for i, u in enumerate(uniforms):
            pi = self.how.law.cdf(parameters[f"w{i}"] @ h + parameters[f"b{i}"])
            z = (u < pi) * 1.0
            p *= float(np.where(z, pi, 1.0 - pi).prod())
            h = self.how.value(z)
        y = parameters[f"w{len(uniforms)}"] @ h + parameters[f"b{len(uniforms)}"]
        for _ in range(int(PATIENCE / p) + 1):
            mine = Loss(loss.kind, loss.bend, loss.at, loss.shift)
            found = self.fn(parameters, x, uniforms, mine)
            if mine.seen and same(mine.seen[0], y):
                loss.seen += mine.seen
                return found
        raise RuntimeError(
            f"the spikes with logits {y} have probability {p:.3g} and never came in {PATIENCE / p:.0f} draws"
        )


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether logits are those of a state."""
    return bool(np.abs(one - other).max() <= SAME * (1.0 + np.abs(other).max()))


def convention(fn: Estimator) -> Convention:
    """What the code's units are, from draws at r = 1; the tests of `law` hold it to that.

    Raises
    ------
    InputError
        Values that are no spikes.
    """
    values = np.array([forward(fn, one_unit(1.0), 0.5) for _ in range(LAW_DRAWS)])
    ends = np.array([values.min(), values.max()])
    domain = next((d for d, e in (("binary", 0.0), ("bipolar", -1.0)) if np.allclose(ends, [e, 1.0], atol=SAME)), None)
    between = (np.abs(values[:, None] - ends) > SAME).all(axis=1)
    if domain is None or between.any():
        raise InputError(
            f"{name_of(fn)} draws its own noise, and its unit sends {ends[0]:.4g} to {ends[1]:.4g}; "
            "expected a spike and none: 0 and 1, or -1 and +1"
        )
    rate = float((values > ends.mean()).mean())
    noise = min(NOISES, key=lambda name: abs(rate - float(NOISES[name].cdf(np.ones(1))[0])))
    return Convention(noise, domain, True)


def law(fn: Estimator, how: Convention, nets: Sequence[Standard]) -> list[str]:
    """Spikes of one unit, and states of the last layer, that come too often or too rarely, by exact binomial tests."""
    wrong = []
    alarm = ALARM / (len(SHORT) + sum(2 ** sum(net.widths[1:-1]) for net in nets))
    for r in SHORT:
        top = how.value(np.array(1.0))
        count = sum(bool(abs(forward(fn, one_unit(float(r)), 0.5) - top) < SAME) for _ in range(LAW_DRAWS))
        pi = float(how.law.cdf(r))
        if stats.binomtest(count, LAW_DRAWS, pi).pvalue < alarm:
            wrong.append(f"at r = {r:g} it spikes in {count} of {LAW_DRAWS} draws; expected a probability of {pi:.4f}")
    for net in nets:
        states: dict[tuple[float, ...], float] = {}  # of the last layer, by their logits
        for p, _, _, y in walk(net, how, 1, kink=False):
            states[tuple(y)] = states.get(tuple(y), 0.0) + p
        seen = []
        for _ in range(LAW_DRAWS):
            loss = Loss("affine")
            call(fn, net, [np.full(n, 0.5) for n in net.widths[1:-1]], loss)
            seen.append(loss.seen[0])
        for logits, p in states.items():
            count = sum(same(one, np.array(logits)) for one in seen)
            if stats.binomtest(count, LAW_DRAWS, p).pvalue < alarm:
                wrong.append(
                    f"{net.name}: the logits {np.array(logits)} came {count} times in {LAW_DRAWS}; expected {p:.4f}"
                )
    return wrong


def profile(fn: Estimator, how: Convention) -> Profile:
    """One unit over the r where neither state is rare."""
    return tried(fn, how, SHORT, FEW, NEAR)


def draw(fn: Estimator, net: Standard, kind: str, count: int) -> dict[str, np.ndarray]:
    """Estimates of some draws, (draws, *shape) by parameter."""
    uniforms = [np.full(n, 0.5) for n in net.widths[1:-1]]
    found = [call(fn, net, uniforms, Loss(kind)) for _ in range(count)]
    return {key: np.stack([one[key] for one in found]) for key in net.parameters}


def sampled(fn: Estimator, net: Standard, how: Convention, kind: str, tests: int) -> dict[str, oracle.Estimate]:
    """Mean and mean square from draws, with the largest deviation that chance gives the mean.

    `ALARM` of all `tests` of a whole network, each entry's by its standard error: exact as far as a mean of `DRAWS` is
    normal.
    """
    exact = net.exact(how.noise, how.domain, Loss(kind))
    entries = tests * sum(value.size for value in exact.values())
    limit = float(stats.t.isf(ALARM / (2.0 * entries), DRAWS - 1))
    out = {}
    for key, values in draw(fn, net, kind, DRAWS).items():
        error = limit * values.std(axis=0, ddof=1) / np.sqrt(DRAWS)
        out[key] = oracle.Estimate(exact[key], values.mean(axis=0), (values**2).mean(axis=0), error)
    return out


def member(name: str) -> Discrete:
    """The oracle's member of a name.

    Raises
    ------
    InputError
        No such member, or one that sends no spikes.
    """
    try:
        found = oracle.member(name)
    except Unknown as error:
        raise InputError(str(error)) from None
    if not isinstance(found, Discrete):
        raise InputError(f"{name} sends values between the states; expected a member that sends spikes")
    return found


def beyond(fn: Estimator, net: Standard, how: Convention, kind: str, one: Discrete, tests: int) -> list[str]:
    """What of a member's exact law some draws contradict.

    A draw above the member's largest, and means of the estimate and of its square that are further from the exact ones
    than Bernstein's inequality allows. Correct code is called wrong with probability below `ALARM` in all `tests`.
    """
    small, loss = net.net(how.noise, how.domain), oracle.Custom(Loss(kind).law)
    told = net.named(oracle.moments(small, net.x, loss, one))
    top = net.named(oracle.largest(small, net.x, loss, one))
    entries = 2 * tests * sum(value.size for value in top.values())
    log = float(np.log(2.0 * entries / ALARM))
    wrong = []
    for key, values in draw(fn, net, kind, DRAWS).items():
        exact, most = told[key], top[key] * (1.0 + SAME) + SAME
        if (np.abs(values).max(axis=0) > most).any():
            wrong.append(f"{net.name}, {kind} loss: a draw of {key} is above the largest of {one.name}")
        for word, drawn, mean, variance, span in (
            ("mean", values, exact.mean, exact.variance, 2.0 * most),
            ("mean square", values**2, exact.square, most**2 * exact.square, most**2),
        ):
            # Bernstein: P(|mean - E| > t) <= 2 exp(-N t^2 / (2 V + 2 S t / 3)), solved for t.
            slack = span * log / (3.0 * DRAWS)
            bound = slack + np.sqrt(slack**2 + 2.0 * variance * log / DRAWS) + SAME * span
            if (np.abs(drawn.mean(axis=0) - mean) > bound).any():
                wrong.append(f"{net.name}, {kind} loss: the {word} of {key} is not that of {one.name}")
    return wrong
