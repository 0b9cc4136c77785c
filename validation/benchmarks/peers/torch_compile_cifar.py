"""PyTorch with torch.compile, case b, the same mathematics as `torch_cifar`."""

from collections.abc import Callable

import torch

from validation.benchmarks.peers.cases import Cifar
from validation.benchmarks.peers.torch_cifar import Network, stepper


def build(case: Cifar, threads: int) -> Callable[[], float]:
    """The step of a contestant."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = Network(case)
    return stepper(case, network, torch.compile(network, dynamic=False))
