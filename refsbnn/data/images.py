"""A part of an image data set: standardised, cropped from a padded frame and mirrored in training."""

from dataclasses import dataclass

import numpy as np

from refsbnn.streams import Draws, Purpose


def standard(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel of images (n, height, width, channels), float32."""
    mean = x.mean(axis=(0, 1, 2), dtype=np.float64)
    square = np.stack([np.square(x[..., c], dtype=np.float64).mean() for c in range(x.shape[-1])])
    deviation = np.sqrt(np.maximum(square - mean * mean, 1.0))
    return mean.astype(np.float32), deviation.astype(np.float32)


@dataclass(frozen=True)
class Images:
    """Images in memory as bytes.

    Attributes
    ----------
    x : (n, height, width, channels) uint8 array
    labels : (n,) int64 array
    mean, deviation : (channels,) float32 arrays
        What standardises a channel.
    shift : int
        Width of a frame of zeros (the mean colour) from which an image is cropped at a random place.
    mirror : bool
        Whether half of the images are mirrored left to right.
    """

    x: np.ndarray
    labels: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    shift: int = 0
    mirror: bool = False

    def batch(self, rows: np.ndarray, draws: Draws) -> np.ndarray:
        """Examples (batch, height, width, channels) float32."""
        x = (self.x[rows] - self.mean) / self.deviation
        if not self.shift and not self.mirror:
            return x
        drawn = Draws(draws.streams, Purpose.AUGMENT, draws.step, draws.samples).uniforms(0, (3,))
        if self.mirror:
            x = np.where((drawn[:, 2] < 0.5)[:, None, None, None], x[:, :, ::-1], x)
        if self.shift:
            _, height, width, _ = x.shape
            edge = (self.shift, self.shift)
            framed = np.pad(x, [(0, 0), edge, edge, (0, 0)])
            down, right = np.floor(drawn[:, :2] * (2 * self.shift + 1)).astype(np.int64).T
            lines = down[:, None] + np.arange(height), right[:, None] + np.arange(width)
            x = framed[np.arange(len(x))[:, None, None], lines[0][:, :, None], lines[1][:, None, :]]
        return np.ascontiguousarray(x)
