"""Residual stream: sums by hand, blocks of one or two maps by finite differences, as in test_lif.py."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refsbnn import estimators
from refsbnn import noise as noises
from refsbnn.errors import InputError
from refsbnn.reference import conv2d, dense, residual, unit
from refsbnn.reference.residual import Linear
from tests.refsbnn.differences import check_gradient

seeds = st.integers(0, 2**32 - 1)
kinds_of_a_unit = st.fixed_dictionaries(
    {
        "noise": st.sampled_from(["gaussian", "logistic"]),
        "domain": st.sampled_from(unit.DOMAINS),
        "variance": st.sampled_from(["linear", "quadratic"]),
    }
)
kinds_of_a_sum = st.fixed_dictionaries({"scale": st.sampled_from([1.0, 0.5, -0.7]), "accumulate": st.booleans()})


@st.composite
def branches(draw: st.DrawFn) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Shape of the stream and of each map's mu; convolutions have side 3 and padding 1."""
    width, inner = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    widths = draw(st.sampled_from([(width, width), (width, inner, width)]))
    if draw(st.booleans()):
        return (2, width), [(n_out, n_in) for n_in, n_out in pairwise(widths)]
    stream = (2, draw(st.integers(1, 3)), draw(st.integers(1, 3)), width)
    return stream, [(n_out, 3, 3, n_in) for n_in, n_out in pairwise(widths)]


def block(rng: np.random.Generator, stream: tuple, shapes: list[tuple]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """H, U and four arrays for each map, flat; and the units' uniforms."""
    arguments, u = [rng.uniform(-1.0, 1.0, stream), rng.uniform(0.5, 2.0, stream)], []
    for shape in shapes:
        arguments += [rng.uniform(-1.0, 1.0, shape), rng.uniform(0.1, 1.0, shape)]
        arguments += [rng.uniform(-1.0, 1.0, shape[0]), rng.uniform(0.3, 1.0, shape[0])]
        u.append(rng.integers(1, 2**24, (*stream[:-1], shape[-1])) * 2.0**-24)
    return arguments, u


def maps(arguments: list[np.ndarray]) -> list[Linear]:
    """The maps of a flat list of arguments."""
    return [Linear(*arguments[i : i + 4], padding=1) for i in range(2, len(arguments), 4)]


def flat(gradients: residual.BlockGradients) -> list[np.ndarray]:
    """The gradients in the order of the arguments."""
    return [gradients.H, gradients.U, *(array for linear in gradients.linears for array in linear[1:])]


@given(seed=seeds, kinds=kinds_of_a_sum, shape=st.lists(st.integers(1, 3), max_size=3).map(tuple))
@settings(deadline=None)
def test_sum(seed: int, kinds: dict, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    H, m = rng.normal(size=(2, *shape))
    U, v = rng.uniform(0.3, 2.0, (2, *shape))
    dH, dU = rng.normal(size=(2, *shape))
    got = residual.add_forward(H, U, m, v, **kinds)
    a = kinds["scale"]
    np.testing.assert_allclose(got[0], H + a * m, rtol=0, atol=4 * np.finfo(float).eps * 10)  # |terms| < 10
    np.testing.assert_allclose(got[1], a * a * v + (U if kinds["accumulate"] else 0), rtol=8 * np.finfo(float).eps)
    gradients = residual.add_backward(dH, dU, **kinds)
    check_gradient(lambda *x: residual.add_forward(*x, **kinds), [H, U, m, v], [dH, dU], gradients, rng)


@given(
    seed=seeds, branch=branches(), tau=st.sampled_from([0.7, 1.5]), unit_kinds=kinds_of_a_unit, sum_kinds=kinds_of_a_sum
)
@settings(deadline=None, max_examples=40)
def test_block_with_the_relaxation(seed: int, branch: tuple, tau: float, unit_kinds: dict, sum_kinds: dict) -> None:
    rng = np.random.default_rng(seed)
    arguments, u = block(rng, *branch)
    kinds = {**unit_kinds, **sum_kinds, "member": f"gs(tau={tau})"}
    dH, dU = rng.normal(size=(2, *branch[0]))
    *_, tape = residual.block_forward(*arguments[:2], u, maps(arguments), **kinds)
    gradients = residual.block_backward(dH, dU, tape, u, maps(arguments), **kinds)
    check_gradient(
        lambda *a: residual.block_forward(*a[:2], u, maps(list(a)), **kinds)[:2],
        arguments,
        [dH, dU],
        flat(gradients),
        rng,
    )


@given(
    seed=seeds,
    branch=branches(),
    member=st.sampled_from(["st", "trapezoid", "agr(tau=0.7)", "gr(tau=0.7,K=2)", "st-gs"]),
    unit_kinds=kinds_of_a_unit,
    sum_kinds=kinds_of_a_sum,
)
@settings(deadline=None, max_examples=40)
def test_block_sends_each_slope_through_the_branch(
    seed: int, branch: tuple, member: str, unit_kinds: dict, sum_kinds: dict
) -> None:
    """The backward is the derivative of a forward whose values move as h + k (r - recorded r); quadratic extension in
    both domains is then the square itself, and the linear one is affine in the value."""
    rng = np.random.default_rng(seed)
    arguments, u = block(rng, *branch)
    noise, domain, variance = unit_kinds["noise"], unit_kinds["domain"], unit_kinds["variance"]
    kinds = {**unit_kinds, **sum_kinds, "member": member}
    dH, dU = rng.normal(size=(2, *branch[0]))
    *_, tape = residual.block_forward(*arguments[:2], u, maps(arguments), **kinds)
    draws = estimators.get(member).draws
    extra = [rng.random((draws, *uniforms.shape)) for uniforms in u] if draws else None
    gradients = residual.block_backward(dH, dU, tape, u, maps(arguments), extra=extra, **kinds)
    r0 = [m / np.sqrt(v) for m, v, _ in tape]
    k = [
        estimators.get(member).slope((h > 0).astype(float), r, noises.get(noise), u=uniforms, extra=draw)
        for (_, _, h), r, uniforms, draw in zip(tape, r0, u, extra or [None] * len(u), strict=True)
    ]

    def moving(*a: np.ndarray) -> tuple[np.ndarray, ...]:
        H, U = m, v = a[:2]
        for i, linear in enumerate(maps(list(a))):
            factor = 2.0 if domain == "bipolar" else 1.0
            h = tape[i].h + factor * k[i] * (m / np.sqrt(v) - r0[i])
            h2 = h * h if variance == "quadratic" else (h if domain == "binary" else np.ones_like(h))
            # On domain "real" m is linear in the values; with mean weights sigma2 it gives sigma2 @ h2.
            module, kernel = (dense, {}) if linear.mu.ndim == 2 else (conv2d, {"padding": 1})
            m = module.forward(h, linear.mu, linear.sigma2, linear.bias_mu, **kernel)[0]
            v = module.forward(h2, linear.sigma2, linear.sigma2, linear.bias_sigma2, **kernel)[0]
        a_l = sum_kinds["scale"]
        return H + a_l * m, (U if sum_kinds["accumulate"] else 0.0) + a_l * a_l * v

    check_gradient(moving, arguments, [dH, dU], flat(gradients), rng)


@given(seed=seeds, kinds=kinds_of_a_unit)
@settings(deadline=None, max_examples=5)
def test_three_blocks_in_a_row(seed: int, kinds: dict) -> None:
    rng = np.random.default_rng(seed)
    kinds = {**kinds, "member": "gs(tau=1)", "scale": 0.8}
    blocks = [block(rng, (2, 3), [(4, 3), (3, 4)]) for _ in range(3)]
    uniforms, parts = [u for _, u in blocks], [arguments[2:] for arguments, _ in blocks]
    size = len(parts[0])

    def forward(*a: np.ndarray) -> tuple:
        H, U, tapes = a[0], a[1], []
        for i, u in enumerate(uniforms):
            mine = [H, U, *a[2 + i * size : 2 + (i + 1) * size]]
            H, U, tape = residual.block_forward(H, U, u, maps(mine), **kinds)
            tapes.append((mine, tape))
        return H, U, tapes

    arguments = [*blocks[0][0][:2], *(array for part in parts for array in part)]
    dH, dU = cotangents = rng.normal(size=(2, 2, 3))
    gradients: list[np.ndarray] = []
    for (mine, tape), u in zip(reversed(forward(*arguments)[2]), reversed(uniforms), strict=True):
        dH, dU, *rest = flat(residual.block_backward(dH, dU, tape, u, maps(mine), **kinds))
        gradients = rest + gradients
    check_gradient(lambda *a: forward(*a)[:2], arguments, list(cotangents), [dH, dU, *gradients], rng)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: residual.add_forward(x, x, x, -x), "v holds the negative value"),
        (lambda x, w: residual.add_forward(x, x[0], x, x), r"U has shape \(3,\); expected \(2, 3\)"),
        (lambda x, w: residual.add_forward(x, x, x[:, :1], x), r"m has shape \(2, 1\); expected \(2, 3\)"),
        (lambda x, w: residual.add_backward(x, x[0]), r"dU has shape \(3,\); expected \(2, 3\)"),
        (lambda x, w: forward(x, [], []), "the block has 0 linear maps and 0 arrays u; expected one u for each map"),
        (lambda x, w: forward(x, [0 * x, 0 * x], [Linear(w, w)]), "the block has 1 linear maps and 2 arrays u"),
        (lambda x, w: forward(x, [0 * x], [Linear(w[:2], w[:2])]), r"m has shape \(2, 2\); expected \(2, 3\)"),
        (lambda x, w: forward(x, [0 * x[:1]], [Linear(w, w)]), r"u has shape \(1, 3\); expected \(2, 3\)"),
        (lambda x, w: forward(x, [0 * x], [Linear(w[0], w[0])]), "mu has shape"),
        (lambda x, w: forward(-x, [0 * x], [Linear(w, w)]), "v holds the negative value"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[..., object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(np.ones((2, 3)), np.ones((3, 3)))
    assert "\n" not in str(caught.value)


def forward(stream: np.ndarray, u: list[np.ndarray], linears: list[Linear]) -> object:
    """A block on a stream whose mean and variance are the same array."""
    return residual.block_forward(stream, stream, u, linears, noise="gaussian", member="st")
