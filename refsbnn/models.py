"""The benchmark networks by name: the section [model] of a configuration."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from refsbnn.errors import InputError, check_integer
from refsbnn.layers import (
    LIF,
    AveragePool,
    Conv2d,
    Dense,
    Flatten,
    Layer,
    LeakyReadout,
    MaxPool,
    Residual,
    SampledReadout,
    Spike,
)

DEEPEST = 1000  # blocks of a stage, stages, convolutions of a block

Options = dict[str, Any]
# Options of layers, read as the fields of such a layer.
DenseOptions = Annotated[Options, Dense(1)]
SpikeOptions = Annotated[Options, Spike()]
LifOptions = Annotated[Options, LIF()]
ReadoutOptions = Annotated[Options, LeakyReadout()]


def each_layer(units: Options, layers: int) -> list[Options]:
    """The options of each unit layer: all alike, but that `member` may list an estimator for each.

    Raises
    ------
    InputError
        A list of another length than there are unit layers.

    Examples
    --------
    >>> each_layer({"member": ["st", "agr(tau=0.5)"], "domain": "bipolar"}, 2)[1]
    {'member': 'agr(tau=0.5)', 'domain': 'bipolar'}
    """
    members = units.get("member")
    if members is None or isinstance(members, str):
        return [units] * layers
    if len(members) != layers:
        raise InputError(f"member lists {len(members)} estimators; the model has {layers} unit layers")
    return [{**units, "member": member} for member in members]


@dataclass(frozen=True, kw_only=True)
class Model(ABC):
    """A network but for its number of classes.

    Attributes
    ----------
    name : str
        In a configuration.
    over_time : bool
        Whether its inputs have an axis of time.
    weights, units : dict
        Options of its `Dense` and `Conv2d` layers, and of its `Spike` or `LIF` layers, where `member` may list an
        estimator for each.

    Examples
    --------
    >>> model = Mlp(hidden=[16])
    >>> model.name, [layer.kind for layer in model.layers(classes=10)]
    ('mlp', ['flatten', 'dense', 'spike', 'dense', 'sampled_readout'])
    >>> model.unit({"member": "st"}).member, [layer.kind for layer in model.scores(classes=10)]
    ('st', ['dense', 'sampled_readout'])
    """

    name: ClassVar[str]
    over_time: ClassVar[bool] = False
    weights: DenseOptions = field(default_factory=dict)
    units: SpikeOptions = field(default_factory=dict)

    @abstractmethod
    def layers(self, classes: int) -> list[Layer]:
        """The layers, from the input to class scores."""

    def unit(self, options: Options) -> Layer:
        """A layer of units."""
        return Spike(**options)

    def scores(self, classes: int) -> list[Layer]:
        """The layers from the last units to class scores."""
        return [Dense(classes, **self.weights), SampledReadout()]


@dataclass(frozen=True, kw_only=True)
class OverTime(Model):
    """A network of LIF neurons with a leaky readout.

    Attributes
    ----------
    readout : dict
        Options of its `LeakyReadout`.
    """

    over_time: ClassVar[bool] = True
    units: LifOptions = field(default_factory=dict)
    readout: ReadoutOptions = field(default_factory=dict)

    def unit(self, options: Options) -> Layer:
        """A layer of neurons."""
        return LIF(**options)

    def scores(self, classes: int) -> list[Layer]:
        """The layers from the last neurons to class scores."""
        return [Dense(classes, **self.weights), LeakyReadout(**self.readout), SampledReadout()]


@dataclass(frozen=True, kw_only=True)
class Mlp(Model):
    """Dense layers of `hidden` noisy binary units and a sampled readout.

    Examples
    --------
    >>> [layer.kind for layer in Mlp(hidden=[16]).layers(classes=10)]
    ['flatten', 'dense', 'spike', 'dense', 'sampled_readout']
    """

    name: ClassVar[str] = "mlp"
    hidden: list[int]

    def __post_init__(self) -> None:
        check_sizes("hidden", self.hidden)

    def layers(self, classes: int) -> list[Layer]:
        """The layers, from the input to class scores."""
        layers: list[Layer] = [Flatten()]
        for size, own in zip(self.hidden, each_layer(self.units, len(self.hidden)), strict=True):
            layers += [Dense(size, **self.weights), self.unit(own)]
        return [*layers, *self.scores(classes)]


@dataclass(frozen=True, kw_only=True)
class Convnet(Model):
    """3x3 convolutions of noisy binary units with `channels` filters, the image halved after each; sampled readout.

    Examples
    --------
    >>> [layer.kind for layer in Convnet(channels=[8]).layers(classes=10)]
    ['conv2d', 'spike', 'max_pool', 'flatten', 'dense', 'sampled_readout']
    """

    name: ClassVar[str] = "convnet"
    channels: list[int]

    def __post_init__(self) -> None:
        check_sizes("channels", self.channels)

    def layers(self, classes: int) -> list[Layer]:
        """The layers, from the input to class scores."""
        layers: list[Layer] = []
        for filters, own in zip(self.channels, each_layer(self.units, len(self.channels)), strict=True):
            layers += [Conv2d(filters, padding=1, **self.weights), self.unit(own), MaxPool(2)]
        return [*layers, Flatten(), *self.scores(classes)]


@dataclass(frozen=True, kw_only=True)
class Resnet(Model):
    """Residual streams of noisy binary 3x3 convolutions without normalisation (theory 3.8).

    A stream keeps its shape. Between two stages its moments make spikes, and a convolution of stride 2 with twice the
    filters begins the next. With width 64, four stages, depth 2 and two convolutions a block this is the ResNet-18 of
    He et al. (2016) for small images, whose shortcuts with a projection become those convolutions.

    Attributes
    ----------
    depth : int
        Blocks in each stage.
    width : int
        Filters in the first stage.
    pool : int
        Size of the average pooling before the readout.
    scale : float
        The branches' weight a_l.
    stages : int
    convolutions : int
        Pairs of units and convolution in each block.
    stem, stem_stride : int
        Size and stride of the first convolution's filters.

    Examples
    --------
    >>> [layer.kind for layer in Resnet(depth=2, width=8, pool=4, scale=0.5).layers(classes=10)]
    ['conv2d', 'residual', 'residual', 'spike', 'average_pool', 'flatten', 'dense', 'sampled_readout']
    """

    name: ClassVar[str] = "resnet"
    depth: int
    width: int
    pool: int
    scale: float
    stages: int = 1
    convolutions: int = 1
    stem: int = 3
    stem_stride: int = 1

    def __post_init__(self) -> None:
        for name in ("width", "pool", "stem", "stem_stride"):
            check_integer(f"model.{name}", getattr(self, name), 1)
        for name in ("depth", "stages", "convolutions"):
            check_integer(f"model.{name}", getattr(self, name), 1, DEEPEST)
        pairs = self.stages * self.depth * self.convolutions
        if pairs > 10 * DEEPEST:
            raise InputError(
                f"model.stages, depth and convolutions make {pairs} convolutions; up to {10 * DEEPEST} are"
            )

    def layers(self, classes: int) -> list[Layer]:
        """The layers, from the input to class scores."""
        weights, stem = self.weights, self.stem
        own = iter(each_layer(self.units, self.stages * (self.depth * self.convolutions + 1)))
        layers: list[Layer] = [
            Conv2d(self.width, size=stem, stride=self.stem_stride, padding=stem // 2, **weights),
        ]
        for stage in range(self.stages):
            filters = self.width * 2**stage
            if stage:
                layers += [Spike(**next(own)), Conv2d(filters, stride=2, padding=1, **weights)]
            for _ in range(self.depth):
                pairs = [(Spike(**next(own)), Conv2d(filters, padding=1, **weights)) for _ in range(self.convolutions)]
                layers.append(Residual(tuple(layer for pair in pairs for layer in pair), scale=self.scale))
        return [*layers, Spike(**next(own)), AveragePool(self.pool), Flatten(), *self.scores(classes)]


@dataclass(frozen=True, kw_only=True)
class Spiking(OverTime, Mlp):
    """Dense layers of `hidden` LIF neurons over time and a leaky readout.

    Examples
    --------
    >>> [layer.kind for layer in Spiking(hidden=[16]).layers(classes=10)]
    ['flatten', 'dense', 'lif', 'dense', 'leaky_readout', 'sampled_readout']
    """

    name: ClassVar[str] = "spiking"


@dataclass(frozen=True, kw_only=True)
class SpikingConvnet(OverTime, Convnet):
    """3x3 convolutions of LIF neurons over time with `channels` filters, the image halved after each; leaky readout.

    Examples
    --------
    >>> [layer.kind for layer in SpikingConvnet(channels=[8]).layers(classes=10)]
    ['conv2d', 'lif', 'max_pool', 'flatten', 'dense', 'leaky_readout', 'sampled_readout']
    """

    name: ClassVar[str] = "spiking_convnet"


def check_sizes(name: str, sizes: Sequence[int]) -> None:
    """Raise InputError unless a list of layers' sizes holds integers >= 1, one at least."""
    if not sizes:
        raise InputError(f"model.{name} is []; expected a list of integers >= 1")
    for number, size in enumerate(sizes):
        check_integer(f"model.{name}[{number}]", size, 1)


MODELS: dict[str, type[Model]] = {kind.name: kind for kind in (Mlp, Convnet, Resnet, Spiking, SpikingConvnet)}
