"""What the commands share: exit codes, and one line for a user's mistake."""

import argparse
import sys
from typing import Any, NoReturn

DONE, FAILED, BAD_INPUT = 0, 1, 2
LONGEST = 2000  # characters of an error: who gives ten million as a key does not want them back


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


def split(names: str) -> list[str]:
    """Names with commas between; a comma in brackets belongs to a name.

    Examples
    --------
    >>> split("st,gr(tau=1,K=4),mix(lam=0.5)")
    ['st', 'gr(tau=1,K=4)', 'mix(lam=0.5)']
    """
    out, depth = [""], 0
    for letter in names:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            out.append("")
        else:
            out[-1] += letter
    return [name.strip() for name in out]
