"""Pooled spikes: against loops over windows, adjoints by complex steps, exact gradients in two ways, refusals."""

import numpy as np
import pytest

import oracle
from oracle import pool
from tests.oracle.networks import EPS, layer
from tests.oracle.test_dynamics import check_every_stage

KINDS = ["average", "max"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stride", [None, 1, 3])
def test_pooling_is_the_loop_over_windows(kind: str, stride: int | None) -> None:
    rng = np.random.default_rng(0)
    pooling = oracle.Pool(kind, 4, 5, 3, size=2, stride=stride)
    y = rng.integers(0, 4, (6, 60)).astype(float)  # with ties
    images, step = y.reshape(6, 4, 5, 3), stride or 2
    found = pool.forward(pooling, y).reshape(6, *pooling.shape)
    g, back = rng.normal(size=found.shape), np.zeros(images.shape)
    for s, r, c, k in np.ndindex(*found.shape):
        window = images[s, step * r : step * r + 2, step * c : step * c + 2, k]
        one = back[s, step * r : step * r + 2, step * c : step * c + 2, k]
        if kind == "average":
            assert found[s, r, c, k] == window.sum() / 4
            one += g[s, r, c, k] / 4
        else:
            assert found[s, r, c, k] == window.max()
            one[np.unravel_index(window.argmax(), (2, 2))] += g[s, r, c, k]
    np.testing.assert_allclose(pool.pull(pooling, y, g.reshape(6, -1)), back.reshape(6, -1), rtol=0, atol=32 * EPS)


def networks(kind: str, rng: np.random.Generator) -> list[tuple[oracle.Network, np.ndarray]]:
    """One of each kind, with eight units that are pooled to two."""
    pools = {"readout": oracle.Pool(kind, 2, 2, 2, size=2)}
    layered = oracle.Layered([layer(rng, 8, 3)], layer(rng, 2, 2), pools=pools, domain="bipolar")
    inner = {"layers.1": oracle.Pool(kind, 2, 2, 1, size=2)}
    deep = oracle.Layered([layer(rng, 4, 3), layer(rng, 3, 1)], layer(rng, 2, 3), pools=inner, variance="quadratic")
    spiking = oracle.LIF([layer(rng, 4, 3), layer(rng, 2, 1)], layer(rng, 2, 2), pools=inner)
    stream = oracle.Residual(
        layer(rng, 4, 3), [[layer(rng, 4, 4)]], layer(rng, 2, 1), pools={"readout": oracle.Pool(kind, 2, 2, 1, size=2)}
    )
    x = rng.normal(size=(2, 3))
    return [(layered, x[0]), (deep, x[0]), (spiking, x), (stream, x[0])]


@pytest.mark.parametrize("kind", KINDS)
def test_adjoints(kind: str) -> None:
    rng = np.random.default_rng(1)
    for net, x in networks(kind, rng):
        check_every_stage((net, x, rng))


@pytest.mark.parametrize("kind", KINDS)
def test_exact_gradients_agree_and_so_do_transfer_and_tree(kind: str) -> None:
    """The two ways to the gradient share no sum; neither sees how a pool is extended between the states."""
    loss = oracle.Categorical(1, eps=[0.3, -0.4])
    for net, x in networks(kind, np.random.default_rng(2)):
        one, two = (oracle.exact(net, x, loss, way=way).gradient for way in ("difference", "score"))
        for key, value in one.items():
            np.testing.assert_allclose(two[key], value, rtol=0, atol=1e-12, err_msg=key)  # 4,000 eps, sums of 2^12
        if isinstance(net, oracle.Layered):
            both = [oracle.moments(net, x, loss, oracle.agr(0.5), method=method) for method in ("transfer", "tree")]
            for key, value in both[0].items():
                np.testing.assert_allclose(both[1][key].mean, value.mean, rtol=0, atol=1e-12, err_msg=key)
                np.testing.assert_allclose(both[1][key].square, value.square, rtol=0, atol=1e-12, err_msg=key)


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ({"layers.0": oracle.Pool("max", 2, 2, 1, 2)}, "the layer of a pool is 'layers.0'; accepted: readout"),
        ({"readout": oracle.Pool("sum", 2, 2, 1, 2)}, "kind is 'sum'; accepted: average, max"),
        ({"readout": oracle.Pool("max", 2, 3, 1, 2)}, "pools 2 x 3 x 1; what is read has 4 units"),
        ({"readout": oracle.Pool("max", 1, 4, 1, 2)}, "windows of 2, which do not fit on 1 x 4"),
        ({"readout": oracle.Pool("max", 2, 2, 1, 0)}, "size is 0; expected an integer >= 1"),
        ({"readout": 2}, "is a int; expected a Pool"),
    ],
)
def test_bad_pools_are_refused_in_one_line(pools: dict, message: str) -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(oracle.InputError, match=message) as caught:
        oracle.Layered([layer(rng, 4, 3)], layer(rng, 2, 1 if "readout" in pools else 4), pools=pools)
    assert "\n" not in str(caught.value)
