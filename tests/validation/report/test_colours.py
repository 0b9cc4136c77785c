"""The colours of the page: text and lines stand out from the ground, and lines from one another for every eye."""

import re
from itertools import combinations

import numpy as np
import pytest

from tests.validation.report.pages import ROOT

STYLE = (ROOT / "validation/report/style.css").read_text(encoding="utf-8")
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB: no red, no green, no blue cones.
EYES = {
    "all cones": np.eye(3),
    "protan": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deutan": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritan": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def colours(mode: str) -> dict[str, np.ndarray]:
    """The named colours of a mode, as linear RGB."""
    blocks = STYLE.split("@media (prefers-color-scheme: dark)")
    named = re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[mode == "dark"])
    return {name: linear(text) for name, text in named}


def linear(colour: str) -> np.ndarray:
    part = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def contrast(first: np.ndarray, second: np.ndarray) -> float:
    """The contrast ratio of WCAG 2."""
    low, high = sorted((float(XYZ[1] @ first), float(XYZ[1] @ second)))
    return (high + 0.05) / (low + 0.05)


def lab(colour: np.ndarray) -> np.ndarray:
    """CIELAB under daylight, without its straight part next to black."""
    x, y, z = np.cbrt(XYZ @ np.clip(colour, 0.0, 1.0) / XYZ.sum(axis=1))
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


def test_the_contrast_of_black_on_white_is_21() -> None:
    assert contrast(linear("#000000"), linear("#ffffff")) == pytest.approx(21.0)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_lines_stand_out(mode: str) -> None:
    """WCAG 2.1: 4.5 for text (1.4.3), 3 for lines and marks (1.4.11)."""
    named = colours(mode)
    for name in ("ink", "faint", "link", "holds", "conditions", "not", "open", "failed"):
        assert contrast(named[name], named["paper"]) >= 4.5, name
    for name in ("ink", "faint"):
        assert contrast(named[name], named["panel"]) >= 4.5, name
    lines = [name for name in named if name.startswith("series")]
    assert len(lines) == 8
    for name in lines:
        assert contrast(named[name], named["paper"]) >= 3.0, name


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_lines_differ_for_every_eye(eye: str, mode: str) -> None:
    """10 in CIELAB: about four differences that are just seen side by side. Lines differ by their marks besides."""
    series = {name: lab(EYES[eye] @ value) for name, value in colours(mode).items() if name.startswith("series")}
    for first, second in combinations(series, 2):
        assert np.linalg.norm(series[first] - series[second]) >= 10.0, (first, second)
