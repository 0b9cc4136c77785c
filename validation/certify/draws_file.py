"""Certify without Python: a file of draws, and a file of what a program in any language estimates from them.

Both are JSON. Which draws are wanted follows from the code's answers; the file holds those that any code would be asked
for, found by certifying stand-ins of every kind and noting their calls. What is answered is then certified as if it
were called.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refsbnn import estimators, files
from refsbnn import noise as noises
from refsbnn.errors import InputError, refusing
from validation.certify import time
from validation.certify.call import Convention, Estimator
from validation.certify.networks import LOSSES, SLOPE, TARGETS, Loss

SCHEMA = 1
LARGEST = 1 << 28  # bytes of a file
KINDS = {"affine": {"slope": SLOPE.tolist()}, "quadratic": {"targets": TARGETS.tolist()}, "softmax": {"label": 0}}
Slope = Callable[..., np.ndarray]


def _key(parameters: Any, x: np.ndarray, uniforms: Sequence[np.ndarray], loss: Loss) -> tuple[Any, ...]:
    arrays = [*(np.asarray(parameters[key]) for key in sorted(parameters)), x, *uniforms]
    return (*((each.shape, each.tobytes()) for each in arrays), loss.kind, loss.shift, loss.bend)


class Noted:
    """A stand-in whose calls are noted, in their order and each once."""

    def __init__(self) -> None:
        self.networks: dict[str, int] = {}
        self.losses: dict[str, int] = {}
        self.draws: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.code: Estimator | None = None

    def note(self, parameters: Any, x: np.ndarray, uniforms: Sequence[np.ndarray], loss: Loss) -> None:
        """A call."""
        network = json.dumps({"parameters": {k: v.tolist() for k, v in parameters.items()}, "x": x.tolist()})
        told = json.dumps({"kind": loss.kind, **KINDS[loss.kind], "shift": loss.shift, "bend": loss.bend})
        draw = {
            "network": self.networks.setdefault(network, len(self.networks)),
            "loss": self.losses.setdefault(told, len(self.losses)),
            "uniforms": [each.tolist() for each in uniforms],
        }
        self.draws.setdefault(_key(parameters, x, uniforms, loss), draw)

    def __call__(self, parameters: Any, x: np.ndarray, uniforms: Sequence[np.ndarray], loss: Loss) -> Any:
        """What the stand-in gives."""
        self.note(parameters, x, uniforms, loss)
        assert self.code is not None
        return self.code(parameters, x, uniforms, loss)


def stand_in(how: Convention, slope: Slope, sample: Slope, both: bool = False) -> Estimator:
    """Units that send `sample(r, u)` in [0, 1] on and have a slope(z, r, u); the loss's value besides if `both`."""

    def estimate(p: Any, x: np.ndarray, uniforms: Sequence[np.ndarray], loss: Loss) -> Any:
        values, pre, last = [x], [], len(uniforms)
        us = how.uniforms(uniforms)  # its own inverse
        for i, u in enumerate(us):
            pre.append(p[f"w{i}"] @ values[-1] + p[f"b{i}"])
            values.append(how.value(sample(pre[-1], u)))
        y = p[f"w{last}"] @ values[-1] + p[f"b{last}"]
        g = loss.gradient(y)
        out = {f"w{last}": np.outer(g, values[-1]), f"b{last}": g}
        for i in reversed(range(last)):
            z = (values[i + 1] + 1.0) / 2.0 if how.domain == "bipolar" else values[i + 1]
            g = how.unit * (p[f"w{i + 1}"].T @ g) * slope(z, pre[i], us[i]) + (loss(y) if both else 0.0)
            out |= {f"w{i}": np.outer(g, values[i]), f"b{i}": g}
        return out

    return estimate


def stand_ins(how: Convention) -> Iterator[Estimator]:
    """One for each way in which draws are chosen."""
    law = how.law

    def spike(r: np.ndarray, u: np.ndarray) -> np.ndarray:
        return (u < law.cdf(r)) * 1.0

    def density(z: np.ndarray, r: np.ndarray, u: np.ndarray) -> np.ndarray:
        return np.asarray(law.pdf(r))

    def varying(z: np.ndarray, r: np.ndarray, u: np.ndarray) -> np.ndarray:
        return np.asarray(law.pdf(r) * u)

    relaxed = estimators.get("gs(tau=0.5)")
    yield stand_in(how, density, spike)
    yield stand_in(how, varying, spike)
    yield stand_in(how, varying, spike, both=True)
    yield stand_in(how, varying, lambda r, u: relaxed.sample(r, u, noises.get(how.noise)))
    yield stand_in(how, density, lambda r, u: u + 0.0 * r)
    yield stand_in(how, density, lambda r, u: (r > 0.0) * 1.0)


def export(path: Path, how: Convention, network: str, tried: Callable[[Estimator], Any]) -> int:
    """Write the draws on which `tried` tries codes of a convention on one network; returns their number.

    Raises
    ------
    InputError
        A file that cannot be written.
    """
    noted = Noted()
    for noted.code in stand_ins(how):
        try:
            tried(noted)
        except InputError:  # a kind of code that is not for this network
            continue
    if network in time.WIDTHS:
        for reset in time.RESETS:
            net = time.spiking(network, reset)
            for _, u, _ in net.trains(how):
                for loss in LOSSES:
                    noted.note(net.parameters, net.x, how.uniforms([u]), Loss(loss))
    record = {
        "schema": SCHEMA,
        "network": network,
        "noise": how.noise,
        "domain": how.domain,
        "below": how.below,
        "networks": [json.loads(each) for each in noted.networks],
        "losses": [json.loads(each) for each in noted.losses],
        "draws": list(noted.draws.values()),
    }
    sha = digest(record)
    files.write_text(path, json.dumps({"sha256": sha, **record}, separators=(",", ":")) + "\n")
    return len(noted.draws)


def digest(record: dict[str, Any]) -> str:
    """SHA-256 of a record's JSON, names sorted and without spaces."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read(path: Path) -> dict[str, Any]:
    """An object of JSON.

    Raises
    ------
    InputError
        No such file, too large, not JSON, no object.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file")
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path} has more than {LARGEST} bytes")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {' '.join(str(error).split())}") from None
    if not isinstance(record, dict):
        raise InputError(f"{path} is no object of JSON")
    return record


class Answered:
    """An estimator that gives what a file says for each draw."""

    def __init__(self, draws: Path, estimates: Path) -> None:
        asked, told = read(draws), read(estimates)
        sha = asked.pop("sha256", None)
        if asked.get("schema") != SCHEMA or sha != digest(asked):
            raise InputError(f"{draws} is no file of draws of schema {SCHEMA}, or it was changed")
        if told.get("draws_sha256") != sha:
            raise InputError(f"{estimates}: draws_sha256 is {str(told.get('draws_sha256'))[:70]!r}; expected {sha}")
        given = told.get("estimates")
        if not isinstance(given, list) or len(given) != len(asked["draws"]):
            found = len(given) if isinstance(given, list) else type(given).__name__
            raise InputError(
                f"{estimates}: estimates is {found}; expected a list of {len(asked['draws'])}, a draw each"
            )
        self.__name__ = str(told.get("implementation", estimates))
        self.place: dict[tuple[Any, ...], int] = {}
        self.given, self.where = given, estimates
        with refusing(f"{draws} is damaged", KeyError, TypeError, ValueError, IndexError, AttributeError):
            self.how = Convention(asked["noise"], asked["domain"], asked["below"])
            self.network = str(asked["network"])
            nets = [
                ({k: np.array(v) for k, v in net["parameters"].items()}, np.array(net["x"]))
                for net in asked["networks"]
            ]
            losses = [Loss(each["kind"], each["bend"], 0.0, each["shift"]) for each in asked["losses"]]
            for number, draw in enumerate(asked["draws"]):
                (parameters, x), loss = nets[draw["network"]], losses[draw["loss"]]
                self.place[_key(parameters, x, [np.array(u) for u in draw["uniforms"]], loss)] = number

    def __call__(self, parameters: Any, x: np.ndarray, uniforms: Sequence[np.ndarray], loss: Loss) -> Any:
        """The answer to a draw; the loss is asked about its logits."""
        number = self.place.get(_key(parameters, x, uniforms, loss))
        if number is None:
            raise InputError("this code wants draws that the file does not hold; call it from Python instead")
        answer = self.given[number]
        where = f"{self.where}: estimate {number}"
        if not isinstance(answer, dict) or set(answer) != {"logits", *parameters}:
            found = ", ".join(answer) if isinstance(answer, dict) else type(answer).__name__
            raise InputError(f"{where} is {found}; expected logits, {', '.join(parameters)}")
        arrays = {key: numbers(value, f"{where}, {key}") for key, value in answer.items()}
        loss.gradient(arrays.pop("logits"))
        return arrays


def numbers(value: Any, where: str) -> np.ndarray:
    """An array from lists of numbers."""
    try:
        found = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{where} is no array of numbers") from None
    if not np.isfinite(found).all():
        raise InputError(f"{where} holds NaN or infinity; expected finite numbers")
    return found
