"""The command `refsbnn`. Sub-commands are imported when they run, so that --help is there at once."""

import ast
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from refsbnn.console import DONE, FAILED, complain
from refsbnn.launcher import launched

GROUP = "refsbnn.commands"  # the entry points with which other packages add commands
NAMES = ("data", "evaluate", "probe", "sweep", "train")
OWN = [EntryPoint(name, f"refsbnn.commands.{name}:main", GROUP) for name in NAMES]


def commands() -> dict[str, EntryPoint]:
    """The sub-commands by name: those of this package, and what installed packages add to them."""
    found = {entry.name: entry for entry in (*entry_points(group=GROUP), *OWN)}
    return dict(sorted(found.items()))


def summary(command: EntryPoint) -> str:
    """What a command does: the first line of its module's docstring, read from the file, which is not run."""
    try:
        spec = find_spec(command.module)
        if spec is None or spec.origin is None:
            return f"cannot be loaded: there is no module {command.module}"
        text = ast.get_docstring(ast.parse(Path(spec.origin).read_bytes())) or command.value
    except (ImportError, SyntaxError, OSError) as error:
        return f"cannot be loaded: {' '.join(str(error).split())}"
    first = text.splitlines()[0]
    return first.removeprefix(f"`refsbnn {command.name}`: ").removesuffix(".")


def shared(command: EntryPoint) -> bool:
    """Whether ranks share a command's work: its module says SHARED, which is read from the file, which is not run."""
    try:
        spec = find_spec(command.module)
        return spec is not None and spec.origin is not None and b"\nSHARED = True" in Path(spec.origin).read_bytes()
    except (ImportError, OSError):
        return False


def usage() -> str:
    """The text of `refsbnn --help`.

    Examples
    --------
    >>> print(usage().splitlines()[0])
    usage: refsbnn COMMAND [options]
    """
    rows = "\n".join(f"  {name:<13}{summary(command)}" for name, command in commands().items())
    return (
        "usage: refsbnn COMMAND [options]\n\n"
        "Stochastic binary and spiking Bayesian neural networks, held to exact gradients.\n\n"
        f"commands:\n{rows}\n\n"
        "example: refsbnn train digits_binary\n"
        "`refsbnn COMMAND --help` explains a command; `refsbnn --version` prints the version.\n"
        "exit code: 0 done, 1 a check failed, 2 bad input, 130 and 143 stopped by Ctrl-C and SIGTERM."
    )


def main(argv: Sequence[str] | None = None, loaded: Callable[[], None] = lambda: None) -> int:
    """Run a sub-command and return its exit code; a user's mistake prints one line and gives 2.

    `loaded` is called between the import of the sub-command and its run.

    Examples
    --------
    >>> main(["--version"])
    refsbnn 0.1.0
    0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    count, number = launched(os.environ)
    name, *rest = arguments or ["help"]
    known = commands()
    if number != "0" and name not in known:  # all processes have the same arguments, and the first says the same
        return DONE
    if name in ("-h", "--help", "help"):
        print(usage())
        return DONE
    if name == "--version":
        from refsbnn import __version__

        print(f"refsbnn {__version__}")
        return DONE
    if name not in known:
        return complain(f"unknown command {name!r}; accepted: {', '.join(known)}")
    if count > 1 and shared(known[name]):
        # MPICH sends what lies in unused memory, zeros shortened, and Slurm 22.05 cuts what is beyond 1,024 bytes. So
        # MPI begins before much has been there; `ranks.world` says what is wrong.
        with suppress(ImportError, RuntimeError):
            importlib.import_module("mpi4py.MPI")
    from refsbnn import interrupt, memory, ranks
    from refsbnn.errors import InputError

    memory.keep_freed()

    try:
        try:
            command = known[name].load()
        except (ImportError, AttributeError, SyntaxError) as error:
            return complain(f"command {name!r} ({known[name].value}) cannot be loaded: {error}")
        loaded()
        if count > 1 and not shared(known[name]):
            return alone(command, rest, number, count)
        with ranks.world().spoken_by_first():
            return int(command(rest))
    except InputError as error:
        return ranks.ended(str(error), complain)
    except MemoryError as error:
        return ranks.ended(f"not enough memory: {error}; a smaller network or batch needs less", complain)
    except KeyboardInterrupt as stop:
        return ranks.ended("interrupted", partial(tell, interrupt.code(stop)))
    except OSError as error:
        return ranks.ended(f"{error.filename or 'the system'}: {error.strerror or error}", complain)
    except Exception:
        if ranks.begun().size > 1:  # the others would wait for this rank
            traceback.print_exc()
            ranks.begun().abort(FAILED)
            return FAILED
        raise


def alone(command: Callable[[Sequence[str]], int], arguments: Sequence[str], number: str, count: int) -> int:
    """Run a command that knows nothing of ranks in the first of some processes; the others are done."""
    if number != "0":
        return DONE
    print(f"refsbnn: this command takes one process; the first of {count} runs it", file=sys.stderr)
    return command(arguments)


def tell(code: int, message: str) -> int:
    """Print a line on standard error and return an exit code."""
    print(f"refsbnn: {message}", file=sys.stderr)
    return code
