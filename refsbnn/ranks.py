"""The processes that run a command together: one alone, or those that mpiexec or srun started, through mpi4py."""

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TypeVar

import numpy as np

from refsbnn.console import BAD_INPUT
from refsbnn.errors import InputError
from refsbnn.launcher import launched

T = TypeVar("T")

SHORT, LONG = 5e-5, 2e-3  # seconds of the first and the longest sleep of a rank that waits where it is crowded
TO_FIRST = 1  # tag of what ranks send to the first
TOGETHER = 2.0  # seconds within which the ranks that end for the same reason all come to say so
FORWARDED = 0.5  # seconds a launcher has to pass on the last line of a rank before it is told to kill all


class Ranks:
    """One process alone; what several do besides is in `Together`.

    Attributes
    ----------
    rank, size : int
        This process's number, from 0, and how many there are.

    Examples
    --------
    >>> ALONE.share(3), ALONE.sum(np.array([5])), ALONE.gathered("x"), ALONE.agreed(False)
    (range(0, 3), array([5]), ['x'], False)
    """

    rank, size = 0, 1

    @property
    def first(self) -> bool:
        """Whether this is the rank that speaks and writes."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """This rank's part of `count` things in a row; parts differ in length by one at most."""
        return range(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def owner(self, thing: int, count: int) -> int:
        """The rank in whose share one of `count` things is."""
        return ((thing + 1) * self.size - 1) // count

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over the ranks of an int64 array, in its place: integers, so that no order matters (theory 6.2)."""
        return values

    def gathered(self, value: T) -> list[T]:
        """What each rank gave, in their order."""
        return [value]

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first rank makes, on all; an `InputError` there is raised on all."""
        return make()

    def to_first(self, make: Callable[[], T]) -> list[T]:
        """What each rank makes, in their order, on the first, and nothing on the others.

        An `InputError` on any is raised on all, the first rank's of several.
        """
        return [make()]

    def one_each_machine(self, flag: bool) -> bool:
        """Whether this rank says so and is the first on its machine that does."""
        return flag

    def wait(self) -> None:
        """Until all ranks have come here."""

    def agreed(self, flag: bool) -> bool:
        """Whether any rank says so."""
        return flag

    def together(self) -> bool:
        """Whether all ranks end here, at about the same time."""
        return True

    def abort(self, code: int) -> None:
        """End all ranks at once."""
        sys.exit(code)

    @contextmanager
    def spoken_by_first(self) -> Iterator[None]:
        """Inside, what other ranks print on standard output and error goes nowhere; exceptions pass."""
        if self.first:
            yield
            return
        with ExitStack() as stack:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
            yield


ALONE = Ranks()


class Together(Ranks):
    """Several processes; everything goes through the MPI library.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
    crowded : bool
        Whether a machine has more ranks than processors. MPI libraries wait by asking again and again, which then takes
        the processor from the rank that is waited for; so ranks sleep until all have come, before each message.
    """

    def __init__(self, comm: Any, crowded: bool) -> None:
        self.comm, self.crowded = comm, crowded
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.ending = comm.Dup()  # where ranks wait for a message they do not meet those that end

    def _met(self) -> None:
        """Where it is crowded, sleep until all ranks have come here."""
        if self.crowded:
            request, pause = self.comm.Ibarrier(), SHORT
            while not request.Test():
                time.sleep(pause)
                pause = min(2.0 * pause, LONG)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """As in `Ranks`: one Allreduce."""
        from mpi4py import MPI

        self._met()
        self.comm.Allreduce(MPI.IN_PLACE, values, MPI.SUM)
        return values

    def gathered(self, value: T) -> list[T]:
        """As in `Ranks`; between processes of one job, which trust each other, values travel as pickles."""
        self._met()
        return list(self.comm.allgather(value))

    def from_first(self, make: Callable[[], T]) -> T:
        """As in `Ranks`."""
        made: Any = None
        error: str | None = None
        if self.first:
            try:
                made = make()
            except InputError as refused:
                error = str(refused)
        self._met()
        made, error = self.comm.bcast((made, error))
        if error is not None:
            raise InputError(error)
        return made

    def to_first(self, make: Callable[[], T]) -> list[T]:
        """As in `Ranks`; each rank's in a message of its own, so that each has the length that a message may have."""
        made: Any = None
        error: str | None = None
        try:
            made = make()
        except InputError as refused:
            error = str(refused)
        for line in self.gathered(error):
            if line is not None:
                raise InputError(line)
        if not self.first:
            self.comm.send(made, 0, TO_FIRST)
            return []
        return [made, *(self.comm.recv(source=rank, tag=TO_FIRST) for rank in range(1, self.size))]

    def one_each_machine(self, flag: bool) -> bool:
        """As in `Ranks`."""
        from mpi4py import MPI

        here = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        try:
            said = here.allgather(flag)
            return flag and not any(said[: here.Get_rank()])
        finally:
            here.Free()

    def wait(self) -> None:
        """As in `Ranks`."""
        self._met()
        self.comm.Barrier()

    def agreed(self, flag: bool) -> bool:
        """As in `Ranks`."""
        return any(self.gathered(flag))

    def together(self) -> bool:
        """As in `Ranks`: a rank that fails alone finds nobody here."""
        request, end = self.ending.Ibarrier(), time.monotonic() + TOGETHER
        while not request.Test():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def abort(self, code: int) -> None:
        """As in `Ranks`."""
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(FORWARDED)
        self.comm.Abort(code)


@functools.cache
def world() -> Ranks:
    """The ranks of this program: `ALONE`, without mpi4py, unless a launcher started several.

    Raises
    ------
    InputError
        Several processes of which MPI cannot make one program.
    SystemExit
        The same, in all but the first of processes that cannot tell each other who speaks.
    """
    count, number = launched(os.environ)
    if count <= 1:
        return ALONE
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # no mpi4py, or no MPI library for it
        if number != "0":
            raise SystemExit(BAD_INPUT) from None
        reason = " ".join(str(error).split())
        raise InputError(
            f"{count} processes were started, and mpi4py cannot be loaded ({reason}); it comes with "
            "pip install 'refsbnn[mpi]', the MPI library with the cluster"
        ) from None
    if MPI.COMM_WORLD.Get_size() != count:
        if number != "0":
            raise SystemExit(BAD_INPUT)
        raise InputError(
            f"{count} processes were started, and MPI finds {MPI.COMM_WORLD.Get_size()}: launcher and MPI library do "
            "not fit; use the library's own mpiexec, or srun --mpi=pmi2 (Open MPI: --mpi=pmix)"
        )
    from refsbnn.heartbeat import begin

    here = MPI.COMM_WORLD.Split_type(MPI.COMM_TYPE_SHARED).Get_size()
    out = Together(MPI.COMM_WORLD, MPI.COMM_WORLD.allreduce(here > (os.cpu_count() or 1), MPI.LOR))
    if MPI.Query_thread() == MPI.THREAD_MULTIPLE:
        begin(MPI.COMM_WORLD.Dup(), out.abort)
    return out


def begun() -> Ranks:
    """The ranks, where `world` has been asked for them; else `ALONE`."""
    return world() if world.cache_info().currsize else ALONE


def ended(message: str, say: Callable[[str], int]) -> int:
    """Say why a command ends, once: the first rank for all that end together, a rank that ends alone for itself.

    Returns the exit code, which `say` gives. A rank that ends alone ends the others, which would wait for it.
    """
    ranks = begun()  # a command that the first process runs alone must not wait for the others
    if ranks.size == 1 or ranks.together():
        with ranks.spoken_by_first():
            return say(message)
    code = say(f"rank {ranks.rank}: {message}")
    ranks.abort(code)
    return code
