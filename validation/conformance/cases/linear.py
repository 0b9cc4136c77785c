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
    """A convolution: 9 x 6 pixels, 5 channels, 6 filters of 3 x 2, 2 examples; no two axes of an array are alike."""
    id = f"conv2d.{name}"
    d = Draw(id)
    x = d.inputs("x", (2, 9, 6, 5), domain)
    rows, columns = (9 + 2 * padding - 3) // stride + 1, (6 + 2 * padding - 2) // stride + 1
    shape = (2, rows, columns, 6)
    arrays = {
        "params": weights(d, (6, 3, 2, 5), bias),
        "inputs": {"x": x},
        "cotangents": {"dm": d.signed("dm", shape), "dv": d.signed("dv", shape)},
    }
    options = {"domain": domain, "variance": variance, "stride": stride, "padding": padding}
    return case(id, options, arrays, CONV, "forward backward", BUGS + " padding stride variance-extension")


def pool(kind: str, name: str, size: int, stride: int, domain: str) -> Case:
    """A pooling layer."""
    id = f"{kind}_pool.{name}"
    d = Draw(id)
    shape = (2, (9 - size) // stride + 1, (7 - size) // stride + 1, 6)
    arrays = {"inputs": {"x": d.inputs("x", (2, 9, 7, 6), domain)}, "cotangents": {"dy": d.signed("dy", shape)}}
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


def sampled(kind: str, domain: str, bias: bool) -> Case:
    """Weight sampling in a dense layer or a convolution: one draw of the weights for each example."""
    id = f"sampled_{kind}.{domain}"
    d, dense = Draw(id), kind == "dense"
    shape, x = ((3, 5), (2, 5)) if dense else ((6, 3, 2, 5), (7, 9, 6, 5))
    noise = {"eps": d.signed("eps", (x[0], *shape))}
    noise |= {"bias_eps": d.signed("bias_eps", (x[0], shape[0]))} if bias else {}
    arrays = {"params": weights(d, shape, bias), "inputs": {"x": d.inputs("x", x, domain)}, "noise": noise}
    dims = DENSE if dense else CONV
    dims = {**dims, "eps": f"batch,{dims['mu']}", "bias_eps": "batch,out", "u": dims["m"]}
    options = {"domain": domain, "variance": "linear"} | ({} if dense else {"stride": 2, "padding": 1})
    return case(id, options, arrays, dims, "forward", "global-scale transposed-weight shared-draw")


def flatten() -> Case:
    """Images to rows."""
    d = Draw("flatten.image")
    arrays = {"inputs": {"x": d.signed("x", (2, 3, 4, 5))}, "cotangents": {"dy": d.signed("dy", (2, 60))}}
    dims = {"x": CONV["x"], "dy": "batch,feature", "y": "batch,feature"}
    question = "In which order does flatten read an image?  Row by row, the channels of a pixel side by side."
    return case(d.case, {}, arrays, dims, "forward backward", "transposed-weight", None, question)


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
    yield sampled("dense", "real", False)
    yield sampled("dense", "binary", True)
    yield sampled("conv2d", "bipolar", True)
    yield flatten()
