"""Training steps of three small networks, end to end: dense binary, residual, and LIF in time.

Parameters of map i are mu<i>, rho<i>, bias_mu<i>, bias_rho<i> (sigma2 = exp(rho), theory 3.5) and for a recurrent LIF
layer recurrent_mu, recurrent_rho; the last map is the readout. The loss of a step is

    -(mean log-likelihood of sampled logits) + kl_weight KL + penalty (mean over unit layers of B)        (theory 4.1)
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from validation.conformance.answers import dynamics, unit
from validation.conformance.answers.linear import Answers, Arrays, Options, dense_backward, dense_forward
from validation.conformance.answers.objective import adam_step, kl_terms, sgd_step, softmax_loglik
from validation.conformance.number import Array, array, each, exp, scalar, total, zeros

# The uniforms of one layer: its name, moments of its units, and the step; a case is drawn through this.
Uniforms = Callable[[str, Array, Array, int], np.ndarray]


class Net:
    """Parameters and the pieces of a forward and backward pass of one step."""

    def __init__(self, p: dict[str, Array], a: Arrays, o: Options, uniforms: Uniforms, step: int) -> None:
        self.p, self.a, self.o, self.uniforms, self.step = p, a, o, uniforms, step
        self.sigma2 = {k: each(exp, y) for k, y in p.items() if "rho" in k}
        self.grad: dict[str, Array] = {}
        self.spikes: dict[str, np.ndarray] = {}

    def add(self, name: str, value: Array) -> None:
        """Add to a parameter's gradient; that of a variance becomes one of rho (theory 3.5)."""
        key = name.replace("sigma2", "rho")
        value = value * self.sigma2[key] if "sigma2" in name else value
        self.grad[key] = self.grad[key] + value if key in self.grad else value

    def weights(self, i: Any) -> tuple[Array, Array, tuple[Array, Array]]:
        """mu, sigma2 and the bias's moments of map i."""
        return self.p[f"mu{i}"], self.sigma2[f"rho{i}"], (self.p[f"bias_mu{i}"], self.sigma2[f"bias_rho{i}"])

    def domain(self, i: int) -> Options:
        """Options of map i's input: the first one reads real numbers."""
        return {**self.o, "domain": "real" if i == 0 else self.o["domain"]}

    def forward(self, x: Array, i: int) -> tuple[Array, Array]:
        """Moments of map i."""
        return dense_forward(x, *self.weights(i), self.domain(i))

    def backward(self, dm: Array, dv: Array, x: Array, i: int) -> Array:
        """Gradients of map i; returns its input's."""
        mu, sigma2, _ = self.weights(i)
        back = dense_backward(dm, dv, x, mu, sigma2, self.domain(i))
        for name in ("mu", "sigma2", "bias_mu", "bias_sigma2"):
            self.add(f"{name}{i}", back[f"d{name}"])
        return back["dx"]

    def fire(self, m: Array, v: Array, i: int) -> tuple[np.ndarray, Array, np.ndarray]:
        """States, values and uniforms of unit layer i."""
        u = self.uniforms(f"u{i}", m, v, self.step)
        z = unit.states(unit.fire_all(self.o, m, v, u))
        self.spikes[f"z{i}"] = z
        values = array(z) * 2 - 1 if self.o["domain"] == "bipolar" else array(z)
        return z, values, u

    def readout(self, m: Array, v: Array) -> tuple[Array, Array, Array]:
        """Mean loss over the batch, and the gradients of the logits' moments (theory 3.14, 4.3)."""
        eps = array(self.a["eps"][self.step])
        logits, _ = dynamics.sample(m, v, eps, eps)
        loglik, d = softmax_loglik(logits, self.a["labels"])
        g = -d / len(loglik)
        return -total(loglik) / len(loglik), g, dynamics.sample(m, v, eps, g)[1]


def layered(n: Net) -> Array:
    """Dense layers of binary units."""
    o, depth = n.o, n.o["maps"]
    x, tape = array(n.a["x"]), []
    for i in range(depth - 1):
        m, v = n.forward(x, i)
        z, h, u = n.fire(m, v, i)
        tape.append((x, m, v, z, u))
        x = h
    loss, dm, dv = n.readout(*n.forward(x, depth - 1))
    g = n.backward(dm, dv, x, depth - 1)
    penalty = Decimal(o["penalty"]) / (depth - 1)
    for i, (x, m, v, z, u) in reversed(list(enumerate(tape))):
        dm, dv = unit.backward_all(o, g, z, m, v, u, None)
        if penalty:
            mu = n.p[f"mu{i}"]
            inverse = 1 / v
            norm2 = total(mu * mu)
            loss = loss + penalty * (total(norm2 * inverse, (0, 1)) / v.size)
            dv = dv - penalty * (norm2 * inverse * inverse / v.size)
            n.add(f"mu{i}", 2 * mu * (penalty * (total(inverse, 0) / v.size))[:, None])
        g = n.backward(dm, dv, x, i)
    return loss


def residual(n: Net) -> Array:
    """A stem, blocks of one map each on the stream, units and a readout (theory 3.8)."""
    o, depth = n.o, n.o["maps"]
    scale, keep = Decimal(o["scale"]), o["accumulate"]
    x = array(n.a["x"])
    H, U = n.forward(x, 0)
    tape = []
    for i in range(1, depth - 1):
        z, h, u = n.fire(H, U, i - 1)
        tape.append((H, U, z, u, h))
        m, v = n.forward(h, i)
        H, U = H + scale * m, (U if keep else zeros(U.shape)) + scale * scale * v
    z, h, u = n.fire(H, U, depth - 2)
    loss, dm, dv = n.readout(*n.forward(h, depth - 1))
    dH, dU = unit.backward_all(o, n.backward(dm, dv, h, depth - 1), z, H, U, u, None)
    for i in range(depth - 2, 0, -1):
        H, U, z, u, h = tape[i - 1]
        g = n.backward(scale * dH, scale * scale * dU, h, i)
        dm, dv = unit.backward_all(o, g, z, H, U, u, None)
        dH, dU = dH + dm, dU + dv if keep else dv
    n.backward(dH, dU, x, 0)
    return loss


def lif(n: Net) -> Array:
    """One LIF layer, recurrent where it has weights, and a leaky readout (theory 3.9 to 3.13)."""
    o, x = n.o, array(n.a["x"])
    m, v = n.forward(x, 0)
    own = (n.p["recurrent_mu"], n.sigma2["recurrent_rho"]) if "recurrent_mu" in n.p else None
    z = np.zeros(m.shape, np.uint8)
    u = np.zeros(m.shape)
    for t in range(len(m)):
        M, V = dynamics.lif_path(m[: t + 1], v[: t + 1], z[: t + 1], own, o)
        u[t] = n.uniforms(f"u0.{t}", M[t] - Decimal(o["theta"]), V[t], n.step)
        z[t] = unit.states(unit.fire_all(o, M[t] - Decimal(o["theta"]), V[t], u[t]))
    n.spikes["z0"] = z
    read_m, read_v = n.forward(array(z), 1)
    c = dynamics.leaky_weights(read_m, {"beta": o["readout_beta"], "reduce": o["reduce"]})
    loss, dm, dv = n.readout(total(c * read_m, 0), total(c * c * read_v, 0))
    g = n.backward(c * dm, c * c * dv, array(z), 1)
    back = dynamics.lif_backward(g, z, M, V, u, None, own, o)
    if own is not None:
        n.add("recurrent_mu", back["drecurrent_mu"])
        n.add("recurrent_sigma2", back["drecurrent_sigma2"])
    n.backward(back["dm"], back["dv"], x, 0)
    return loss


NETWORKS = {"network.layered": layered, "network.residual": residual, "network.lif": lif}


def steps(op: str, a: Arrays, o: Options, uniforms: Uniforms) -> Answers:
    """Loss and gradients of the last step, every step's spikes, and the parameters after it."""
    keys = [k for k in a if k.startswith(("mu", "rho", "bias", "recurrent"))]
    p = {k: array(a[k]) for k in keys}
    state = {k: (zeros(p[k].shape), zeros(p[k].shape)) for k in keys}
    spikes: dict[str, list[np.ndarray]] = {}
    for step in range(o["steps"]):
        n = Net(p, a, o, uniforms, step)
        loss = NETWORKS[op](n)
        kl = []
        weight = Decimal(o["kl_weight"])
        for key, sigma2 in n.sigma2.items():
            mu_key = key.replace("rho", "mu")
            terms, dmu, dsigma2 = kl_terms(p[mu_key], sigma2, Decimal(o["prior_sigma2"]))
            kl += list(terms.ravel())
            n.add(mu_key, weight * dmu)
            n.add(key.replace("rho", "sigma2"), weight * dsigma2)
        loss = loss + weight * total(np.array(kl, dtype=object))
        for name, z in n.spikes.items():
            spikes.setdefault(name, []).append(z)
        new = {}
        for k in keys:
            if o["optimiser"] == "adam":
                new[k], *both = adam_step(p[k], n.grad[k], *state[k], step + 1, o)
                state[k] = (both[0], both[1])
            else:
                new[k], velocity = sgd_step(p[k], n.grad[k], state[k][0], o)
                state[k] = (velocity, state[k][1])
        p = new
    return {
        **{name: np.stack(each_step) for name, each_step in spikes.items()},
        "loss": loss if isinstance(loss, np.ndarray) else scalar(loss),
        **{f"d{k}": n.grad[k] for k in keys},
        **{f"new_{k}": p[k] for k in keys},
    }


def answer(op: str, a: Arrays, o: Options) -> Answers:
    """`steps` with the uniforms of the case."""

    def given(name: str, m: Array, v: Array, step: int) -> np.ndarray:
        layer, _, t = name.partition(".")
        return a[layer][step][int(t)] if t else a[layer][step]

    return steps(op, a, o, given)
