"""What lies behind the texts of a page, from the boxes that were painted before them.

The browser's own answer (`blendedBackgroundColors` of a snapshot) is there only for elements with nothing but one text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Color = Sequence[float]
WHITE = (1.0, 1.0, 1.0)


class Backgrounds:
    """The fills of a page, in the order in which its boxes were added: a later one of the same order is in front."""

    def __init__(self) -> None:
        self._fills: list[tuple[list[float], float, Color | None, float]] = []
        self._boxes_b4: np.ndarray | None = None
        self._orders_b: np.ndarray | None = None

    def add(self, box: list[float], order: float, color: Color | None, opacity: float) -> None:
        """A fill of `box` with RGB in 0–1, or with a picture (None), painted at `order`."""
        self._fills.append((box, order, color, opacity))
        self._boxes_b4 = None

    def behind(self, box: list[float], order: float) -> list[float] | None:
        """RGB in 0–1 behind the middle of `box`, blended over white paper; None if that is a picture."""
        ground: Color | None = WHITE
        for place in self._covering((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, order):
            _, _, color, opacity = self._fills[place]
            ground = over(color, opacity, ground)
        return None if ground is None else list(ground)

    def _covering(self, x: float, y: float, order: float) -> list[int]:
        """Indices of the fills at a point that were painted no later than `order`, the backmost first."""
        if not self._fills:
            return []
        if self._boxes_b4 is None or self._orders_b is None:
            self._boxes_b4 = np.array([fill[0] for fill in self._fills])
            self._orders_b = np.array([fill[1] for fill in self._fills])
        left_b, top_b, right_b, bottom_b = self._boxes_b4.T
        there_b = (left_b <= x) & (x <= right_b) & (top_b <= y) & (y <= bottom_b) & (self._orders_b <= order)
        places = np.flatnonzero(there_b)
        return places[np.argsort(self._orders_b[places], kind="stable")].tolist()


def over(color: Color | None, opacity: float, ground: Color | None) -> Color | None:
    """A color seen on another; None stands for a picture, which has no single one."""
    if opacity >= 1.0 or color is None:
        return color
    return None if ground is None else [opacity * a + (1 - opacity) * b for a, b in zip(color, ground, strict=True)]
