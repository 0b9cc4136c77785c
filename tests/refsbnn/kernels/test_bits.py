"""The bits under a filter, packed, beside windows of the padded image."""

import numpy as np
import pytest

from refsbnn.kernels import bits
from refsbnn.kernels.conv2d_image import Grid

# size, channels, kh, kw, stride, padding: rows of the filter that fill a word, nearly and not; borders on every side.
SHAPES = (
    *((17, 2, 3, 3, 1, 1), (8, 16, 3, 3, 1, 1), (6, 21, 3, 3, 2, 0), (6, 22, 2, 3, 3, 2), (5, 64, 1, 1, 1, 0)),
    *((7, 5, 3, 5, 2, 1), (3, 1, 5, 5, 1, 4), (9, 70, 3, 1, 1, 1), (4, 7, 3, 9, 1, 4), (1, 2, 3, 3, 1, 1)),
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_patches_are_the_windows_of_the_image(shape: tuple[int, ...]) -> None:
    size, channels, kh, kw, stride, padding = shape
    z = (np.random.default_rng(1).random((1, size, size, channels)) < 0.4).astype(np.uint8)
    rows, columns = ((size + 2 * padding - k) // stride + 1 for k in (kh, kw))
    grid, start = Grid(size, size, channels, kh, kw, stride, padding, rows, columns, 4, 2), 3
    words = -(-kh * kw * channels // bits.WORD)
    found = np.full((words, start + rows * columns), 7, np.uint64)  # what was there before is nothing to it
    bits.patches(bits.pack(z).words[0], grid, found, start)
    wide = np.pad(z[0], ((padding, padding), (padding, padding), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(wide, (kh, kw), axis=(0, 1))[::stride, ::stride]
    expected = np.zeros((rows * columns, words * bits.WORD), np.uint8)
    expected[:, : kh * kw * channels] = np.moveaxis(seen, 2, 4).reshape(rows * columns, -1)
    packed = np.packbits(expected, axis=1, bitorder="little").view(np.uint64).T
    np.testing.assert_array_equal(found[:, start:], packed)
    assert (found[:, :start] == 7).all()
