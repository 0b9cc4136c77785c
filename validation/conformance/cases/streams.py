"""Cases of the random stream: known answers of Philox, addressed uniforms and normals (theory 6.1)."""

from collections.abc import Iterator

import numpy as np

from validation.conformance.cases.draw import Draw, case
from validation.conformance.schema import Case

ONES = 2**32 - 1
# The three vectors of the generator's authors (Random123, kat_vectors, philox4x32 10): zeros, ones, digits of pi.
COUNTERS = [[0] * 4, [ONES] * 4, [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]]
# Samples whose first word of seed 0 has 24 leading zeros, or ones: found by trying them in order.
ENDS = [1_224_113, 5_150_801]
KEYS = [[0] * 2, [ONES] * 2, [0xA4093822, 0x299F31D0]]


def make() -> Iterator[Case]:
    """All of them."""
    dims = {"counter": "block,word", "key": "block,half", "words": "block,word", "samples": "sample"}
    dims |= {"u": "sample,unit", "normal": "sample,unit"}
    known = {"counter": np.array(COUNTERS, dtype=np.uint32), "key": np.array(KEYS, dtype=np.uint32)}
    yield case("philox.known_answers", {}, {"inputs": known}, dims, "stream", "stream")
    d = Draw("philox.random")
    shape = {"counter": (7, 4), "key": (7, 2)}
    drawn = {k: d.grid(k, s, 0, ONES, 1).astype(np.uint32) for k, s in shape.items()}
    yield case(d.case, {}, {"inputs": drawn}, dims, "stream", "stream")
    samples = {"inputs": {"samples": np.array([0, 3, 70_000, ONES], dtype=np.int64)}}
    # The seed has both words, the units do not fill their last block, and every field of the address is used.
    address = {"seed": "1311768467463790320", "purpose": 3, "step": 123_456, "layer": 5, "time": 9, "units": 7}
    yield case("uniforms.addressed", address, samples, dims, "stream", "stream")
    first = {**dict.fromkeys(address, 0), "seed": "0", "units": 8}
    yield case("uniforms.first", first, samples, dims, "stream", "stream")
    yield case("normals.addressed", address, samples, dims, "stream", "stream")
    ends = {"inputs": {"samples": np.array(ENDS, dtype=np.int64)}}
    question = (
        "What is the normal of the smallest uniform?  Phi^-1(2^-25), not minus infinity: u is moved by half a step."
    )
    yield case("normals.edge_ends", {**first, "units": 1}, ends, dims, "stream edge", "stream", None, question)
