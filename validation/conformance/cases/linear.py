"""Cases of linear maps and pooling."""

from collections.abc import Iterator

import numpy as np

from validation.conformance.cases.draw import Draw, case
from validation.conformance.schema import Case

DOMAINS = (
    ("real", "linear"),
    ("binary", "linear"),
    ("binary", "quadratic"),
    ("bipolar", "linear"),
    ("bipolar", "quadratic"),
)
BUGS = "transposed-weight stale-mean zero-gradient"
DENSE = {
    "x": "batch,in",
    "mu": "out,in",
    "sigma2": "out,in",
    "bias_mu": "out",
    "bias_sigma2": "out",
    "dm": "batch,out",
    "dv": "batch,out",
    "m": "batch,out",
    "v": "batch,out",
}
CONV = {
    **{k: "batch,row,column,out" for k in ("dm", "dv", "m", "v")},
    "x": "batch,height,width,in",
    **{k: "out,kernel_height,kernel_width,in" for k in ("mu", "sigma2")},
    "bias_mu": "out",
    "bias_sigma2": "out",
}


def weights(d: Draw, shape: tuple[int, ...], bias: bool) -> dict[str, np.ndarray]:
    """mu, sigma2 and the bias."""
    out = {"mu": d.signed("mu", shape), "sigma2": d.variances("sigma2", shape)}
    if bias:
        out |= {"bias_mu": d.signed("bias_mu", shape[:1]), "bias_sigma2": d.variances("bias_sigma2", shape[:1])}
    return out


def dense(name: str, domain: str, variance: str, *, bias: bool = True, relaxed: bool = False, steps: int = 0) -> Case:
    """A dense layer: 5 inputs, 3 outputs, 2 examples."""
    id = f"dense.{name}"
    d = Draw(id)
    first = (steps, 2) if steps else (2,)
    x = d.inputs("x", (*first, 5), domain)
    if relaxed:
        x = d.grid("x", (*first, 5), 1, 15, 16) * (2.0 if domain == "bipolar" else 1.0) - (domain == "bipolar")
    arrays = {
        "params": weights(d, (3, 5), bias),
        "inputs": {"x": x},
        "cotangents": {"dm": d.signed("dm", (*first, 3)), "dv": d.signed("dv", (*first, 3))},
    }
    dims = DENSE if not steps else {k: v.replace("batch", "time,batch") for k, v in DENSE.items()}
    bugs = BUGS + (" variance-extension" if relaxed or domain != "real" else "")
    return case(id, {"domain": domain, "variance": variance}, arrays, dims, "forward backward", bugs)


def conv2d(name: str, domain: str, variance: str, stride: int, padding: int, *, bias: bool = True) -> Case:
    """A convolution: 7 x 6 pixels, 2 channels, 4 filters of 3 x 2 or so, 2 examples."""
    id = f"conv2d.{name}"
    d = Draw(id)
    x = d.inputs("x", (2, 7, 6, 3), domain)
    rows, columns = (7 + 2 * padding - 3) // stride + 1, (6 + 2 * padding - 2) // stride + 1
    shape = (2, rows, columns, 4)
    arrays = {
        "params": weights(d, (4, 3, 2, 3), bias),
        "inputs": {"x": x},
        "cotangents": {"dm": d.signed("dm", shape), "dv": d.signed("dv", shape)},
    }
    options = {"domain": domain, "variance": variance, "stride": stride, "padding": padding}
    return case(id, options, arrays, CONV, "forward backward", BUGS + " padding stride variance-extension")


def pool(kind: str, name: str, size: int, stride: int, domain: str) -> Case:
    """A pooling layer."""
    id = f"{kind}_pool.{name}"
    d = Draw(id)
    shape = (2, (7 - size) // stride + 1, (6 - size) // stride + 1, 3)
    arrays = {"inputs": {"x": d.inputs("x", (2, 7, 6, 3), domain)}, "cotangents": {"dy": d.signed("dy", shape)}}
    dims = {"x": CONV["x"], "dy": "batch,row,column,channel", "y": "batch,row,column,channel"}
    options = {"size": size, "stride": stride}
    return case(
        id, options, arrays, dims, "forward backward", "stride zero-gradient" + (" tie" if kind == "max" else "")
    )


def free(name: str, shape: tuple[int, ...]) -> Case:
    """Zero-mean filters."""
    id = f"zero_mean.{name}"
    d = Draw(id)
    arrays = {"params": {"mu": d.signed("mu", shape)}, "cotangents": {"dmu_zero_mean": d.signed("dmu", shape)}}
    axes = "out,kernel_height,kernel_width,in" if len(shape) == 4 else "out,in"
    dims = dict.fromkeys(("mu", "dmu_zero_mean", "mu_zero_mean", "dmu_free"), axes)
    return case(id, {}, arrays, dims, "forward backward", "zero-gradient")


def sampled() -> Case:
    """Weight sampling in a dense layer."""
    id = "sampled_dense.real"
    d = Draw(id)
    shape = {"x": (2, 5), "mu": (3, 5), "sigma2": (3, 5), "eps": (2, 3, 5)}
    arrays = {
        "params": {"mu": d.signed("mu", shape["mu"]), "sigma2": d.variances("sigma2", shape["sigma2"])},
        "inputs": {"x": d.inputs("x", shape["x"], "real")},
        "noise": {"eps": d.signed("eps", shape["eps"])},
    }
    dims = {**DENSE, "eps": "batch,out,in", "u": "batch,out"}
    return case(id, {"domain": "real", "variance": "linear"}, arrays, dims, "forward", "global-scale transposed-weight")


def make() -> Iterator[Case]:
    """All of them."""
    for domain, variance in DOMAINS:
        yield dense(f"{domain}_{variance}", domain, variance)
    yield dense("no_bias", "real", "linear", bias=False)
    yield dense("binary_linear_relaxed", "binary", "linear", relaxed=True)
    yield dense("binary_quadratic_relaxed", "binary", "quadratic", relaxed=True)
    yield dense("bipolar_linear_relaxed", "bipolar", "linear", relaxed=True)
    yield dense("over_time", "binary", "linear", steps=4)
    for (domain, variance), (stride, padding) in zip(DOMAINS, ((1, 0), (1, 1), (2, 1), (1, 1), (2, 0)), strict=True):
        yield conv2d(f"{domain}_{variance}", domain, variance, stride, padding)
    yield conv2d("no_bias", "binary", "linear", 3, 2, bias=False)
    yield pool("average", "apart", 2, 2, "real")
    yield pool("average", "overlapping", 3, 2, "binary")
    yield pool("max", "apart", 2, 2, "real")
    yield pool("max", "spikes_overlapping", 3, 1, "binary")
    yield free("dense", (3, 5))
    yield free("conv2d", (4, 3, 2, 5))
    yield sampled()
