"""What mpiexec or srun says to each process that it starts, read without an MPI library."""

from collections.abc import Mapping

# What launchers say of the number of processes, and of a process's own, the first that is there: Open MPI; MPICH, what
# is built on it, and srun --mpi=pmi2; MVAPICH; srun. The last counts mpiexec's own daemons where srun started those.
SIZES = {
    "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK",
    "PMI_SIZE": "PMI_RANK",
    "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_RANK",
    "SLURM_STEP_NUM_TASKS": "SLURM_PROCID",
}
LAUNCHERS = ("OMPI_", "PMI_", "PMIX_", "MV2_", "SLURM_STEP_")  # how their variables begin


def launched(environment: Mapping[str, str]) -> tuple[int, str]:
    """How many processes a launcher started, by the variables that it set, and which of them this is; 1 without one.

    Examples
    --------
    >>> launched({"PMI_SIZE": "4", "PMI_RANK": "1", "SLURM_STEP_NUM_TASKS": "2"}), launched({})
    ((4, '1'), (1, '0'))
    """
    for size, number in SIZES.items():
        if environment.get(size, "").isdecimal():
            return int(environment[size]), environment.get(number, "0")
    return 1, "0"


def unlaunched(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process of its own: without what says that a launcher started it together with others.

    Examples
    --------
    >>> unlaunched({"PMI_SIZE": "4", "HOME": "/root"})
    {'HOME': '/root'}
    """
    return {name: value for name, value in environment.items() if not name.startswith(LAUNCHERS)}
