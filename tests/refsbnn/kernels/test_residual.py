"""kernels.residual against reference.residual on the same uniforms."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from refsbnn import estimators, noise
from refsbnn.errors import InputError
from refsbnn.kernels import residual
from refsbnn.reference import residual as reference
from tests.refsbnn.kernels.common import DTYPES, SAFE, SEEDS, SETTINGS, SPIKING, close, size


@SETTINGS
@given(
    seed=SEEDS,
    images=st.booleans(),
    maps=st.sampled_from([1, 2]),
    dtype=DTYPES,
    member=st.sampled_from(SPIKING),
    law=st.sampled_from(["gaussian", "logistic"]),
    domain=st.sampled_from(["binary", "bipolar"]),
    variance=st.sampled_from(["linear", "quadratic"]),
    scale=st.sampled_from([1.0, 0.4]),
    accumulate=st.booleans(),
)
def test_block_agrees_with_the_reference(seed, images, maps, dtype, member, law, domain, variance, scale, accumulate):
    rng = np.random.default_rng(seed)
    shape, filters = ((3, 4, 5, 6), (6, 3, 3, 6)) if images else ((5, 9), (9, 9))
    arrays = [rng.normal(size=shape), 0.2 + rng.exponential(size=shape), *rng.normal(size=(2, *shape))]
    H, U, dH, dU = (a.astype(dtype) for a in arrays)
    linears, exact = [], []
    for _ in range(maps):
        weights = rng.normal(size=filters) / 3.0, 0.1 + rng.exponential(size=filters)
        bias = rng.normal(size=filters[0]), 0.1 + rng.exponential(size=filters[0])
        cast = [a.astype(dtype) for a in (*weights, *bias)]
        linears.append(reference.Linear(*cast, padding=1 if images else 0))
        exact.append(reference.Linear(*(a.astype(float) for a in cast), padding=1 if images else 0))
    u = [rng.integers(0, 2**24, shape) * 2.0**-24 for _ in range(maps)]
    options = {"noise": law, "member": member, "domain": domain, "variance": variance, "scale": scale}
    options["accumulate"] = accumulate
    double = [a.astype(float) for a in (H, U, dH, dU)]
    *want, tape = reference.block_forward(*double[:2], u, exact, **options)
    for (m, v, _), uniforms in zip(tape, u, strict=True):  # a spike on the brink may fall either way
        assume((np.abs(uniforms - noise.get(law).cdf(m / np.sqrt(v))) > SAFE).all())
    *got, own = residual.block_forward(H, U, u, linears, **options)
    inputs = 12 * int(np.prod(filters[1:]))
    for part, truth in zip(got, want, strict=True):
        close(part, truth, size(truth, H, U), inputs)
    draws = estimators.get(member).draws
    extra = [rng.random((draws, *shape)) for _ in range(maps)] if draws else None
    got = residual.block_backward(dH, dU, own, u, linears, extra=extra, **options)
    truth = reference.block_backward(*double[2:], tape, u, exact, extra=extra, **options)
    condition = inputs * 40.0 * (1.0 + max(size(m / np.sqrt(v)) for m, v, _ in tape) ** 2)
    largest = size(truth.H, truth.U, dH, dU)
    close(got.H, truth.H, largest, condition)
    close(got.U, truth.U, largest, condition)
    for one, two in zip(got.linears, truth.linears, strict=True):
        for part, exactly in zip(one, two, strict=True):
            close(part, exactly, size(*two) + largest, condition * shape[0])


def test_bad_input_is_refused_in_one_line():
    stream = np.ones((2, 3), np.float32)
    with pytest.raises(InputError, match="the block has 0 linear maps and 1 arrays u"):
        residual.block_forward(stream, stream, [np.zeros((2, 3))], [], noise="gaussian", member="st")
    with pytest.raises(InputError, match=r"m has shape \(3, 2\); expected \(2, 3\)"):
        residual.add_forward(stream, stream, np.ones((3, 2), np.float32), stream)
