"""Commands on several ranks, with every MPI library there is: this environment's, MPI_PREFIXES' and the system's."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from refsbnn.launcher import unlaunched

# Open MPI: root may run it, and more ranks than processors are no mistake.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "MPI4PY_MPIABI": "openmpi",
}
MPICH = {"MPI4PY_MPIABI": "mpich"}


@dataclass(frozen=True)
class Library:
    """An MPI library: its name, its launcher, what the environment needs."""

    name: str
    launcher: Path
    environment: tuple[tuple[str, str], ...]

    def start(self, ranks: int, *command: str, threads: int = 1, **words) -> subprocess.Popen:
        """Start `python -m` and a command on some ranks; standard output and error are kept as text."""
        environment = unlaunched(os.environ) | dict(self.environment) | {"NUMBA_NUM_THREADS": str(threads)}
        environment |= {"OPENBLAS_NUM_THREADS": "1"} | words.pop("env", {})
        line = [str(self.launcher), "-n", str(ranks), sys.executable, "-m", *command]
        kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(line, env=environment, start_new_session=True, **kept, **words)

    def run(self, ranks: int, *command: str, **words) -> subprocess.CompletedProcess:
        """Run it to its end."""
        with self.start(ranks, *command, **words) as process:
            out, error = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def ours(error: str) -> list[str]:
    """The lines that the command itself wrote on standard error; launchers add their own."""
    return [line for line in error.splitlines() if line.startswith("refsbnn: ")]


@functools.cache
def libraries() -> dict[str, Library]:
    """The libraries found, by name; none without mpi4py."""
    if importlib.util.find_spec("mpi4py") is None:
        return {}
    system = shutil.which("mpiexec")
    places = [Path(sys.prefix), *map(Path, filter(None, os.environ.get("MPI_PREFIXES", "").split(":")))]
    places += [Path(system).parent.parent] if system else []
    found: dict[str, Library] = {}
    for place in places:
        launcher = place / "bin" / "mpiexec"
        if not launcher.is_file():
            continue
        told = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False)
        name = "mpich" if "HYDRA" in told.stdout else "openmpi"
        settings = {"mpich": MPICH, "openmpi": OPEN_MPI}[name]
        if library := next(place.glob("lib/libmpi.so*"), None):  # else mpi4py finds the system's
            settings = settings | {"MPI4PY_LIBMPI": str(library.resolve()), "LD_LIBRARY_PATH": str(library.parent)}
        found.setdefault(name, Library(name, launcher, tuple(settings.items())))
    return found
