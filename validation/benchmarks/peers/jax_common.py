"""What the JAX contestants share: threads, Adam, a compiled step whose old state is given up."""

import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from validation.benchmarks.peers.cases import Cifar, Shd

Tree = dict[str, jax.Array]


def limit(threads: int) -> None:
    """Let XLA use so many threads: it makes as many as there are processors that the process may run on.

    To be called before the first operation, with which XLA starts its threads.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def ages(case: Shd) -> jax.Array:
    """What a spike of each step weighs in the mean of the readout."""
    left = np.arange(case.steps, 0, -1, dtype=np.float32)
    return jnp.asarray((1.0 - case.readout_beta**left) / (1.0 - case.readout_beta) / case.steps, jnp.float32)


def kl(parameters: Tree) -> jax.Array:
    """Of all pairs NAME_mu, NAME_rho (outputs, inputs) from the prior of variance 1/inputs."""
    total = jnp.zeros(())
    for name in [name for name in parameters if name.endswith("_mu")]:
        mu, rho = parameters[name], parameters[name.removesuffix("_mu") + "_rho"]
        inputs = int(np.prod(mu.shape[:-1])) if mu.ndim == 4 else mu.shape[1]  # a filter is (kh, kw, in, out)
        total += 0.5 * jnp.sum((mu * mu + jnp.exp(rho)) * inputs - 1.0 - rho - np.log(inputs))
    return total


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Its mean over the batch."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()


def forward_only(logits: Callable[..., jax.Array], parameters: Tree, x: jax.Array) -> Callable[[], float]:
    """The compiled `logits(parameters, x, key)` of one batch; gives one of them."""
    compiled, state = jax.jit(lambda p, x, key, n: logits(p, x, jax.random.fold_in(key, n))), [0]
    key = jax.random.key(0, impl="rbg")

    def predict() -> float:
        state[0] += 1
        return float(np.asarray(compiled(parameters, x, key, state[0]))[0, 0])

    return predict


def stepper(
    case: Shd | Cifar, loss: Callable[..., jax.Array], parameters: Tree, x: jax.Array, labels: Any
) -> Callable[[], float]:
    """A training step of `loss(parameters, x, labels, key)` on one batch, with Adam.

    Random bits come from XLA's own generator ("rbg"), which is several times faster here than JAX's threefry.
    """

    def update(state: Any, x: jax.Array, labels: jax.Array, key: jax.Array) -> Any:
        p, m, v, n = state
        value, g = jax.value_and_grad(loss)(p, x, labels, jax.random.fold_in(key, n))
        n += 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        first, second = 1.0 - 0.9 ** n.astype(jnp.float32), 1.0 - 0.999 ** n.astype(jnp.float32)
        p = jax.tree.map(lambda p, m, v: p - case.rate * (m / first) / (jnp.sqrt(v / second) + 1e-8), p, m, v)
        return (p, m, v, n), value

    compiled = jax.jit(update, donate_argnums=0)
    zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    state = [(parameters, *zeros, jnp.zeros((), jnp.int32))]
    targets, key = jnp.asarray(labels), jax.random.key(0, impl="rbg")

    def step() -> float:
        state[0], value = compiled(state[0], x, targets, key)
        return float(value)

    return step
