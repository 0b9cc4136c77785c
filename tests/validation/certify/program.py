"""A program that knows no NumPy and nothing of this project: it reads a file of draws and writes one of estimates.

Its units are straight-through, or the trapezoid, relaxed, silent or over time, as its third argument says.
"""

import json
import math
import sys


def matvec(w, h, b):
    return [sum(wij * hj for wij, hj in zip(row, h, strict=True)) + bi for row, bi in zip(w, b, strict=True)]


def gradient(loss, y):
    """Of the loss at y; it bends about y itself, where that adds nothing."""
    if loss["kind"] == "affine":
        return loss["slope"]
    if loss["kind"] == "quadratic":
        return [a - t for a, t in zip(y, loss["targets"], strict=True)]
    e = [math.exp(a - max(y)) for a in y]
    return [a / sum(e) - (k == loss["label"]) for k, a in enumerate(e)]


def sigmoid(a):
    return 1.0 / (1.0 + math.exp(-a))


def unit(kind, a, u):
    """What it sends on and its slope."""
    pi = sigmoid(a)
    if kind == "silent":
        return float(a > 0), 1.0 / (1.0 + abs(a)) ** 2
    if kind == "relaxed":
        h = sigmoid((a + math.log((1 - u) / u)) / 0.5)
        return h, h * (1 - h) / 0.5
    z = float(u < pi)
    if kind == "varying":
        h = sigmoid((a + math.log((1 - u) / u)) / 0.5)
        return z, h * (1 - h) / 0.5
    if kind == "trapezoid":
        return z, 0.5 * (1 - pi if z else pi)
    return z, pi * (1 - pi)


def layered(kind, p, x, uniforms, loss):
    values, slopes, last = [x], [], len(uniforms)
    for i, us in enumerate(uniforms):
        a = matvec(p[f"w{i}"], values[-1], p[f"b{i}"])
        both = [unit(kind, *each) for each in zip(a, us, strict=True)]
        values.append([h for h, _ in both])
        slopes.append([k for _, k in both])
    y = matvec(p[f"w{last}"], values[-1], p[f"b{last}"])
    g, out = gradient(loss, y), {"logits": y}
    for i in range(last, -1, -1):
        out[f"w{i}"], out[f"b{i}"] = [[gi * h for h in values[i]] for gi in g], g
        if i:
            dz = [sum(gi * row[j] for gi, row in zip(g, p[f"w{i}"], strict=True)) for j in range(len(values[i]))]
            g = [a * k for a, k in zip(dz, slopes[i - 1], strict=True)]
    return out


def spiking(p, x, uniforms, loss):
    """One unit over time, soft reset, whose gradient is detached."""
    beta, theta, M, z, past = 0.8, 0.5, 0.0, 0.0, []
    for xt, (u,) in zip(x, uniforms[0], strict=True):
        M = beta * M - theta * z + matvec(p["w0"], xt, p["b0"])[0]
        z, k = unit("st", M - theta, u)
        past.append((z, k))
    rate = sum(z for z, _ in past) / len(past)
    y = matvec(p["w1"], [rate], p["b1"])
    g = gradient(loss, y)
    out = {"logits": y, "w1": [[gi * rate] for gi in g], "b1": g}
    w0, b0, after = [0.0] * len(x[0]), 0.0, 0.0
    for xt, (_, k) in reversed(list(zip(x, past, strict=True))):
        after = k * sum(gi * row[0] for gi, row in zip(g, p["w1"], strict=True)) / len(past) + beta * after
        w0, b0 = [a + after * c for a, c in zip(w0, xt, strict=True)], b0 + after
    return out | {"w0": [w0], "b0": [b0]}


def main(draws, estimates, kind):
    with open(draws) as file:
        asked = json.load(file)
    found = []
    for draw in asked["draws"]:
        net, loss = asked["networks"][draw["network"]], asked["losses"][draw["loss"]]
        given = net["parameters"], net["x"], draw["uniforms"], loss
        found.append(spiking(*given) if isinstance(net["x"][0], list) else layered(kind, *given))
    with open(estimates, "w") as file:
        json.dump({"draws_sha256": asked["sha256"], "implementation": "program.py", "estimates": found}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
