"""The network that trains against the oracle over all joint states: every option, both backends, every way of running.

`agreement.TOLERANCE` is the one tolerance: roundings of the type, relative to the estimate's root mean square.
"""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy import integrate

import oracle
from oracle.noise import NOISES, law
from refsbnn.errors import InputError
from refsbnn.layers import chain
from refsbnn.streams import Streams
from tests.validation.twins import CASES, FIRST, with_points
from validation import driver, twin
from validation.conformance.own.cases import LABEL, OwnCase
from validation.conformance.own.cases import make as own_cases
from validation.evidence import networks
from validation.evidence.agreement import TOLERANCE, deviation

ENGINES = [{"backend": "numba", "dtype": dtype} for dtype in ("float64", "float32")]


def held(name: str, *, squares: bool = False, **way: Any) -> None:
    """One case in one way of running."""
    net, x, loss, member, words = CASES[name](np.random.default_rng(len(name)))
    one = twin.of(net, x, loss, member, **words, **way)
    assert deviation(one, x, loss, squares=squares) <= TOLERANCE[one.network.dtype.name]


@pytest.mark.parametrize("name", CASES)
def test_mean_bias_variance_and_mean_squared_error_are_the_oracles(name: str) -> None:
    """Theory 5.1 to 5.3, 5.7: one state a batch for the squares, all states in one batch for the mean."""
    held(name, squares=True)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("recompute", [1, 3])
def test_layers_run_again_and_time_in_pieces_give_the_same(name: str, recompute: int) -> None:
    held(name, recompute=recompute, chunk=int("neurons" in name or "LIF" in name))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine["dtype"])
def test_the_engine_gives_the_same(name: str, engine: dict[str, str]) -> None:
    held(name, **engine)
    held(name, **engine, recompute=2, chunk=int("neurons" in name or "LIF" in name))


@pytest.mark.parametrize("name", ["dense", "residual", "neurons on spikes", "convolution average pool"])
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine["dtype"])
def test_the_engine_has_the_same_squares(name: str, engine: dict[str, str]) -> None:
    held(name, **engine, squares=True)


OWN = [each for each in own_cases() if each.op.name.startswith("network.")]


@pytest.mark.parametrize("own", OWN, ids=[each.id for each in OWN])
@pytest.mark.parametrize("engine", [{}, *ENGINES], ids=lambda engine: engine.get("dtype", "reference"))
def test_the_networks_of_the_conformance_suite(own: OwnCase, engine: dict[str, str]) -> None:
    """What its own-noise mode samples, enumerated; squares where a slope is a function of the spike."""
    member, loss = own.op.options["member"], oracle.Categorical(LABEL)
    squares = not engine and not oracle.member(member).random
    for way in ({}, {"recompute": 1, "chunk": int(own.op.name == "network.lif")}):
        one = twin.of(own.net, own.x, loss, member, **engine, **way)
        worst = deviation(one, own.x, loss, squares=squares and not way)
        assert worst <= TOLERANCE[one.network.dtype.name]


# The map and the points.


@pytest.mark.parametrize("name", [name for name in CASES if "LIF" not in name])
def test_the_map_of_parameters_goes_both_ways(name: str) -> None:
    net, x, loss, member, words = CASES[name](np.random.default_rng(len(name)))
    one = twin.of(net, x, loss, member, **words)
    assert set(one.keys.values()) == set(one.parameters) == set(one.network.initial(Streams(0)))
    mapped = oracle.parameters(one.oracle_of(one.parameters))
    for key, value in oracle.parameters(net).items():
        if words.get("zero_mean") and key.endswith(".mu"):
            continue  # the network's projection stands between
        # exp(log(sigma2)): |log sigma2| <= 3, half a rounding of it, and one of exp
        np.testing.assert_allclose(mapped[key], value, rtol=6 * 2.0**-52, atol=0, err_msg=key)
    absent = oracle.parameters(one.net).keys() - oracle.parameters(net).keys()
    assert all("bias" in key and not mapped[key].any() for key in absent)
    if not words.get("point") and not words.get("zero_mean"):
        changed = one.oracle_of({key: value + 0.25 for key, value in one.parameters.items()})
        again = oracle.parameters(twin.of(changed, x, loss, member, **words).net)
        for key, value in oracle.parameters(changed).items():
            np.testing.assert_allclose(again[key], value, rtol=6 * 2.0**-52, atol=0, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_every_layer_has_a_number_of_its_own_in_the_draws(name: str) -> None:
    """Two layers of one number would share their uniforms; theory 6.1 wants them apart."""
    net, x, loss, member, words = CASES[name](np.random.default_rng(len(name)))
    stages = chain.leaves(twin.of(net, x, loss, member, **words).network.stages)
    numbers = [stage.place.index for _, stage in stages]
    assert len(set(numbers)) == len(numbers)


def test_what_is_no_convolution_and_no_point_is_refused() -> None:
    rng = np.random.default_rng(0)
    plain = networks.layered(rng, [9, 8])
    with pytest.raises(InputError, match=r"layers\.0\.mu is not the matrix of Convolution\(shape="):
        twin.make(plain, "st", convolutions={"layers.0": FIRST})
    with pytest.raises(InputError, match=r"layers\.0 is no layer of points: sigma2 must be 0 and bias_sigma2 1"):
        twin.make(plain, "st", point=True)
    with pytest.raises(InputError, match="accumulate must be False"):
        twin.make(with_points(networks.lif(rng, [2, 2])), "st", steps=2, point=True)
    with pytest.raises(InputError, match="accumulate must be True"):
        twin.make(with_points(networks.residual(rng, 2, 2, [1], accumulate=False)), "st", point=True)


def test_what_has_no_finite_set_of_states_is_refused() -> None:
    with pytest.raises(InputError, match="r is up to 12: uniforms of float64 are too sparse for it"):
        driver.points(law(NOISES["gaussian"], np.array([[12.0]]), np.ones((1, 1))), 0.5)
    net, x, loss, _, _ = CASES["dense"](np.random.default_rng(0))
    with pytest.raises(InputError, match=r"member 'gs\(tau=1\)' sends any number forward"):
        driver.states(twin.of(net, x, loss, "gs(tau=1)"), x, loss)


@pytest.mark.parametrize("noise", ["gaussian", "logistic"])
@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
def test_the_points_of_a_cell_have_the_slopes_mean_and_mean_square(noise: str, tau: float) -> None:
    """By SciPy's integral over the pre-activation: theory 2.9 with none of the code of either side."""
    pdf = {
        "gaussian": lambda a: np.exp(-0.5 * a * a) / np.sqrt(2.0 * np.pi),
        "logistic": lambda a: 0.25 / np.cosh(a / 2.0) ** 2,
    }[noise]
    for r in (-1.5, 0.2, 2.0):
        units = law(NOISES[noise], np.array([[r]]), np.ones((1, 1)))
        u, weights = driver.points(units, tau)
        for z, (low, high, p) in enumerate(((-40.0, 0.0, units.p0), (0.0, 40.0, units.p1))):
            inside = u[0, 0, z] < units.p1[0, 0]
            assert inside.all() if z else not inside.any()
            a = r - np.array([quantile(noise, each) for each in u[0, 0, z]])
            for power in range(3):
                integral = integrate.quad(
                    lambda a, power=power, r=r: (pdf(a / tau) / tau) ** power * pdf(a - r), low, high, epsabs=1e-13
                )[0]
                found = weights[0, 0, z] @ (pdf(a / tau) / tau) ** power
                assert found == pytest.approx(integral / p[0, 0], rel=1e-9)  # of the integral


def quantile(noise: str, u: float) -> float:
    """F^-1(u)."""
    return NormalDist().inv_cdf(u) if noise == "gaussian" else float(np.log(u / (1.0 - u)))
