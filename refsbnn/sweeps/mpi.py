"""Runs on the ranks of an MPI allocation (mpi4py.futures): rank 0 hands them out, the others do one at a time each."""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from typing import Any

from refsbnn import interrupt
from refsbnn.console import DONE, complain
from refsbnn.errors import InputError
from refsbnn.ranks import Together, world
from refsbnn.sweeps import local
from refsbnn.sweeps.job import Job, Report

STOPPED = "stopped"


def over_ranks(work: Callable[[Any, int, int], int]) -> int:
    """Call `work` on rank 0 while the other ranks work for it; the exit code.

    Parameters
    ----------
    work : callable
        It gets the executor, the number of workers, and the threads that each run may have.

    Raises
    ------
    InputError
        One rank alone, no mpi4py, or no MPI library.
    """
    ranks = world()
    if not isinstance(ranks, Together):
        raise InputError("--engine mpi has one rank; expected at least 2: mpiexec -n 3 refsbnn sweep ... --engine mpi")
    from mpi4py.futures import MPICommExecutor

    threads = cores(ranks.comm)
    if not ranks.first:  # between runs, rank 0 decides; within one, `local.run` passes signals on
        for number in interrupt.SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    with MPICommExecutor(ranks.comm, root=0) as pool:
        if pool is None:  # all is done
            return DONE
        try:
            return work(pool, ranks.size - 1, threads)
        except InputError as error:  # of rank 0 alone: the others end in order
            return complain(str(error))


def cores(comm: Any) -> int:
    """Cores for each rank: what it was bound to, or its share of the node's; to be called by all ranks."""
    from mpi4py import MPI

    node = comm.Split_type(MPI.COMM_TYPE_SHARED)
    neighbours = node.Get_size()
    node.Free()
    bound, there = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    return bound if bound < there else max(there // neighbours, 1)


def on_rank(job: Job) -> str:
    """Do a run on a worker; what went wrong, or nothing."""
    told: list[str] = []
    try:
        local.run([job], 1, lambda job, wrong: told.append(wrong))
    except KeyboardInterrupt:
        return STOPPED
    return told[0]


def run(pool: Executor, jobs: Sequence[Job], report: Report) -> None:
    """Do runs on the workers, as `local.run` does on this machine."""
    waiting = {pool.submit(on_rank, job): job for job in jobs}
    try:
        for future in as_completed(waiting):
            wrong = future.result()
            if wrong != STOPPED:
                report(waiting[future], wrong)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
