"""What `refsbnn certify` finds of public estimators and surrogate slopes, as installed.

    python -m validation.benchmarks.certify_public [--only WORD] [--json FILE]

Each is called as its documentation has it, on float64 tensors unless it says otherwise. A library that draws gets the
uniforms in the place of its own random numbers: of a two-class Gumbel-softmax the difference of both Gumbel variables,
which is all that it looks at. A package that is not installed, or does not import beside the others, is a row that
says so: TensorFlow Probability needs a JAX older than the other libraries do, so it has an environment of its own.
"""

import argparse
import importlib.metadata
import json
import platform
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from refsbnn.console import complain
from refsbnn.errors import InputError
from validation.certify.report import certify

Spike = Callable[[Any, Any], Any]  # pre-activations and uniforms to values, both tensors (units,)


class Case(NamedTuple):
    """A package's estimator, by a function that imports it and gives the spike; what it is written in."""

    package: str
    what: str
    make: Callable[[], Spike]
    dtype: str = "float64"
    framework: str = "torch"


def code(spike: Spike, dtype: str) -> Callable[..., Any]:
    """A network around the spike, as docs/certify.md has it."""
    import torch

    kind = getattr(torch, dtype)

    def estimate(parameters, x, uniforms, loss):
        p = {key: torch.tensor(value, requires_grad=True) for key, value in parameters.items()}
        h = torch.tensor(x)
        for i, u in enumerate(uniforms):
            h = spike((p[f"w{i}"] @ h + p[f"b{i}"]).to(kind), torch.tensor(u)).double()
        y = p[f"w{len(uniforms)}"] @ h + p[f"b{len(uniforms)}"]
        y.backward(torch.tensor(loss.gradient(y)))
        return {key: torch.zeros_like(value) if value.grad is None else value.grad for key, value in p.items()}

    return estimate


def code_jax(spike: Spike) -> Callable[..., Any]:
    """The same network in JAX."""
    import jax
    import jax.numpy as jnp

    def logits(p, x, uniforms):
        h = x
        for i, u in enumerate(uniforms):
            h = spike(p[f"w{i}"] @ h + p[f"b{i}"], u)
        return p[f"w{len(uniforms)}"] @ h + p[f"b{len(uniforms)}"]

    def estimate(parameters, x, uniforms, loss):
        with jax.experimental.enable_x64():
            given = {key: jnp.array(value) for key, value in parameters.items()}
            y, pull = jax.vjp(lambda p: logits(p, jnp.array(x), [jnp.array(u) for u in uniforms]), given)
            return pull(jnp.array(loss.gradient(y)))[0]

    return estimate


def tfp_relaxed(name: str) -> Spike:
    """A relaxed distribution of TensorFlow Probability on JAX, temperature 1/2."""
    import jax
    import jax.numpy as jnp

    tfp = importlib.import_module("tensorflow_probability.substrates.jax")
    samplers = importlib.import_module("tensorflow_probability.substrates.jax.internal.samplers")
    kind, seed = getattr(tfp.distributions, name), jax.random.PRNGKey(0)

    def spike(a: Any, u: Any) -> Any:
        temperature = jnp.array(0.5, dtype=a.dtype)
        if name == "RelaxedBernoulli":
            with mock.patch.object(samplers, "uniform", lambda shape, **words: u.reshape(shape)):
                return kind(temperature, logits=a).sample(seed=seed)
        # Its Gumbels are -log(-log U); of U = exp(-(1 - u)) and exp(-u) their difference is logit(u).
        drawn = jnp.stack([jnp.exp(u - 1.0), jnp.exp(-u)], axis=-1)
        with mock.patch.object(samplers, "uniform", lambda shape, **words: drawn.reshape(shape)):
            return kind(temperature, logits=jnp.stack([a, jnp.zeros_like(a)], axis=-1)).sample(seed=seed)[..., 0]

    return spike


def relaxed_bernoulli(package: str, name: str) -> Spike:
    """A relaxed Bernoulli of PyTorch or Pyro, temperature 1/2."""
    import torch

    kind = getattr(importlib.import_module(f"{package}.distributions"), name)

    def spike(a: Any, u: Any) -> Any:
        with mock.patch.object(torch, "rand", return_value=u):
            return kind(torch.tensor(0.5, dtype=a.dtype), logits=a).rsample()

    return spike


def gumbel_softmax(hard: bool) -> Spike:
    """PyTorch's own, two classes, temperature 1/2."""
    import torch

    def spike(a: Any, u: Any) -> Any:
        classes = torch.stack([a, torch.zeros_like(a)], dim=-1)
        # It takes -log of exponential variables for its Gumbels; their difference is then -logit(u).
        drawn = torch.stack([u / (1.0 - u), torch.ones_like(u)], dim=-1)
        with mock.patch.object(torch.Tensor, "exponential_", lambda self: self.copy_(drawn)):
            return torch.nn.functional.gumbel_softmax(classes, tau=0.5, hard=hard)[..., 0]

    return spike


def reinmax() -> Spike:
    """The package's one function, two classes, temperature 1."""
    import torch

    reinmax = importlib.import_module("reinmax").reinmax

    def spike(a: Any, u: Any) -> Any:
        classes = torch.stack([a, torch.zeros_like(a)], dim=-1)
        first = lambda p, **words: (u >= p[:, 0]).long()[:, None]  # noqa: E731
        with mock.patch.object(torch, "multinomial", first):
            return reinmax(classes, 1.0)[0][..., 0]

    return spike


def poisson_pass() -> Spike:
    """SpikingJelly's, of a probability sigmoid(a)."""
    import torch

    one = importlib.import_module("spikingjelly.activation_based.surrogate").PoissonPass()

    def spike(a: Any, u: Any) -> Any:
        with mock.patch.object(torch, "bernoulli", lambda p: (u < p).to(p.dtype)):
            return one(torch.sigmoid(a))

    return spike


def snntorch(name: str, **numbers: float) -> Spike:
    """A surrogate of snnTorch."""
    one = getattr(importlib.import_module("snntorch.surrogate"), name)(**numbers)
    return lambda a, u: one(a)


def spikingjelly(name: str) -> Spike:
    """A surrogate of SpikingJelly with its own numbers."""
    one = getattr(importlib.import_module("spikingjelly.activation_based.surrogate"), name)()
    return lambda a, u: one(a)


def norse(name: str, alpha: float) -> Spike:
    """A surrogate of Norse."""
    threshold = importlib.import_module("norse.torch.functional.threshold").threshold
    return lambda a, u: threshold(a, name, alpha)


SNNTORCH: tuple[tuple[str, dict[str, float]], ...] = (
    ("straight_through_estimator", {}),
    ("fast_sigmoid", {"slope": 25}),
    ("atan", {"alpha": 2.0}),
    ("triangular", {"threshold": 1}),
    ("sigmoid", {"slope": 25}),
    ("heaviside", {}),
    ("SFS", {"slope": 25, "B": 1}),
    ("spike_rate_escape", {"beta": 1, "slope": 25}),
    ("LSO", {"slope": 0.1}),
    ("SSO", {"mean": 0, "variance": 0.2}),
)
SPIKINGJELLY = (
    *("PiecewiseQuadratic", "PiecewiseExp", "Sigmoid", "SoftSign", "SuperSpike", "ATan", "NonzeroSignLogAbs", "Erf"),
    *("PiecewiseLeakyReLU", "SquarewaveFourierSeries", "S2NN", "QPseudoSpike", "LeakyKReLU", "FakeNumericalGradient"),
    *("LogTailedReLU", "DeterministicPass", "Rect"),
)
NORSE = (("super", 100.0), ("heaviside", 1.0), ("triangle", 0.3), ("tanh", 1.0), ("circ", 1.0), ("heavi_erfc", 1.0))


def spelled(name: str, numbers: dict[str, float]) -> str:
    """A call in words."""
    return f"{name}({', '.join(f'{key}={value}' for key, value in numbers.items())})"


CASES = (
    Case("torch", "RelaxedBernoulli, temperature 0.5", partial(relaxed_bernoulli, "torch", "RelaxedBernoulli")),
    Case("torch", "gumbel_softmax(tau=0.5, hard=True), 2 classes", partial(gumbel_softmax, True)),
    Case("torch", "gumbel_softmax(tau=0.5), 2 classes", partial(gumbel_softmax, False)),
    Case(
        "pyro-ppl",
        "RelaxedBernoulliStraightThrough, temperature 0.5",
        partial(relaxed_bernoulli, "pyro", "RelaxedBernoulliStraightThrough"),
    ),
    Case("reinmax", "reinmax(tau=1), 2 classes", reinmax),
    *(
        Case("tensorflow-probability", f"{name}, temperature 0.5", partial(tfp_relaxed, name), framework="jax")
        for name in ("RelaxedBernoulli", "RelaxedOneHotCategorical")
    ),
    Case("spikingjelly", "PoissonPass of sigmoid", poisson_pass),
    *(Case("snntorch", spelled(name, numbers), partial(snntorch, name, **numbers)) for name, numbers in SNNTORCH),
    Case("snntorch", "sigmoid(slope=25), float32", partial(snntorch, "sigmoid", slope=25), "float32"),
    *(Case("spikingjelly", name, partial(spikingjelly, name)) for name in SPIKINGJELLY),
    *(Case("norse", spelled(name, {"alpha": alpha}), partial(norse, name, alpha)) for name, alpha in NORSE),
)


def release(package: str) -> str:
    """The version installed."""
    return importlib.metadata.version(package)


def row(case: Case) -> dict[str, Any]:
    """What is found of one."""
    told: dict[str, Any] = {"package": case.package, "estimator": case.what, "version": None}
    try:
        told["version"] = release(case.package)
        spike = case.make()
        fn = code_jax(spike) if case.framework == "jax" else code(spike, case.dtype)
    except ImportError as error:
        return {**told, "found": f"not installed: {error}"}
    except AttributeError as error:  # what a library leaves that asks an installed one for names it no longer has
        return {**told, "found": f"does not import beside {case.framework} {release(case.framework)}: {error}"}
    try:
        report = certify(fn, name=case.what)
    except InputError as error:
        return {**told, "found": f"not certified: {re.sub(r'/[^ ]*site-packages/', '', str(error))}"}
    full: dict[str, Any] = report.as_dict()
    verdicts = {
        f"{case['network']}, {case['loss']}": case.get("verdict", case.get("relative_bias")) for case in full["cases"]
    }
    slopes: dict[str, Any] = {key: full[key] for key in ("r", "slopes", "mass") if key in full}
    return {**told, "found": report.member, "wrong": report.wrong, "verdicts": verdicts, **slopes}


def main() -> None:
    """Certify every case and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="WORD", help="cases whose package or name has this word")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write slopes and verdicts there")
    options = parser.parse_args()
    rows = []
    for case in CASES:
        if options.only not in f"{case.package} {case.what}":
            continue
        found = row(case)
        rows.append(found)
        package = f"{case.package} {found['version'] or ''}"
        print(f"{package:<30}{case.what:<52}{found['found']}")
        for note in found.get("wrong", ()):
            print(f"{'':<30}{'':<52}wrong: {note}")
    if options.json:
        from refsbnn.files import write_text

        machine = {"machine": platform.machine(), "python": platform.python_version(), "command": sys.argv[1:]}
        write_text(options.json, json.dumps({**machine, "rows": rows}) + "\n")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(complain(str(error)))
