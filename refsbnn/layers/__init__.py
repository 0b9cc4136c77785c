"""What a user composes a network of. A layer is a description; its parameters live in the network's dictionary."""

from refsbnn.layers.layer import Layer, Monitor
from refsbnn.layers.linear import Conv2d, Dense
from refsbnn.layers.neurons import LIF
from refsbnn.layers.readout import LeakyReadout, SampledReadout
from refsbnn.layers.residual import Residual
from refsbnn.layers.shape import AveragePool, Flatten, MaxPool
from refsbnn.layers.signal import Moments, Signal
from refsbnn.layers.units import Spike

__all__ = [
    "LIF",
    "AveragePool",
    "Conv2d",
    "Dense",
    "Flatten",
    "Layer",
    "LeakyReadout",
    "MaxPool",
    "Moments",
    "Monitor",
    "Residual",
    "SampledReadout",
    "Signal",
    "Spike",
]
