"""Spyx: `nn.LIF`, `nn.CuBaLIF` and `axn`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from spyx import axn, nn

from refsbnn.adapter import Arrays, Unsupported
from validation.conformance.adapters.library import Library, Options, lacks, published

SPIKES: dict[str, Callable[..., Any]] = {
    "straight-through": lambda: axn.custom(jnp.ones_like),
    "boxcar": lambda width: axn.boxcar(width=width, height=1 / width),
    "triangular": lambda scale, gamma: axn.triangular(k=scale),
    "fast-sigmoid": lambda scale: axn.superspike(k=scale),
    "tanh": lambda scale: axn.tanh(k=scale),
    "arctan": lambda scale: axn.arctan(k=scale),
}


class Spyx(Library):
    """Spyx as installed, on JAX's default device."""

    def spike(self, o: Options) -> Any:
        """The library's spike function of a shape."""
        name, numbers = published(o)
        if name not in SPIKES or numbers.get("gamma", 1.0) != 1.0:
            raise Unsupported(f"axn has no {o['shape']}")
        return SPIKES[name](**numbers)

    def surrogate(self, o: Options, a: Mapping[str, np.ndarray]) -> Arrays:
        """Spikes, and the gradient through the library's spike function."""
        return pulled(self.spike(o), a)

    def lif_deterministic(self, o: Options, a: Mapping[str, np.ndarray]) -> Arrays:
        """The library's neuron over time."""
        lacks("LIF and CuBaLIF", o, refractory=0, input_gain=1.0, reset="subtract", record="spikes")
        options = {"beta": o["beta"], "threshold": o["theta"], "activation": self.spike(o), "rngs": nnx.Rngs(0)}
        if o["shape"].startswith("arctan"):
            raise Unsupported("axn.arctan, which is judged by itself, in a neuron")
        shape = a["x"].shape[2:]
        if o["alpha"] is None:
            cell: Any = nn.LIF(shape, **options)
        else:
            lacks("CuBaLIF", o, current_order="input-first")
            cell = nn.CuBaLIF(shape, alpha=o["alpha"], **options)

        def neurons(x: Any) -> Any:
            state, spikes = cell.initial_state(x.shape[1]), []
            for step in x:
                z, state = cell(step, state)
                spikes.append(z)
            return jnp.stack(spikes)

        return pulled(neurons, a)


def pulled(rule: Callable[[Any], Any], a: Mapping[str, np.ndarray]) -> Arrays:
    """Spikes and the gradient of x."""
    z, back = jax.vjp(rule, jnp.asarray(a["x"]))
    (dx,) = back(jnp.asarray(a["g"]))
    return {"z": np.asarray(z > 0.5).astype(np.uint8), "dx": np.asarray(dx)}
