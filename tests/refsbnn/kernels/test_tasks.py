"""kernels.tasks: each task runs once, whatever their number and that of the threads, with what it is given."""

from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba import njit

from refsbnn.kernels.tasks import run


class Pair(NamedTuple):
    """Arguments that are a group."""

    first: np.ndarray
    second: np.ndarray


@njit
def _one(task, count, pair, factor, flag):
    count[task] += 1
    scratch = np.full(3, factor)  # threads make arrays of their own
    pair.first[task] = scratch.sum() * pair.second[task] if flag else -1.0


@njit(nogil=True)
def _all(tasks, count, pair, factor, flag):
    run(_one, tasks, (count, pair, factor, flag))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("tasks", [0, 1, 2, 3, 7, 64, 1001])
def test_every_task_runs_once(tasks: int, threads: int) -> None:
    if threads > numba.config.NUMBA_NUM_THREADS:
        pytest.skip(f"Numba has {numba.config.NUMBA_NUM_THREADS} threads here")
    count, pair = np.zeros(tasks + 1, int), Pair(np.zeros(tasks), np.arange(tasks, dtype=float))
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        _all(tasks, count, pair, 0.5, True)
    finally:
        numba.set_num_threads(before)
    assert (count == [1] * tasks + [0]).all()
    assert (pair.first == 1.5 * pair.second).all()


@njit
def _who(task, names, work):
    total = 0.0
    for i in range(work):
        total += np.sqrt(i + task)
    names[task] = numba.np.ufunc.parallel._get_thread_id() + 0 * total


@njit
def _whos(names, work):
    run(_who, len(names), (names, work))


def test_threads_share_them() -> None:
    """As `prange` shares its own: half of the tasks for each of two threads."""
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba has one thread here")
    names, before = np.zeros(8, int), numba.get_num_threads()
    numba.set_num_threads(2)
    try:
        _whos(names, 10)
    finally:
        numba.set_num_threads(before)
    assert (names[:4] == names[0]).all()
    assert (names[4:] == names[4]).all()
    assert names[0] != names[4]
