"""Cases of likelihoods, the KL term, the bias penalty, optimiser steps and the baselines outside the family."""

from collections.abc import Iterator

import numpy as np

from validation.conformance.cases.draw import Draw, case
from validation.conformance.schema import Case


def likelihoods() -> Iterator[Case]:
    """Categorical, Bernoulli and Gaussian (theory 4.3)."""
    dims = {**dict.fromkeys(("logits", "targets", "m", "v"), "batch,class"), "labels": "batch", "loglik": "batch"}
    d = Draw("categorical.softmax")
    inputs = {"logits": 2.0 * d.signed("logits", (4, 3)), "labels": np.array([2, 0, 1, 1], dtype=np.int64)}
    yield case(d.case, {}, {"inputs": inputs}, dims, "forward backward", "sign zero-gradient wrong-axis")
    d = Draw("bernoulli.independent")
    inputs = {"logits": 2.0 * d.signed("logits", (4, 3)), "targets": d.grid("targets", (4, 3), 0, 4, 4)}
    yield case(d.case, {}, {"inputs": inputs}, dims, "forward backward", "sign zero-gradient")
    d = Draw("gaussian.closed_form")
    inputs = {"m": d.signed("m", (4, 3)), "v": d.variances("v", (4, 3)), "targets": d.signed("targets", (4, 3))}
    yield case(d.case, {"noise_variance": 0.375}, {"inputs": inputs}, dims, "forward backward", "sign missing-half")


def posterior() -> Iterator[Case]:
    """KL, its weight, and the bias penalty (theory 4.2, 4.4, 4.5)."""
    d = Draw("kl.dense")
    params = {"mu": d.signed("mu", (3, 5)), "rho": d.grid("rho", (3, 5), -48, 16, 16)}
    dims = {"mu": "out,in", "rho": "out,in", "kl": ""}
    yield case(d.case, {"prior_sigma2": 0.375}, {"params": params}, dims, "forward backward", "kl-scale missing-half")
    steps = {"steps": np.array([0, 1, 5, 8, 9], dtype=np.int64)}
    dims = {"steps": "step", "weight": "step"}
    options = {"warmup": 8, "temperature": 1.0, "examples": 25}
    yield case("kl_weight.warmup", options, {"inputs": steps}, dims, "forward", "kl-scale")
    yield case(
        "kl_weight.tempered",
        {**options, "warmup": 0, "temperature": 0.25},
        {"inputs": steps},
        dims,
        "forward",
        "kl-scale",
    )
    d = Draw("bias_penalty.layer")
    inputs = {"norm2": d.variances("norm2", (3,)), "v": d.variances("v", (4, 3))}
    dims = {"norm2": "unit", "v": "batch,unit"}
    yield case(d.case, {}, {"inputs": inputs}, dims, "forward backward", "global-scale zero-gradient")


def optimisers() -> Iterator[Case]:
    """One step from given states. Decays and rates are the numbers people use, rounded to the type under test."""
    dims = dict.fromkeys(("parameter", "g", "mean", "square", "velocity"), "out,in")
    adam = {"decay1": 0.9, "decay2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0, "rate": 0.125, "step": 1}
    for name, options in (
        ("first_step", {}),
        ("later_step", {"step": 7}),
        ("weight_decay", {"step": 3, "weight_decay": 0.25}),
        # Where it is seen in float32 too: added to the root, after the bias is corrected.
        ("large_epsilon", {"step": 2, "epsilon": 0.25}),
    ):
        d, shape, o = Draw(f"adam.{name}"), (3, 5), {**adam, **options}
        params = {"parameter": d.signed("p", shape)}
        first = o["step"] == 1
        inputs = {
            "mean": np.zeros(shape) if first else d.signed("mean", shape),
            "square": np.zeros(shape) if first else d.variances("square", shape),
        }
        arrays = {"params": params, "inputs": inputs, "cotangents": {"g": d.signed("g", shape)}}
        yield case(d.case, o, arrays, dims, "forward", "bias-correction stale-mean weight-decay")
    for name, decay in (("momentum", 0.0), ("weight_decay", 0.25)):
        d = Draw(f"sgd.{name}")
        arrays = {
            "params": {"parameter": d.signed("p", (3, 5))},
            "inputs": {"velocity": d.signed("velocity", (3, 5))},
            "cotangents": {"g": d.signed("g", (3, 5))},
        }
        options = {"rate": 0.125, "momentum": 0.875, "weight_decay": decay}
        yield case(d.case, options, arrays, dims, "forward", "sign stale-mean weight-decay")


def baselines() -> Iterator[Case]:
    """REINFORCE with leave-one-out, ARM and DisARM, from given losses (theory 2.13 to 2.15)."""
    for noise in ("gaussian", "logistic"):
        d = Draw(f"reinforce.{noise}")
        inputs = {"losses": d.signed("losses", (4, 2)), "z": d.spikes("z", (4, 2, 3)), "r": d.signed("r", (2, 3))}
        dims = {"losses": "draw,batch", "z": "draw,batch,unit", "r": "batch,unit"}
        yield case(d.case, {"noise": noise}, {"inputs": inputs}, dims, "backward", "leave-one-out")
        d = Draw(f"arm.{noise}")
        inputs = {k: d.signed(k, (2,)) for k in ("loss", "loss_antithetic")} | {"r": d.signed("r", (2, 3))}
        dims = dict.fromkeys(("loss", "loss_antithetic"), "batch") | dict.fromkeys(
            ("r", "u", "z", "z_antithetic"), "batch,unit"
        )
        noises = {"u": d.extra("u", 2, (3,))}
        yield case(d.case, {"noise": noise}, {"inputs": inputs, "noise": noises}, dims, "backward", "sign missing-half")
        d = Draw(f"disarm.{noise}")
        inputs = {k: d.signed(k, (2,)) for k in ("loss", "loss_antithetic")} | {"r": d.signed("r", (2, 3))}
        inputs |= {"z": d.spikes("z", (2, 3)), "z_antithetic": d.spikes("z~", (2, 3))}
        yield case(d.case, {"noise": noise}, {"inputs": inputs}, dims, "backward", "sign missing-half")


def make() -> Iterator[Case]:
    """All of them."""
    yield from likelihoods()
    yield from posterior()
    yield from optimisers()
    yield from baselines()
