"""Curves a claim measured, as plain numbers: what the report draws and the JSON file stores."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Series:
    """One line of a panel: plain finite numbers."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Figure:
    """Panels side by side under one caption that says what is measured and what to see."""

    title: str
    caption: str
    panels: Sequence[Panel]

    def to_json(self) -> dict[str, Any]:
        """The figure as plain JSON values."""
        return asdict(self)
