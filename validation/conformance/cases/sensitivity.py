"""Cases of the auxiliary loss: what a spike moves, neurons with their reset, the readout's curvature."""

from collections.abc import Iterator
from itertools import product

from validation.conformance.cases.draw import Draw, case
from validation.conformance.schema import Case


def make() -> Iterator[Case]:
    """All of them (theory 4.11 to 4.14)."""
    dims = {**dict.fromkeys(("mu", "sigma2"), "out,in"), **dict.fromkeys(("m", "v"), "batch,out"), "S": ""}
    for domain in ("binary", "bipolar"):
        d = Draw(f"sensitivity.{domain}")
        params = {"mu": d.signed("mu", (3, 4)), "sigma2": d.variances("sigma2", (3, 4))}
        inputs = {"m": d.signed("m", (2, 3)), "v": d.variances("v", (2, 3), low=8)}
        arrays = {"params": params, "inputs": inputs}
        bugs = "global-scale sign zero-gradient" + (" bipolar-factor" if domain == "bipolar" else "")
        yield case(d.case, {"domain": domain}, arrays, dims, "forward backward", bugs)
    dims = {
        **dict.fromkeys(("mu", "sigma2"), "out,in"),
        **dict.fromkeys(("recurrent_mu", "recurrent_sigma2"), "out,out"),
        **dict.fromkeys(("M", "V"), "time,batch,out"),
        "S": "",
    }
    for reset, accumulate in product(("hard", "soft"), (True, False)):
        d = Draw(f"sensitivity_lif.{reset}_{'accumulated' if accumulate else 'instantaneous'}")
        params = {"mu": d.signed("mu", (3, 2)), "sigma2": d.variances("sigma2", (3, 2))}
        params |= {"recurrent_mu": d.signed("own_mu", (3, 3)), "recurrent_sigma2": d.variances("own_sigma2", (3, 3))}
        inputs = {"M": d.signed("M", (4, 2, 3)), "V": d.variances("V", (4, 2, 3), low=8)}
        options = {"beta": 0.75, "theta": 0.5, "reset": reset, "accumulate": accumulate}
        arrays = {"params": params, "inputs": inputs}
        yield case(d.case, options, arrays, dims, "forward backward", "reset-gradient sign zero-gradient")
    dims = {"mu": "class,in", "logits": "batch,class", "R": ""}
    for likelihood in ("categorical", "bernoulli"):
        d = Draw(f"curvature.{likelihood}")
        arrays = {"params": {"mu": d.signed("mu", (3, 4))}, "inputs": {"logits": d.signed("logits", (2, 3))}}
        yield case(
            d.case, {"likelihood": likelihood}, arrays, dims, "forward backward", "sign zero-gradient wrong-axis"
        )
