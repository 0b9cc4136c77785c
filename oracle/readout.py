"""The readout at every joint state of the last layer: loss, and the exact gradient of its parameters.

A reading is a sum over units, so that of a joint state is one addition of two: of the first half of the units, and of
the others, tables of 2^(n/2) rows. Each is rounded as the sum of n products is, whatever the number of states: there is
no running sum over states whose rounding would grow. Pooled spikes are no such sum and are read one by one.
"""

import numpy as np

from oracle.losses import Loss
from oracle.network import Layer, Layered, parameters
from oracle.states import patterns, spikes
from oracle.terms import add_totals, linear, pull_read, read, square

BLOCK = 2**13  # joint states at once: their arrays stay in the second cache


def evaluate(net: Layered, loss: Loss, reach: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Loss at each joint state of the last layer, and the gradient of its expectation; zeros below the readout."""
    gradient = {key: np.zeros(value.shape) for key, value in parameters(net).items()}
    values = np.empty(reach.size)
    pull = _pooled if "readout" in net.pools else _summed
    pull(net, loss, reach, values, gradient)
    return values, gradient


def _pooled(net: Layered, loss: Loss, reach: np.ndarray, values: np.ndarray, gradient: dict[str, np.ndarray]) -> None:
    units = net.layers[-1].mu.shape[0]
    for start in range(0, reach.size, BLOCK):
        here = slice(start, min(start + BLOCK, reach.size))
        y = spikes(np.arange(here.start, here.stop), units, net.domain)
        values[here], dm, dv = loss.evaluate(*read(net, "readout", y))
        p = reach[here, None]
        add_totals(gradient, pull_read(net, "readout", y, p * dm, p * dv)[0])


def _summed(net: Layered, loss: Loss, reach: np.ndarray, values: np.ndarray, gradient: dict[str, np.ndarray]) -> None:
    layer, units = net.readout, net.layers[-1].mu.shape[0]
    cut = units // 2
    parts = [
        Layer(layer.mu[:, :cut], layer.sigma2[:, :cut], layer.bias_mu, layer.bias_sigma2),
        Layer(layer.mu[:, cut:], layer.sigma2[:, cut:]),
    ]
    seen = [patterns(n, net.domain) for n in (cut, units - cut)]
    seen2 = [square(y, net.domain, net.variance)[0] for y in seen]
    read_ = [linear(*each) for each in zip(parts, seen, seen2, strict=True)]
    # Outputs first: what a loss does along the outputs then runs along the states.
    (m0, v0), (m1, v1) = [(np.ascontiguousarray(m.T), np.ascontiguousarray(v.T)) for m, v in read_]
    outputs, rows, columns = m0.shape[0], m0.shape[1], m1.shape[1]
    by_first = np.empty((2, outputs, rows))
    by_second = np.zeros((2, outputs, columns))
    step = max(1, BLOCK // columns)
    for start in range(0, rows, step):
        some = slice(start, min(start + step, rows))
        here = slice(some.start * columns, some.stop * columns)
        m, v = ((one[:, some, None] + two[:, None]).reshape(outputs, -1).T for one, two in ((m0, m1), (v0, v1)))
        values[here], *slopes = loss.evaluate(m, v)
        for kind, slope in enumerate(slopes):
            weighted = (reach[here] * slope.T).reshape(outputs, -1, columns)
            by_first[kind, :, some] = weighted.sum(axis=2)
            by_second[kind] += weighted.sum(axis=1)
    gradient["readout.mu"] = np.hstack([by_first[0] @ seen[0], by_second[0] @ seen[1]])
    gradient["readout.sigma2"] = np.hstack([by_first[1] @ seen2[0], by_second[1] @ seen2[1]])
    for key, total in zip(("readout.bias_mu", "readout.bias_sigma2"), by_second.sum(axis=2), strict=True):
        if key in gradient:
            gradient[key] = total
