"""
A conformance vector, read as JSON
==================================

What an implementation in Rust, JavaScript or hardware reads: inputs, noise, cotangents, and the answers with the
rounding that a plain program may make. ``refsbnn conformance export vectors.json`` writes all of them.
"""

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from validation.conformance import json_vectors
from validation.conformance.cases import like

path = Path(tempfile.mkdtemp()) / "vectors.json"
json_vectors.write(path, like("unit.gaussian_*"))

# %%
# From here on nothing of this package is needed.
cases = {case["id"]: case for case in json.loads(path.read_text())["cases"]}
print(len(cases), "cases, among them", ", ".join(list(cases)[:4]))
case = cases["unit.gaussian_st"]
print({part: sorted(case[part]) for part in ("params", "inputs", "noise", "cotangents", "expected")})
array = lambda told: np.array(told["data"], told["dtype"]).reshape(told["shape"])  # noqa: E731
m, v, u, g = (
    array(case[part][key]) for part, key in (("inputs", "m"), ("inputs", "v"), ("noise", "u"), ("cotangents", "g"))
)

# %%
# A first implementation, and how far it is off, in units of the rounding allowed: four.
r = m / np.sqrt(v)
dm = g * np.exp(-r * r / 2) / np.sqrt(2 * np.pi) / np.sqrt(v)
eps = np.finfo(np.float64).eps
off = np.abs(dm - array(case["expected"]["dm"])) / (eps * array(case["scale"]["dm"]))
fig, axis = plt.subplots()
axis.plot(np.sort(off.ravel()), "o", label="this implementation, float64")
axis.axhline(4, linestyle="--", color="0.4", label="allowed")
axis.set(xlabel="number of the output dm, sorted", ylabel="error, roundings", ylim=(0, 5))
axis.legend()
