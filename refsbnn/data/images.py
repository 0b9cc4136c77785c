"""A part of an image data set: standardised, cropped from a padded frame and mirrored in training."""

from dataclasses import dataclass

import numpy as np

from refsbnn.draws import CounterDraws
from refsbnn.rows import Chosen, Rows
from refsbnn.streams import Purpose

BLOCK = 1024  # images of which the sums are taken at once


def standard(x: np.ndarray | Rows, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, float32, of each channel of some rows of images (n, height, width, channels), bytes.

    The sums are exact in any order: of integers, far below 2^53.
    """
    count, total, square = 0, np.zeros(x.shape[-1], np.int64), np.zeros(x.shape[-1], np.int64)
    for first in range(0, len(rows), BLOCK):
        block = x[rows[first : first + BLOCK]].astype(np.int64)
        count += block[..., 0].size
        total += block.sum(axis=(0, 1, 2))
        square += (block * block).sum(axis=(0, 1, 2))
    mean = total / count
    deviation = np.sqrt(np.maximum(square / count - mean * mean, 1.0))
    return mean.astype(np.float32), deviation.astype(np.float32)


@dataclass(frozen=True)
class Images:
    """Images as bytes.

    Attributes
    ----------
    x : (n, height, width, channels) uint8 array
        In memory, or in the file in which they are kept.
    labels : (n,) int64 array
    mean, deviation : (channels,) float32 arrays
        What standardises a channel.
    shift : int
        Width of a frame of zeros (the mean colour) from which an image is cropped at a random place.
    mirror : bool
        Whether half of the images are mirrored left to right.
    cutout : int
        Side in pixels of a square that is blanked to the mean colour, centred on a random pixel and cut off at the
        edges (DeVries and Taylor 2017, arXiv:1708.04552).
    """

    x: np.ndarray | Chosen | Rows
    labels: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    shift: int = 0
    mirror: bool = False
    cutout: int = 0

    def batch(self, rows: np.ndarray, draws: CounterDraws) -> np.ndarray:
        """Examples (batch, height, width, channels) float32."""
        x = (self.x[rows] - self.mean) / self.deviation
        if not self.shift and not self.mirror and not self.cutout:
            return x
        drawn = CounterDraws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).uniforms(0, (5,))
        if self.mirror:
            x = np.where((drawn[:, 2] < 0.5)[:, None, None, None], x[:, :, ::-1], x)
        if self.shift:
            _, height, width, _ = x.shape
            edge = (self.shift, self.shift)
            framed = np.pad(x, [(0, 0), edge, edge, (0, 0)])
            down, right = np.floor(drawn[:, :2] * (2 * self.shift + 1)).astype(np.int64).T
            lines = down[:, None] + np.arange(height), right[:, None] + np.arange(width)
            x = framed[np.arange(len(x))[:, None, None], lines[0][:, :, None], lines[1][:, None, :]]
        if self.cutout:
            x[square(drawn[:, 3:], x.shape[1], x.shape[2], self.cutout)] = 0.0
        return np.ascontiguousarray(x)


def square(drawn: np.ndarray, height: int, width: int, side: int) -> np.ndarray:
    """The pixels, (batch, height, width) bool, of squares around the pixels that uniforms (batch, 2) choose.

    Examples
    --------
    >>> square(np.array([[0.1, 0.6]]), 2, 4, 2).astype(int)
    array([[[0, 1, 1, 0],
            [0, 0, 0, 0]]])
    """
    top, left = (np.floor(drawn[:, i] * n).astype(np.int64) - side // 2 for i, n in enumerate((height, width)))
    rows, columns = np.arange(height) - top[:, None], np.arange(width) - left[:, None]
    inside = [(lines >= 0) & (lines < side) for lines in (rows, columns)]
    return inside[0][:, :, None] & inside[1][:, None, :]
