"""Spyx, case a, less mathematics: plain weights and surrogate gradients (`RLIF`), no variance, no KL.

Its own layers, whose reset subtracts, in its own scans and training step; the linear layers take all steps at once, as
in the other libraries.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import spyx
from flax import nnx

from validation.benchmarks.peers.cases import Shd
from validation.benchmarks.peers.jax_common import cross_entropy, limit


class Network(nnx.Module):
    """One layer of recurrent neurons and a leaky readout."""

    def __init__(self, case: Shd) -> None:
        rngs = nnx.Rngs(0)
        self.input = nnx.Linear(case.inputs, case.hidden, rngs=rngs)
        spike = spyx.axn.superspike(10)
        self.neurons = spyx.nn.RLIF((case.hidden,), beta=case.beta, threshold=case.theta, activation=spike, rngs=rngs)
        self.output = nnx.Linear(case.hidden, case.classes, rngs=rngs)
        self.readout = spyx.nn.LI((case.classes,), beta=case.readout_beta, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Logits of spikes (steps, batch, inputs)."""
        z, _ = spyx.nn.run(self.neurons, self.input(x))
        return spyx.nn.run(self.readout, self.output(z))[0].mean(0)


def build(case: Shd, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    limit(threads)
    network = Network(case)
    adam = nnx.Optimizer(network, optax.adam(case.rate), wrt=nnx.Param)
    x, labels = (jnp.asarray(array) for array in case.batch_of())
    inputs = x.astype(jnp.float32)

    def loss(network: Any, *batch: jax.Array) -> jax.Array:
        return cross_entropy(network(batch[0]), batch[1])

    update = spyx.optimize.make_train_step(loss)
    for _ in range(2):  # it compiles again until the types of its state have settled
        update(network, adam, inputs, labels)
    return lambda: float(update(network, adam, inputs, labels))


def predictor(case: Shd, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    limit(threads)
    network, x = Network(case), jnp.asarray(case.batch_of()[0], jnp.float32)
    forward = nnx.jit(lambda network, x: network(x))
    return lambda: float(np.asarray(forward(network, x))[0, 0])
