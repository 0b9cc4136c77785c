"""validation.benchmarks.overlap with a fault: one number of the sums is never sent."""

import sys

from refsbnn.console import complain
from refsbnn.errors import InputError
from validation.benchmarks import overlap

send = overlap.Steps.send


def short(self: overlap.Steps, begin: int, end: int) -> None:
    """Send one number less, once a step."""
    send(self, begin, end if self.requests else end - 1)


if __name__ == "__main__":
    overlap.Steps.send = short  # type: ignore[method-assign]
    try:
        sys.exit(overlap.main())
    except InputError as error:
        sys.exit(complain(str(error)))
