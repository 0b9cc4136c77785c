"""The command `refsbnn`. Sub-commands are imported when they run, so that --help is there at once."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

COMMANDS = {
    "audit": ("validation.audit:main", "hold the mathematics to exact numbers; write the report"),
    "bench": ("validation.benchmarks.bench:main", "time a training step here, beside other libraries"),
    "conformance": ("validation.conformance.command:main", "hold another implementation to exact answers"),
    "data": ("refsbnn.commands.data:main", "fetch, check and bin data sets"),
    "evaluate": ("refsbnn.commands.evaluate:main", "score a trained network, count its spikes and operations"),
    "train": ("refsbnn.commands.train:main", "train a network from a configuration"),
}
CONFIGURATIONS = "validation.benchmarks"  # the package whose *.toml files `refsbnn train` knows by name
DONE, FAILED, BAD_INPUT = 0, 1, 2
LONGEST = 2000  # characters of an error: who gives ten million as a key does not want them back


def usage() -> str:
    """The text of `refsbnn --help`.

    Examples
    --------
    >>> print(usage().splitlines()[0])
    usage: refsbnn COMMAND [options]
    """
    rows = "\n".join(f"  {name:<13}{what}" for name, (_, what) in COMMANDS.items())
    return (
        "usage: refsbnn COMMAND [options]\n\n"
        "Stochastic binary and spiking Bayesian neural networks, held to exact gradients.\n\n"
        f"commands:\n{rows}\n\n"
        "example: refsbnn audit --quick\n"
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
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return DONE
    name, *rest = arguments
    if name == "--version":
        from refsbnn import __version__

        print(f"refsbnn {__version__}")
        return DONE
    if name not in COMMANDS:
        return complain(f"unknown command {name!r}; accepted: {', '.join(COMMANDS)}")
    module, _, function = COMMANDS[name][0].partition(":")
    from refsbnn import interrupt
    from refsbnn.errors import InputError

    try:
        command = getattr(importlib.import_module(module), function)
        loaded()
        return int(command(rest))
    except InputError as error:
        return complain(str(error))
    except MemoryError as error:
        return complain(f"not enough memory: {error}; a smaller network or batch needs less")
    except KeyboardInterrupt as stop:
        print("refsbnn: interrupted", file=sys.stderr)
        return interrupt.code(stop)
    except OSError as error:
        return complain(f"{error.filename or 'the system'}: {error.strerror or error}")


class Parser(argparse.ArgumentParser):
    """One line for a mistake, exit code 2."""

    def print_help(self, file: Any = None) -> None:
        """Print the help; argparse's own method says nothing of a disk that is full."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def complain(message: str) -> int:
    """Print one line on standard error and return the exit code of bad input."""
    line = " ".join(message.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    print(f"refsbnn: error: {line}", file=sys.stderr)
    return BAD_INPUT
