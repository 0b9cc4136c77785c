"""`python -m refsbnn` is the `refsbnn` command."""

import signal
import sys

from refsbnn import interrupt

for number in interrupt.SIGNALS:
    signal.signal(number, interrupt.leave)


def main() -> int:
    """Run the command that the arguments name as a process of its own; returns the exit code."""
    from refsbnn import cli, console, output

    output.replace()
    try:
        try:
            code = cli.main(loaded=interrupt.raised)
        except SystemExit as stop:  # of the parser of arguments
            code = stop.code if isinstance(stop.code, int) else console.FAILED
        sys.stdout.flush()
    except OSError as error:
        code = console.complain(f"{error.filename}: {error.strerror}")
    finally:
        for number in interrupt.SIGNALS:
            signal.signal(number, signal.SIG_DFL)  # nothing is left to do
    return code


if __name__ == "__main__":
    if not sys.flags.safe_path:  # as for the installed command, a user's file `validation.py` here hides no package
        del sys.path[0]
    sys.exit(main())
