"""refsbnn: mean and variance weights, local reparameterisation, KL, Adam; float32, `numba` backend."""

from collections.abc import Callable

import numpy as np

from refsbnn import models, objective, optim
from refsbnn.draws import CounterDraws
from refsbnn.events import Events
from refsbnn.layers import LIF, Dense, LeakyReadout, SampledReadout, Signal
from refsbnn.network import Network, Tape
from refsbnn.streams import Purpose, Streams
from validation.benchmarks.peers.cases import Cifar, Shd


def network_of(
    case: Shd | Cifar, backend: str = "numba", *, posterior: str = "gaussian", member: str = "st"
) -> Network:
    """The case's network."""
    if isinstance(case, Shd):
        hidden = LIF(beta=case.beta, theta=case.theta, recurrent=True, member=member)
        readout = Dense(case.classes, posterior=posterior), LeakyReadout(beta=case.readout_beta), SampledReadout()
        signal = Signal("values", (case.inputs,), "binary", steps=case.steps)
        return Network([Dense(case.hidden, posterior=posterior), hidden, *readout], signal, backend=backend)
    units = {"member": "st"}
    model = models.Resnet(depth=case.layers - 1, width=case.width, pool=case.size, scale=case.scale, units=units)
    return Network(model.layers(case.classes), Signal("values", (case.size, case.size, 3)), backend=backend)


class Training:
    """A network in training on one batch."""

    def __init__(self, case: Shd | Cifar, network: Network) -> None:
        self.network = network
        x, self.labels = case.batch_of()
        self.x: np.ndarray | Events = Events.of(x) if isinstance(case, Shd) else x
        self.case, self.adam, self.number = case, optim.Adam(update=network.backend.optim.adam_update), 0
        self.tape: Tape | None = None
        self.parameters = self.network.initial(Streams(0))

    def predict(self) -> float:
        """One forward pass; returns one of its logits."""
        self.number += 1
        return float(self._forward()[0, 0])

    def _forward(self) -> np.ndarray:
        """The logits of this step's noise."""
        self.tape = None  # of the last step: training does not keep it either
        draws = CounterDraws(Streams(0), Purpose.TRAIN, self.number, np.arange(self.case.batch))
        logits, self.tape = self.network.forward(self.parameters, self.x, draws)
        return logits

    def step(self) -> float:
        """One step; returns the loss."""
        logits = self._forward()
        assert self.tape is not None
        loglik, g = objective.categorical(logits, self.labels)
        gradients, _ = self.network.backward(self.parameters, self.tape, -g / self.case.batch, input_gradient=False)
        weight = 1.0 / self.case.examples
        kl, total = self.network.kl(self.parameters, gradients, weight)
        self.parameters = self.adam.step(self.parameters, total, self.case.rate)
        self.number += 1
        return float(weight * kl - loglik.mean())


def made(case: Shd | Cifar, threads: int, **options: str) -> Training:
    """The network in training, in this process's settings."""
    import numba

    from refsbnn.memory import keep_freed

    keep_freed()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    return Training(case, network_of(case, **options))


def build(case: Shd | Cifar, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    return made(case, threads).step


def predictor(case: Shd | Cifar, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass, one sample."""
    return made(case, threads).predict
