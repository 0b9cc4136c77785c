"""A run's final parameters as a network that ships: `refsbnn/published/NAME.h5`, for a model card beside it.

python -m validation.benchmarks.publish RUN refsbnn/published/NAME.h5
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from refsbnn.console import DONE, Parser, complain
from refsbnn.errors import InputError
from refsbnn.training import folder, published


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file of a run; returns the exit code."""
    parser = Parser(prog="python -m validation.benchmarks.publish", description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a finished run of a shipped model")
    parser.add_argument("file", type=Path, help="refsbnn/published/NAME.h5")
    given = parser.parse_args(argv)
    try:
        stored = folder.read(given.run)
        size = published.write(given.file, stored.config, stored.parameters)
    except InputError as error:
        return complain(str(error))
    print(f"{given.file}: {size:,} bytes")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
