"""The suite's three networks in PyTorch: parameters, input and a source of uniforms to logits' moments and spikes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from validation.conformance.adapters import pytorch_layers as layers

Parameters = dict[str, Tensor]
Uniforms = Callable[[str, Any], Tensor]
Result = tuple[Tensor, Tensor, dict[str, Tensor], Tensor]


def linear(p: Parameters, i: int, x: Tensor, o: Any) -> tuple[Tensor, Tensor]:
    """Moments of map i; the first reads real numbers. sigma2 = exp(rho) (theory 3.5)."""
    domain = "real" if i == 0 else o["domain"]
    bias = (p[f"bias_mu{i}"], p[f"bias_rho{i}"].exp())
    return layers.dense(x, p[f"mu{i}"], p[f"rho{i}"].exp(), bias, domain, o["variance"])


def layered(p: Parameters, x: Tensor, uniforms: Uniforms, o: Any) -> Result:
    """Dense layers of binary units."""
    spikes, penalties = {}, []
    for i in range(o["maps"] - 1):
        m, v = linear(p, i, x, o)
        penalties.append(layers.bias_penalty(p[f"mu{i}"].square().sum(1), v))
        x = spikes[f"z{i}"] = layers.spike(m, v, uniforms(f"u{i}", m.shape), o)
    return *linear(p, o["maps"] - 1, x, o), spikes, torch.stack(penalties).mean()


def residual(p: Parameters, x: Tensor, uniforms: Uniforms, o: Any) -> Result:
    """A residual stream of mean and variance (theory 3.8)."""
    spikes = {}
    H, U = linear(p, 0, x, o)
    for i in range(1, o["maps"] - 1):
        h = spikes[f"z{i - 1}"] = layers.spike(H, U, uniforms(f"u{i - 1}", H.shape), o)
        m, v = linear(p, i, h, o)
        added = o["scale"] ** 2 * v
        H, U = H + o["scale"] * m, U + added if o["accumulate"] else added
    last = o["maps"] - 2
    h = spikes[f"z{last}"] = layers.spike(H, U, uniforms(f"u{last}", H.shape), o)
    return *linear(p, last + 1, h, o), spikes, torch.zeros((), device=x.device)


def lif(p: Parameters, x: Tensor, uniforms: Uniforms, o: Any) -> Result:
    """LIF neurons over time and a leaky readout (theory 3.9 to 3.13)."""
    m, v = linear(p, 0, x, o)
    own = (p["recurrent_mu"], p["recurrent_rho"].exp()) if "recurrent_mu" in p else None
    _, _, z = layers.lif(m, v, uniforms("u0", m.shape), own, o)
    m, v = linear(p, 1, z, o)
    return *layers.leaky_readout(m, v, o["readout_beta"], o["reduce"]), {"z0": z}, torch.zeros((), device=x.device)
