"""Dense and convolutional layers with a mean-field Gaussian posterior: values in, moments out (theory 3.1, 3.6)."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from refsbnn import posterior
from refsbnn.errors import InputError, check_choice, check_integer, check_number
from refsbnn.events import Events
from refsbnn.fed import Fed
from refsbnn.layers.layer import Layer, Parameters, Pass, Stage, expect
from refsbnn.layers.signal import Moments, Signal
from refsbnn.reference.block import BlockGradients
from refsbnn.reference.moments import LinearGradients
from refsbnn.sensitivity import Rows, Weights
from refsbnn.streams import Purpose, Streams

LARGEST = 1e12  # of what scales weights: beyond it sums over a layer leave the range of float32


class LinearTape(NamedTuple):
    """Of a linear layer: its input as the backend keeps it, and the weights that it met, variances None for points."""

    x: ArrayLike
    mu: np.ndarray
    sigma2: np.ndarray | None
    bias_sigma2: np.ndarray | None

    def given(self) -> np.ndarray | Events:
        """The input, as numbers or events."""
        return self.x if isinstance(self.x, Events) else np.asarray(self.x)


@dataclass(frozen=True)
class Linear(Layer[LinearTape]):
    """What Dense and Conv2d share.

    Parameters
    ----------
    out : int
        Units or filters.
    variance : {"linear", "quadratic"}
        Extension of v between the states of a spike (theory 3.4).
    zero_mean : bool
        Filters without their mean (theory 3.7).
    posterior : {"gaussian", "point"}
        "point" weights have no rho and no KL term; the units that they feed have noise of variance 1 of their own
        (theory 3.18).
    gain, spread : float
        Initial variance of mu over the weights, and initial sigma2, both times fan_in.
    prior : float
        Prior variance times fan_in.
    """

    out: int
    variance: str = "linear"
    zero_mean: bool = False
    posterior: str = "gaussian"
    gain: float = 1.0
    spread: float = 0.5
    prior: float = 1.0

    def __post_init__(self) -> None:
        check_integer(f"{self.kind}: out", self.out, 1)
        check_choice(f"{self.kind}: variance", self.variance, ("linear", "quadratic"))
        check_choice(f"{self.kind}: posterior", self.posterior, ("gaussian", "point"))
        for name in ("gain", "spread", "prior"):
            value = getattr(self, name)
            check_number(
                f"{self.kind}: {name}", value, lambda value: 0.0 < value <= LARGEST, "a number > 0, up to 1e12"
            )

    def weight_shape(self, signal: Signal) -> tuple[int, ...]:
        """Shape of mu for an input of type `signal`."""
        raise NotImplementedError

    def operator(self, run: Pass, signal: Signal) -> tuple[Any, dict[str, Any]]:
        """The backend's module and its keyword arguments."""
        raise NotImplementedError

    def initial(self, stage: Stage, streams: Streams) -> Parameters:
        shape = self.weight_shape(stage.place.input)
        weights = initial_weights(streams, stage.place.index, shape, self.gain, self.spread)
        weights |= {"bias_mu": np.zeros(self.out), "bias_rho": np.full(self.out, weights["rho"].flat[0])}
        if self.posterior == "point":
            del weights["rho"], weights["bias_rho"]
        return weights

    def weight_count(self, stage: Stage) -> int:
        return math.prod(self.weight_shape(stage.place.input))

    def priors(self, stage: Stage) -> dict[str, float]:
        if self.posterior == "point":
            return {}
        variance = self.prior / fan_in(self.weight_shape(stage.place.input))
        return {"": variance, "bias_": variance}

    def positions(self, signal: Signal) -> int:
        """How many outputs share the weights of a unit."""
        return 1

    def operations(self, stage: Stage) -> int:
        signal = stage.place.input
        return self.positions(signal) * int(np.prod(self.weight_shape(signal))) * (signal.steps or 1)

    def draws(self, stage: Stage, readers: int | None) -> tuple[int | None, dict[str, int | None]]:
        each = None if readers is None else readers * self.positions(stage.place.input)
        return 1, dict.fromkeys(self.priors(stage), each)

    def forward(
        self, run: Pass, stage: Stage, parameters: Parameters, x: np.ndarray | Events
    ) -> tuple[Moments, LinearTape]:
        mu, sigma2, bias_sigma2 = self.met(run, parameters)
        module, options = self.operator(run, stage.place.input)
        m, v = module.forward(x, mu, sigma2, parameters["bias_mu"], bias_sigma2, **options)
        return Moments(m, v, Fed((self.feeds(run, stage, mu, sigma2),))), LinearTape(
            run.backend.keep(x), mu, sigma2, bias_sigma2
        )

    def met(self, run: Pass, parameters: Parameters) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """The means and variances by which an input is multiplied, and the bias's variances; None for points."""
        mu = self.weights(run.dtype, parameters)
        if self.posterior == "point":
            return mu, None, None
        return mu, posterior.sigma2_of(parameters["rho"]), posterior.sigma2_of(parameters["bias_rho"])

    def weights(self, dtype: np.dtype, parameters: Parameters) -> np.ndarray:
        mu = parameters["mu"]
        return posterior.zero_mean(mu).astype(dtype, copy=False) if self.zero_mean else mu

    @property
    def linear(self) -> bool:
        return True

    def weight_gradients(self, stage: Stage, dtype: np.dtype, g: np.ndarray) -> Parameters:
        g = g.reshape(self.weight_shape(stage.place.input))
        return {"mu": (posterior.zero_mean_backward(g) if self.zero_mean else g).astype(dtype, copy=False)}

    def feeds(self, run: Pass, stage: Stage, mu: np.ndarray, sigma2: np.ndarray | None) -> Weights:
        """The weights as the bias penalty sees them."""
        if run.penalty == "norm":
            return Weights(mu, None, 1.0)  # theory 4.5
        return Weights(mu, sigma2, stage.place.input.span)

    def backward(
        self, run: Pass, stage: Stage, parameters: Parameters, tape: LinearTape, g: Moments, penalty: float
    ) -> tuple[np.ndarray, Parameters]:
        module, options = self.operator(run, stage.place.input)
        wanted = run.input_gradient or not stage.place.first
        gradient = module.backward(g.m, g.v, tape.given(), tape.mu, tape.sigma2, input_gradient=wanted, **options)
        return gradient.x, self.own_gradients(run, stage, tape, gradient, g.rows)

    def own_gradients(
        self, run: Pass, stage: Stage, tape: LinearTape, gradient: LinearGradients | BlockGradients, rows: Rows | None
    ) -> Parameters:
        """Gradients of the parameters from those of the weights that were met, and of the sums over them."""
        dmu, dsigma2 = gradient.mu, gradient.sigma2
        if rows is not None:
            more = self.feeds(run, stage, tape.mu, tape.sigma2).gradients(rows)
            dmu = (dmu + more[0]).astype(run.dtype, copy=False)
            dsigma2 = None if dsigma2 is None else (dsigma2 + more[1]).astype(run.dtype, copy=False)
        out = {**self.weight_gradients(stage, run.dtype, dmu), "bias_mu": gradient.bias_mu}
        if self.posterior == "gaussian":
            out["rho"] = dsigma2 * tape.sigma2  # theory 3.5: d sigma2 / d rho = sigma2
            out["bias_rho"] = gradient.bias_sigma2 * tape.bias_sigma2
        return out


@dataclass(frozen=True)
class Dense(Linear):
    """Fully connected layer: values (features,) to moments (out,).

    Examples
    --------
    >>> from refsbnn.layers import Dense, Signal
    >>> print(Dense(8).connect(Signal("values", (5,))))
    moments of shape (8,)
    """

    kind: ClassVar[str] = "dense"

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "values", 1)
        return signal.moments((self.out,), point=self.posterior == "point")

    def weight_shape(self, signal: Signal) -> tuple[int, ...]:
        return self.out, signal.shape[0]

    def operator(self, run: Pass, signal: Signal) -> tuple[Any, dict[str, Any]]:
        return run.backend.dense, {"domain": signal.domain, "variance": self.variance}

    def counted(self, stage: Stage, tape: LinearTape) -> int:
        return acting(tape.given(), stage.place.input.domain) * self.out


@dataclass(frozen=True)
class Conv2d(Linear):
    """Convolution: values (height, width, channels) to moments (rows, columns, out).

    Parameters
    ----------
    size : int
        Height and width of the filters.
    stride, padding : int

    Examples
    --------
    >>> from refsbnn.layers import Conv2d, Signal
    >>> print(Conv2d(16, padding=1).connect(Signal("values", (8, 8, 1))))
    moments of shape (8, 8, 16)
    """

    kind: ClassVar[str] = "conv2d"
    size: int = 3
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("conv2d: size", self.size, 1)
        check_integer("conv2d: stride", self.stride, 1)
        check_integer("conv2d: padding", self.padding, 0)

    def connect(self, signal: Signal) -> Signal:
        expect(self, signal, "values", 3)
        rows, columns = self._rows_columns(signal)
        if min(rows, columns) < 1:
            raise InputError(f"conv2d: a filter of {self.size} does not fit on {signal} with padding {self.padding}")
        return signal.moments((rows, columns, self.out), point=self.posterior == "point")

    def positions(self, signal: Signal) -> int:
        return int(np.prod(self._rows_columns(signal)))

    def _rows_columns(self, signal: Signal) -> tuple[int, int]:
        height, width = ((n + 2 * self.padding - self.size) // self.stride + 1 for n in signal.shape[:2])
        return height, width

    def weight_shape(self, signal: Signal) -> tuple[int, ...]:
        return self.out, self.size, self.size, signal.shape[2]

    def operator(self, run: Pass, signal: Signal) -> tuple[Any, dict[str, Any]]:
        options = {"stride": self.stride, "padding": self.padding}
        return run.backend.conv2d, {"domain": signal.domain, "variance": self.variance, **options}

    def counted(self, stage: Stage, tape: LinearTape) -> int:
        signal, x = stage.place.input, np.asarray(tape.x)
        height, width = (self.covered(size) for size in signal.shape[:2])
        acts = x != 0 if signal.domain == "binary" else np.ones(x.shape, bool)
        places = acts.reshape(-1, *signal.shape).sum(axis=(0, 3), dtype=np.int64)
        return int(height @ places @ width) * self.out

    def covered(self, length: int) -> np.ndarray:
        """Along one axis of an image, how many positions of the filter cover each pixel: (length,) int64."""
        positions = (length + 2 * self.padding - self.size) // self.stride + 1
        first = np.arange(positions) * self.stride - self.padding
        pixel = np.arange(length)[:, None]
        return ((first <= pixel) & (pixel < first + self.size)).sum(axis=1)


def acting(x: np.ndarray | Events, domain: str) -> int:
    """How many entries of x act on the weights: all but the zeros among spikes."""
    if isinstance(x, Events):
        return len(x.columns)
    return int(np.count_nonzero(x)) if domain == "binary" else x.size


def fan_in(shape: tuple[int, ...]) -> int:
    """Inputs of one unit, given the shape of its layer's weights."""
    return int(np.prod(shape[1:]))


def initial_weights(
    streams: Streams, index: int, shape: tuple[int, ...], gain: float, spread: float, name: str = ""
) -> Parameters:
    """Means drawn from N(0, gain / fan_in), and rho such that sigma2 = spread / fan_in (theory 3.5)."""
    normals = streams.normals(Purpose.INITIAL, layer=index, units=int(np.prod(shape)))[0]
    inputs = fan_in(shape)
    return {
        f"{name}mu": np.sqrt(gain / inputs) * normals.reshape(shape),
        f"{name}rho": np.full(shape, np.log(spread / inputs)),
    }
