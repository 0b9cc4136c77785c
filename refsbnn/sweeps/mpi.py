"""Runs on the ranks of an MPI allocation (mpi4py.futures): rank 0 hands them out, each of the others does one at a time."""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed

from refsbnn import interrupt
from refsbnn.console import DONE
from refsbnn.errors import InputError
from refsbnn.sweeps import local
from refsbnn.sweeps.job import Job, Report

STOPPED = "stopped"


def over_ranks(work: Callable[[Executor, int], int]) -> int:
    """Call `work` on rank 0 with an executor and its number of workers, while the other ranks work; the exit code.

    Raises
    ------
    InputError
        No mpi4py, or no MPI library, or one rank alone.
    """
    try:
        from mpi4py import MPI
        from mpi4py.futures import MPICommExecutor
    except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py's own, without a library
        raise InputError(f"--engine mpi needs mpi4py and an MPI library: pip install 'refsbnn[mpi]' ({error})") from None
    world = MPI.COMM_WORLD
    if world.size == 1:
        raise InputError("--engine mpi has one rank; expected at least 2: mpiexec -n 3 refsbnn sweep ... --engine mpi")
    if world.rank:  # between runs, rank 0 decides; within one, `local.run` passes signals on
        for number in interrupt.SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    with MPICommExecutor(world, root=0) as pool:
        return DONE if pool is None else work(pool, world.size - 1)


def threads() -> int:
    """Threads of a run on this rank: what the rank was bound to, or its share of the node's cores."""
    from mpi4py import MPI

    bound, cores = len(os.sched_getaffinity(0)), os.cpu_count() or 1
    node = MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED)
    neighbours = node.size
    node.Free()
    return bound if bound < cores else max(cores // neighbours, 1)


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
