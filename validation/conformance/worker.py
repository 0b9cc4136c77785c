"""What runs in an adapter's own process: load it, run and judge the cases that come, answer in JSON."""

import json
import sys
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from refsbnn import output
from refsbnn.errors import InputError
from validation.conformance.adapters import Adapter, load, one_line
from validation.conformance.judge import Outcome
from validation.conformance.plain import TYPES, plain
from validation.conformance.run import capabilities, run_case
from validation.conformance.schema import Case

if TYPE_CHECKING:
    from validation.conformance.own.cases import OwnCase


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
        channel.send_bytes(json.dumps(served(adapter, *request)).encode())


def served(
    adapter: Adapter, record: bool, case: "Case | OwnCase", dtype: str, seed: int, *options: Any
) -> dict[str, Any]:
    """The outcome of a case, with the results if they are recorded; what is raised is a failure, in here Ctrl-C too."""
    kept: dict[str, np.ndarray] = {}
    try:
        if isinstance(case, Case):
            outcome = run_case(adapter, case, dtype, seed, kept if record else None)
        else:
            from validation.conformance.own import run as own_run  # brings the oracle, which given noise does without

            outcome = own_run.run_case(adapter, case, dtype, seed, *options)
    except BaseException as error:
        outcome = Outcome(case.id, "fail", one_line(error), bug_class=case.bug_class)
    return {**asdict(outcome), "arrays": {k: plain(y) for k, y in kept.items() if y.dtype.name in TYPES}}
