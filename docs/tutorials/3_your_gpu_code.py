"""
Hold your GPU code to the oracle
================================

You have written these layers for a GPU, and want to know whether forward, backward and sampling are right before you
train for a week. The conformance suite gives your code small inputs and compares what comes out with answers computed
with 40 digits. This page plays it through with a stand-in for the GPU code, 20 lines of NumPy in float32, that has a
mistake.
"""

# %%
# The code under test: a dense layer with noisy weights (theory 3.1, 3.3) and a spiking unit with the straight-through
# estimator (theory 3.2). The mistake is in the last line of ``unit``.

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

CODE = """
import numpy as np
from math import erf

def dense(x, x2, mu, sigma2, bias_mu, bias_sigma2):
    return x @ mu.T + bias_mu, x2 @ sigma2.T + bias_sigma2

def dense_backward(x, x2, dx2, mu, sigma2, dm, dv):
    dx = dm @ mu + dv @ sigma2 * dx2
    return {"x": dx, "mu": dm.T @ x, "sigma2": dv.T @ x2, "bias_mu": dm.sum(0), "bias_sigma2": dv.sum(0)}

def unit(m, v, u, g):
    s = np.sqrt(v)
    r = m / s
    cdf = np.array([0.5 * (1 + erf(a / 2**0.5)) for a in r.astype(float).ravel()]).reshape(r.shape)
    pdf = np.exp(-0.5 * r * r) / np.float32(np.sqrt(2 * np.pi))
    c = g * pdf
    return (u < cdf).astype(np.uint8), c / s, -c * m / s**3
"""

# %%
# An adapter is a class with two methods: what it has, and how one operation is run. What you do not have is
# ``Unsupported`` with a reason, and is counted, not hidden.

ADAPTER = """
import numpy as np
from refsbnn.adapter import Capabilities, Unsupported
import gpu

class Mine:
    def capabilities(self):
        return Capabilities(dtypes=("float32",), ops=frozenset({"dense", "unit"}), checks=False)

    def run(self, op, arrays, noise, dtype, seed):
        a = {k: x.astype(dtype) if x.dtype.kind == "f" else x for k, x in arrays.items()}
        return getattr(self, op.name)(op.options, a, noise)

    def dense(self, o, a, noise):
        if o["variance"] != "linear":
            raise Unsupported("the quadratic extension")
        shape = a["x"].shape
        for key in ("x", "dm", "dv"):  # steps and batch are rows alike
            a[key] = a[key].reshape(-1, a[key].shape[-1])
        x = a["x"].astype(a["mu"].dtype)
        x2, dx2 = {"real": (x * x, 2 * x), "binary": (x, 1), "bipolar": (np.ones_like(x), 0)}[o["domain"]]
        none = np.zeros(len(a["mu"]), x.dtype)
        biases = a.get("bias_mu", none), a.get("bias_sigma2", none)
        m, v = gpu.dense(x, x2, a["mu"], a["sigma2"], *biases)
        back = gpu.dense_backward(x, x2, dx2, a["mu"], a["sigma2"], a["dm"], a["dv"])
        back["x"] = back["x"].reshape(shape)
        m, v = (y.reshape(*shape[:-1], -1) for y in (m, v))
        return {"m": m, "v": v, **{f"d{key}": back[key] for key in back if key in a}}

    def unit(self, o, a, noise):
        if (o["noise"], o["member"], o["domain"]) != ("gaussian", "st", "binary"):
            raise Unsupported("other noise, other members, spikes of -1 and +1")
        z, dm, dv = gpu.unit(a["m"], a["v"], noise["u"].astype(a["m"].dtype), a["g"])
        return {"z": z, "dm": dm, "dv": dv}
"""

# %%
# The judge
# ---------
# ``refsbnn conformance run --adapter mine:Mine`` runs every case; here those of the two operations. Of what it prints
# the rows and the failures are shown.


def judge(code: str) -> list[dict]:
    """Run the command, print the part of its answer that matters here, return its record."""
    with TemporaryDirectory() as folder:
        Path(folder, "gpu.py").write_text(code)
        Path(folder, "mine.py").write_text(ADAPTER)
        command = [
            "-m",
            "refsbnn",
            "conformance",
            "run",
            "--adapter",
            "mine:Mine",
            "--case",
            "[du][en]*",
        ]
        done = subprocess.run(
            [sys.executable, *command, "--json", "found.json"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        tried = ("checks ", "dense ", "unit ", "fail", "  ")
        print("\n".join(line for line in done.stdout.splitlines() if line.startswith(tried)))
        return json.loads(Path(folder, "found.json").read_text())["checks"]


wrong = judge(CODE)

# %%
# ``dv`` is off by a factor of 2: the derivative of r = m / sqrt(v) has one (theory 3.2). With it:

MENDED = CODE.replace("-c * m / s**3", "-c * m / (2 * s**3)")
better = judge(MENDED)

# %%
# What is left is a unit without variance, which arises wherever no input spikes: a NaN that training would have met in
# its first hour. The answer is theory 3.17: a spike if m > 0, and no gradient.

GUARD = """    c = g * pdf
    still = v == 0
    if still.any():
        cdf = np.where(still, m > 0, cdf)
        c, m, s = np.where(still, 0, c), np.where(still, 0, m), np.where(still, 1, s)
"""
right = judge("import numpy as np\nnp.seterr(all='ignore')\n" + MENDED.replace("    c = g * pdf\n", GUARD))

# %%
# How far each check is from the 40-digit answer, in roundings of float32; up to 4 times what a plain program may lose
# is allowed. A wrong factor is a hundred thousand of them: no tolerance has to be chosen to see it.

figure, axis = plt.subplots(figsize=(6.4, 3.0))
for record, label, marker in (
    (wrong, "as written", "X"),
    (better, "with the 2", "s"),
    (right, "and v = 0", "o"),
):
    outputs = [(one["case"], name, value["peak_eps"]) for one in record for name, value in one["outputs"].items()]
    peaks = np.array([np.nan if peak is None else peak for _, _, peak in outputs], dtype=float)
    axis.plot(np.clip(peaks, 1e-2, 1e7), marker, label=label, ms=5)
axis.axhline(4.0, color="black", linestyle="--", linewidth=1.0, label="allowed")
axis.set(
    yscale="log",
    xlabel="output of a case",
    ylabel="error / rounding",
    title="dense and unit, float32",
)
axis.legend()
plt.show()

# %%
# The same for code that draws its own noise, in any language by files, for deterministic neurons, and as tests of your
# own CI: :doc:`/conformance`.
