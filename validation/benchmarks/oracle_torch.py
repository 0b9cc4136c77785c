"""What the oracle's exact gradient is timed against: PyTorch's automatic differentiation, float64, Gaussian units.

`all_states` sums probability times loss over every joint state, which is what one writes for any network. `by_layer`
knows that a layer sees the layer below alone, as the oracle's recursions do: E[loss | z] of each layer, the last first.
"""

import numpy as np
import torch

import oracle

CHUNK = 2**13  # joint states at once: the fastest of 2^12 to 2^18, and their graph stays in the caches


def _parameters(net: oracle.Layered) -> dict[str, torch.Tensor]:
    values = oracle.parameters(net)
    return {key: torch.tensor(value, dtype=torch.float64, requires_grad=True) for key, value in values.items()}


def _moments(p: dict[str, torch.Tensor], name: str, y: torch.Tensor, y2: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Mean and variance of a layer's pre-activation (theory 3.1); a spike is its own square."""
    m = torch.addmm(p[f"{name}.bias_mu"], y, p[f"{name}.mu"].T)
    return m, torch.addmm(p[f"{name}.bias_sigma2"], y2, p[f"{name}.sigma2"].T)


def _bits(numbers: torch.Tensor, units: int) -> torch.Tensor:
    return ((numbers[:, None] >> torch.arange(units - 1, -1, -1)) & 1).double()


def all_states(net: oracle.Layered, x: np.ndarray, label: int) -> tuple[float, dict[str, np.ndarray]]:
    """Expected cross-entropy and its gradient by parameter, from all joint states, some at a time.

    Parameters
    ----------
    net : oracle.Layered
        Gaussian noise, spikes 0 and 1, biases everywhere.
    x : (in,) float64
    label : int
    """
    p = _parameters(net)
    seen = torch.tensor(x)[None]
    units = [layer.mu.shape[0] for layer in net.layers]
    total = 0.0
    for numbers in torch.arange(2 ** sum(units)).split(CHUNK):
        bits = _bits(numbers, sum(units)).split(units, dim=1)
        y, y2, log_p = seen, seen**2, torch.zeros(1, dtype=torch.float64)
        for i, z in enumerate(bits):
            m, v = _moments(p, f"layers.{i}", y, y2)
            log_p = log_p + torch.special.log_ndtr((2.0 * z - 1.0) * (m * v.rsqrt())).sum(dim=1)
            y = y2 = z
        m, _ = _moments(p, "readout", y, y2)
        lost = torch.nn.functional.cross_entropy(m, torch.full((len(m),), label), reduction="none")
        expected = log_p.exp() @ lost
        expected.backward()
        total += expected.item()
    return total, _gradients(p)


def by_layer(net: oracle.Layered, x: np.ndarray, label: int) -> tuple[float, dict[str, np.ndarray]]:
    """The same from one table of probabilities a layer; arguments as `all_states`."""
    p = _parameters(net)
    units = [layer.mu.shape[0] for layer in net.layers]
    states = [_bits(torch.arange(2**n), n) for n in units]
    m, _ = _moments(p, "readout", states[-1], states[-1])
    values = torch.nn.functional.cross_entropy(m, torch.full((len(m),), label), reduction="none")
    seen = torch.tensor(x)[None]
    for i in range(len(units) - 1, -1, -1):
        m, v = _moments(p, f"layers.{i}", *((states[i - 1], states[i - 1]) if i else (seen, seen**2)))
        r = m * v.rsqrt()
        log_p = torch.special.log_ndtr(r) @ states[i].T + torch.special.log_ndtr(-r) @ (1.0 - states[i]).T
        values = log_p.exp() @ values
    values[0].backward()
    return values.item(), _gradients(p)


def _gradients(p: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Of every parameter; a readout's variance has none without sampled logits."""
    return {key: np.zeros(value.shape) if value.grad is None else value.grad.numpy() for key, value in p.items()}
