"""
Run a case, and read the verdict
================================

An adapter with a mistake in it, on one case. The judge says which numbers are off, and by how much; where another
convention would explain them it says that too.
"""

import matplotlib.pyplot as plt

from refsbnn.adapter import Capabilities
from validation.conformance.adapters.reference import Reference
from validation.conformance.cases import like
from validation.conformance.run import run_case


class Mine(Reference):
    """The reference, but for a reset that is detached."""

    def capabilities(self) -> Capabilities:
        return Capabilities(dtypes=("float64",), ops=frozenset({"lif"}))

    def run(self, op, arrays, noise, dtype, seed):
        if op.name == "lif":
            op = type(op)(op.name, {**op.options, "reset_gradient": False})
        return super().run(op, arrays, noise, dtype, seed)


# %%
outcomes = {case.id: run_case(Mine(), case, "float64") for case in like("lif.*")}
first = next(one for one in outcomes.values() if one.verdict == "fail")
print(first.case, first.verdict, first.message, sep="\n")

# %%
fig, axis = plt.subplots()
for verdict, marker in (("pass", "o"), ("fail", "x")):
    errors = [(i, max(one.peak, 0.1)) for i, one in enumerate(outcomes.values()) if one.verdict == verdict]
    axis.plot(*zip(*errors, strict=True), marker, label=verdict)
axis.set(xlabel="case", ylabel="largest error, roundings", yscale="log", ylim=(0.05, 1e16))
axis.legend()
