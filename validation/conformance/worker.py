"""What runs in an adapter's own process: load it, run and judge the cases that come, answer in JSON."""

import json
import sys
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from refsbnn import output
from refsbnn.errors import InputError
from validation.conformance.adapters import Adapter, load, one_line
from validation.conformance.judge import Outcome
from validation.conformance.own import run as own_run
from validation.conformance.own.cases import OwnCase
from validation.conformance.run import capabilities, run_case
from validation.conformance.schema import Case


def main() -> None:
    """Serve the process whose pipe the last argument names."""
    output.replace()  # an adapter may print, whoever reads it
    channel = Connection(int(sys.argv[-1]))
    asked: dict[str, Any] = channel.recv()
    try:
        adapter = load(asked["adapter"], asked["device"])
        answer: dict[str, Any] = {"dtypes": capabilities(adapter, asked["adapter"]).dtypes}
    except InputError as error:
        answer = {"error": str(error)}
    except BaseException as error:
        answer = {"error": f"adapter {asked['adapter']} cannot be made: {one_line(error)}"}
    channel.send_bytes(json.dumps(answer).encode())
    while True:
        try:
            request = channel.recv()
        except EOFError:
            return
        channel.send_bytes(json.dumps(asdict(served(adapter, *request))).encode())


def served(adapter: Adapter, case: Case | OwnCase, *options: Any) -> Outcome:
    """The outcome of a case; whatever is raised is a failure, in here Ctrl-C too."""
    try:
        if isinstance(case, Case):
            return run_case(adapter, case, *options)
        return own_run.run_case(adapter, case, *options)
    except BaseException as error:
        return Outcome(case.id, "fail", one_line(error), bug_class=case.bug_class)
