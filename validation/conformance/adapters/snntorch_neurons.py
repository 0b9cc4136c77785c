"""snnTorch: `Leaky`, `Synaptic`, `surrogate` and `functional` losses."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import snntorch
import torch
from snntorch import functional, surrogate
from torch import Tensor

from refsbnn.adapter import Arrays, Unsupported
from validation.conformance.adapters.library import Options, TorchLibrary, gradient, lacks, published

SPIKES: dict[str, Callable[..., Any]] = {
    "straight-through": surrogate.straight_through_estimator,
    "triangular": lambda scale, gamma: surrogate.triangular(threshold=1 / scale),
    "fast-sigmoid": lambda scale: surrogate.fast_sigmoid(slope=scale),
    "sigmoid": lambda scale: surrogate.sigmoid(slope=scale),
    "arctan": lambda scale: surrogate.atan(alpha=scale),
}
LOSSES: dict[str, Callable[..., Any]] = {
    "rate_cross_entropy": functional.ce_rate_loss,
    "count_cross_entropy": functional.ce_count_loss,
    "max_cross_entropy": functional.ce_max_membrane_loss,
}


class SnnTorch(TorchLibrary):
    """snnTorch as installed."""

    ops = frozenset({"surrogate", "lif_deterministic", "loss"})

    def spike(self, o: Options) -> Any:
        name, numbers = published(o)
        if name not in SPIKES or numbers.get("gamma", 1.0) != 1.0:
            raise Unsupported(f"snntorch.surrogate has no {o['shape']}")
        return SPIKES[name](**numbers)

    def neurons(self, x: Tensor, o: Options) -> tuple[Tensor, Tensor | None]:
        lacks("Leaky and Synaptic", o, refractory=0, input_gain=1.0, output_delay=0)
        if o["shape"].startswith("triangular"):
            raise Unsupported("surrogate.triangular, which is judged by itself, in a neuron")
        options = {
            "threshold": o["theta"],
            "spike_grad": self.spike(o),
            "reset_mechanism": o["reset"],
            "reset_delay": o["reset_order"] != "before-decay",
        }
        zero = torch.zeros_like(x[0])
        spikes, membranes, state = [], [], [zero, zero]
        if o["alpha"] is None:
            cell, state = snntorch.Leaky(beta=o["beta"], **options), [zero]
        else:
            lacks("Synaptic", o, current_order="input-first")
            cell = snntorch.Synaptic(alpha=o["alpha"], beta=o["beta"], **options)
        for step in x:
            z, *state = cell(step, *state)
            spikes.append(z)
            membranes.append(state[-1])
        return torch.stack(spikes), torch.stack(membranes) if options["reset_delay"] else None

    def loss(self, o: Options, a: Mapping[str, np.ndarray]) -> Arrays:
        """Losses over time."""
        x, labels = torch.tensor(a["x"], requires_grad=True), torch.tensor(a["labels"]) if "labels" in a else None
        if o["kind"] == "count_mse":
            rule = functional.mse_count_loss(correct_rate=o["right"], incorrect_rate=o["wrong"], reduction=o["reduce"])
        elif o["kind"] in LOSSES:
            rule = LOSSES[o["kind"]](reduction=o["reduce"])
        else:
            raise Unsupported(f"snntorch.functional has no {o['kind']}")
        value = rule(x, labels).reshape(())
        return {"loss": value.detach().numpy(), "dx": gradient(value, np.ones((), np.float32), x)}
