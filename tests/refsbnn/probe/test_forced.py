"""Forced draws: one spike as it is told, every other number as it was."""

import numpy as np
import pytest

from refsbnn.draws import CounterDraws, GivenDraws, Uniforms
from refsbnn.kernels import unit as kernels
from refsbnn.noise import GAUSSIAN, LOGISTIC
from refsbnn.probe.forced import FORCING, Forced
from refsbnn.reference import unit as reference
from refsbnn.streams import Purpose, Streams

DRAWN = CounterDraws(Streams(3), Purpose.PREDICT, 5, np.array([7, 2]))
CELLS, SPIKES = np.array([0, 5, 11]), np.array([[1, 0, 1], [0, 0, 1]])
FORCED = Forced(DRAWN, 4, CELLS, SPIKES)


def test_one_uniform_a_copy_is_forced_over_time() -> None:
    was = np.repeat(DRAWN.uniforms(4, (2, 3), steps=2), 3, axis=1)
    now = FORCED.uniforms(4, (2, 3), steps=2)
    step, row, y, x = np.nonzero(was != now)
    copies = np.tile(CELLS, 2)
    order = np.argsort(row)
    assert row[order].tolist() == list(range(6))
    assert (step * 6 + y * 3 + x)[order].tolist() == copies.tolist()
    assert now[step, row, y, x][order].tolist() == FORCING[SPIKES.ravel()].tolist()


def test_one_uniform_a_copy_is_forced_without_time() -> None:
    was, now = np.repeat(DRAWN.uniforms(4, (12,)), 3, axis=0), FORCED.uniforms(4, (12,))
    assert np.argwhere(was != now).tolist() == [[row, cell] for row, cell in enumerate(np.tile(CELLS, 2))]


def test_everything_else_is_as_it_was() -> None:
    assert FORCED.batch == 6
    other = FORCED.address(3, (12,))
    assert isinstance(other, Uniforms)
    assert (np.asarray(other) == np.repeat(DRAWN.uniforms(3, (12,)), 3, axis=0)).all()
    extra = FORCED.uniforms(4, (12,), draw=1)
    assert (extra == np.repeat(DRAWN.uniforms(4, (12,), draw=1), 3, axis=0)).all()
    assert (FORCED.normals(6, (4,)) == np.repeat(DRAWN.normals(6, (4,)), 3, axis=0)).all()


def test_pieces_of_time_are_those_of_the_whole() -> None:
    whole = FORCED.uniforms(4, (3,), steps=4)
    pieces = [FORCED.at(time).uniforms(4, (3,), steps=2) for time in (0, 2)]
    assert (np.concatenate(pieces) == whole).all()


def test_given_numbers_are_repeated_too() -> None:
    given = Forced(GivenDraws(1, {0: np.full((1, 2), 0.5)}), 1, np.array([0, 1]), np.array([[0, 1]]))
    assert (given.address(0, (2,)) == np.full((2, 2), 0.5)).all()


@pytest.mark.parametrize("noise", [GAUSSIAN, LOGISTIC])
@pytest.mark.parametrize(("backend", "dtype"), [(reference, float), (kernels, np.float32), (kernels, np.float64)])
def test_a_spike_is_forced_wherever_it_has_both_states(backend, dtype, noise) -> None:
    """Also where F(r) rounds to 1 in float32, at r = 6."""
    m = np.array([-8.0, -6.0, 0.0, 6.0, 8.0], dtype)
    for z in (0, 1):
        u = np.full(m.shape, FORCING[z])
        h = backend.forward(m, np.ones_like(m), u, noise=noise, member="st")
        assert (h == z).all()
