"""What the commands share: exit codes, and one line for a user's mistake."""

import argparse
import sys
from typing import NoReturn

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """One line for a mistake, exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def complain(message: str) -> int:
    """Print one line on standard error and return the exit code of bad input."""
    print(f"refsbnn: error: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT
