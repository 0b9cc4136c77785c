"""PyTorch with torch.compile, case b, the same mathematics as `torch_cifar`."""

from collections.abc import Callable

import torch

from validation.benchmarks.peers.cases import Cifar
from validation.benchmarks.peers.torch_cifar import forward_only, made, stepper


def build(case: Cifar, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    network = made(case, threads)
    return stepper(case, network, torch.compile(network, dynamic=False))


def predictor(case: Cifar, threads: int) -> Callable[[], float]:
    """A prediction of a contestant: one forward pass."""
    return forward_only(case, torch.compile(made(case, threads), dynamic=False))
