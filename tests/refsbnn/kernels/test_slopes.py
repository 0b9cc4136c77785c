"""Slopes of the kernels, in float32 and for every form that a member declares, against the members' own float64."""

import mpmath
import numpy as np
import pytest
from numba import njit

from refsbnn import estimators
from refsbnn.errors import InputError
from refsbnn.kernels import fire, slopes
from refsbnn.kernels.simd import LANES, load, store
from refsbnn.noise import GAUSSIAN, LOGISTIC, Noise

EPS = np.finfo(np.float32).eps
MORE = ["mix(lam=0)", "mix(lam=1)", "agr(tau=0.1)", "agr(tau=3)"]
FORMS = [spec for spec in (*estimators.EXAMPLES, *MORE) if estimators.get(spec).form is not None]
# Both sides of the task's size, and a last vector that is not full.
R = np.concatenate([np.linspace(-40.0, 40.0, slopes.CHUNK + 4), [0.0], 10.0 ** np.linspace(-6, 2, 9)]).astype(
    np.float32
)


def test_every_form_is_one_that_the_kernels_know() -> None:
    kinds = {estimators.get(spec).form.kind for spec in FORMS}
    assert kinds == set(slopes.FORMS)
    assert all(slopes.rule(estimators.get(spec), GAUSSIAN) is not None for spec in FORMS)


def test_forms_for_gaussian_noise_are_not_used_with_another() -> None:
    without = {spec for spec in FORMS if slopes.rule(estimators.get(spec), LOGISTIC) is not None}
    assert {estimators.get(spec).form.kind for spec in without} == {
        "constant", "fast-sigmoid", "arctan", "triangular", "gaussian",
    }  # fmt: skip


@pytest.mark.parametrize("spec", FORMS)
def test_slopes_are_the_members_own(spec: str) -> None:
    """r is right to 1 eps, so phi(r) to r^2 eps; the rest are some thirty roundings, those of a logit over tau."""
    member, exact = estimators.get(spec), R.astype(np.float64)
    v = np.ones_like(R)
    for state in (0, 1):
        h = np.full(R.shape, state, np.uint8)
        got = slopes.slopes(h, R, v, 0.0, member, GAUSSIAN, None, None)
        want = member.slope(h, exact, GAUSSIAN)
        assert got.dtype == np.float32
        coldness = 1.0 / getattr(member, "tau", 1.0)
        absolute = EPS if spec.startswith("triangular") else 0.0  # 1 - k |r| cancels at its foot
        # Where the density is cut at the smallest normal number nothing below it can be told.
        bound = 40.0 * EPS * (1.0 + exact**2) * max(1.0, coldness) * np.abs(want) + absolute + 1e-35
        assert (np.abs(got - want) <= bound).all(), f"{spec} {state}: {(np.abs(got - want) / bound).max():.3g}"


def test_the_logit_of_a_gaussian_probability() -> None:
    @njit
    def run(t, out):
        for i in range(0, len(t), LANES):
            store(out, i, slopes.logit(load(t, i)))

    t = np.concatenate([np.linspace(0.0, 40.0, 56), [255.0, 257.0, 400.0, 1e4, 1e15, 1e-6, 1e-3, 0.1]]).astype(
        np.float32
    )
    out = np.empty_like(t)
    run(t, out)
    with mpmath.workdps(40):
        half = [mpmath.erfc(mpmath.mpf(float(x)) / mpmath.sqrt(2)) / 2 for x in t[t < 300.0]]
        want = np.array([float(mpmath.log((1 - p) / p)) for p in half])
    error = np.abs(out[t < 300.0] - want)
    # Four square roots cost an eps, which 16 times the logarithm makes 16; a polynomial's 4 eps in Phi(-t) / phi(t).
    assert (error <= 16.0 * EPS + 4.0 * EPS * want + (t[t < 300.0] > 256.0) * 6e-6 * want).all()
    far = t[t >= 300.0].astype(np.float64)
    assert (np.abs(out[t >= 300.0] / (0.5 * far**2 + np.log(far * np.sqrt(2.0 * np.pi))) - 1.0) <= 6e-6).all()


def test_a_member_of_the_users_own_says_how_it_is_sampled() -> None:
    class Halved(estimators.StraightThrough):
        """A form that differs from its class's is declared like any other."""

        def affine(self) -> tuple[float, float, float]:
            return 0.5, 0.0, 0.0

    assert fire.kind_of(Halved()) == fire.SPIKE
    assert slopes.rule(Halved(), GAUSSIAN) == slopes.make(slopes.AFFINE, 0.5)

    class Silent(estimators.StraightThrough):
        """Its own forward value, and no word on its law."""

        def sample(self, r: np.ndarray, u: np.ndarray, noise: Noise) -> np.ndarray:
            return np.zeros_like(r)

    with pytest.raises(InputError, match=r"cannot sample st; accepted: the members of refsbnn\.estimators"):
        fire.kind_of(Silent())
