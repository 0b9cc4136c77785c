"""What the adapters of spiking libraries share: a library is run with those of its own options that come nearest.

What a library has nothing for is unsupported. What it has in another form is run as it is, so that the judge can name
the form. Nothing of a library is changed, and no formula of ours takes the place of one of its own.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from refsbnn.adapter import Arrays, Capabilities, Op, Unsupported
from refsbnn.errors import InputError
from validation.conformance.adapters.reference_deterministic import spelling

Options = Mapping[str, Any]


class Library:
    """A library that is judged in float32, the type that people train in."""

    ops: frozenset[str] = frozenset({"surrogate", "lif_deterministic"})

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise InputError(f"device is {device!r}; accepted: cpu")

    def capabilities(self) -> Capabilities:
        """float32, and no operation but those of `ops`."""
        return Capabilities(("float32",), self.ops, own_noise=False, checks=False)

    def run(self, op: Op, arrays: Arrays, noise: Arrays | None, dtype: str, seed: int) -> Arrays:
        """Call the method of the operation's name."""
        return getattr(self, op.name)(op.options, {k: number(y) for k, y in arrays.items()})


class TorchLibrary(Library):
    """A library on PyTorch: its functions, differentiated by autograd."""

    def spike(self, o: Options) -> Any:
        """The library's spike function of the shape asked for.

        Raises
        ------
        Unsupported
            It has no such shape.
        """
        raise NotImplementedError

    def neurons(self, x: Tensor, o: Options) -> tuple[Tensor, Tensor | None]:
        """Spikes over time, and the membranes before their reset where the library shows them.

        Raises
        ------
        Unsupported
            It has no such neuron.
        """
        raise NotImplementedError

    def surrogate(self, o: Options, a: Mapping[str, np.ndarray]) -> Arrays:
        """Spikes, and the gradient through the library's spike function."""
        x = torch.tensor(a["x"], requires_grad=True)
        z = self.spike(o)(x)
        return {"z": states(z), "dx": gradient(z, a["g"], x)}

    def lif_deterministic(self, o: Options, a: Mapping[str, np.ndarray]) -> Arrays:
        """The library's neuron over time."""
        if o["at_threshold"] == "spike" and o["theta"] == 0.0:
            raise Unsupported("a threshold of 0")
        x = torch.tensor(a["x"], requires_grad=True)
        z, V = self.neurons(x, o)
        if "gV" not in a:
            return {"z": states(z), "dx": gradient(z, a["g"], x)}
        if V is None:
            raise Unsupported("membranes before their reset")
        both = (z * torch.tensor(a["g"])).sum() + (V * torch.tensor(a["gV"])).sum()
        (dx,) = torch.autograd.grad(both, x)
        return {"z": states(z), "dx": dx.numpy(), "V": V.detach().numpy()}


def number(array: np.ndarray) -> np.ndarray:
    """float32 for floats."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def states(z: Tensor) -> np.ndarray:
    """Spikes as uint8."""
    return (z.detach() > 0.5).numpy().astype(np.uint8)


def gradient(y: Tensor, g: np.ndarray, x: Tensor) -> np.ndarray:
    """The gradient of x; zeros where none flows."""
    (dx,) = torch.autograd.grad(y, x, torch.tensor(g, dtype=y.dtype), allow_unused=True)
    return np.zeros(tuple(x.shape), np.float32) if dx is None else dx.numpy()


def published(o: Options) -> tuple[str, dict[str, float]]:
    """The shape's name and numbers, where its height is the published one.

    Raises
    ------
    Unsupported
        Another height is asked for.
    """
    if o["height"] != "published":
        raise Unsupported("a slope of another height than the published one")
    return spelling(o["shape"])


def lacks(what: str, o: Options, **accepted: Any) -> None:
    """Raise `Unsupported` where an option has another value than the library's neuron.

    Examples
    --------
    >>> lacks("LIF", {"refractory": 0}, refractory=0)
    """
    for name, value in accepted.items():
        if o[name] != value:
            raise Unsupported(f"{what} with {name} {o[name]}")
