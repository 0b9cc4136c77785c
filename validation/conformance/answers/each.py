"""Neurons with a decay and a threshold of each: theory 3.9 to 3.12, 3.27, 3.28."""

from validation.conformance.answers import dynamics, unit
from validation.conformance.answers.linear import Answers, Arrays, Options
from validation.conformance.number import array, total, zeros


def lif_each(a: Arrays, o: Options) -> Answers:
    """LIF neurons over time, each with numbers of its own, at the spikes that are given for the steps before."""
    own = (array(a["recurrent_mu"]), array(a["recurrent_sigma2"])) if "recurrent_mu" in a else None
    beta, theta, z = array(a["beta"]), array(a["theta"]), array(a["z"])
    numbers = {**o, "beta": beta, "theta": theta}
    M, V = dynamics.lif_path(array(a["m"]), array(a["v"]), a["z"], own, numbers)
    fired = unit.states(unit.fire_all(o, M - theta, V, a["u"]))
    back = dynamics.lif_backward(array(a["g"]), a["z"], M, V, a["u"], None, own, numbers)
    dM, dV = back["dm"], back["dv"]
    kept = 1 - z if o["reset"] == "hard" else zeros(z.shape) + 1
    through = kept[:-1] * M[:-1] * dM[1:]
    through = through + 2 * beta * kept[:-1] * V[:-1] * dV[1:] if o["accumulate"] else through
    alone = dM + zeros(dM.shape)  # the unit's own part, dM_t - beta n_t dM_{t+1}
    alone[:-1] = alone[:-1] - beta * kept[:-1] * dM[1:]
    dtheta = -total(alone, (0, 1))
    dtheta = dtheta if o["reset"] == "hard" else dtheta - total(z[:-1] * dM[1:], (0, 1))
    return {"M": M, "V": V, "z": fired, **back, "dbeta": total(through, (0, 1)), "dtheta": dtheta}


OPS = {"lif_each": lif_each}
