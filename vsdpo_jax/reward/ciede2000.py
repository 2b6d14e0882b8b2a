"""How alike two colors look: 1 - CIEDE2000 / 100, as ChartMimic and Design2Code count it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

# sRGB to XYZ under D65 with the digits of the package colormath, which both reference implementations use.
_TO_XYZ = np.array([[0.412424, 0.357579, 0.180464], [0.212656, 0.715158, 0.0721856], [0.0193324, 0.119193, 0.950444]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def similarity(first: Sequence[float], second: Sequence[float]) -> float:
    """1 - CIEDE2000 / 100, at least 0, of two sRGB colors with components in 0–255."""
    return max(0.0, 1 - difference(lab(*map(float, first)), lab(*map(float, second))) / 100)


@functools.lru_cache(65536)
def lab(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """CIE L*a*b* (D65, 2 degrees) of an sRGB color with components in 0–255."""
    channels = np.array([red, green, blue]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    ratios = _TO_XYZ @ linear / _WHITE
    x, y, z = np.where(ratios > 216 / 24389, np.cbrt(ratios), ratios * (24389 / 27 / 116) + 16 / 116)
    return float(116 * y - 16), float(500 * (x - y)), float(200 * (y - z))


def difference(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    """CIEDE2000 of two L*a*b* colors with kL = kC = kH = 1 (Sharma, Wu and Dalal, 2005)."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    mean_chroma = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    stretch = 1 + 0.5 * (1 - math.sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7)))
    c1, c2 = math.hypot(stretch * a1, b1), math.hypot(stretch * a2, b2)
    h1, h2 = _hue(stretch * a1, b1), _hue(stretch * a2, b2)
    turn = h2 - h1
    if c1 * c2 == 0:
        turn, mean_hue = 0.0, h1 + h2
    elif abs(turn) <= 180:
        mean_hue = (h1 + h2) / 2
    else:
        mean_hue = (h1 + h2 + (360 if h1 + h2 < 360 else -360)) / 2
        turn += -360 if turn > 0 else 360
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1
        - 0.17 * _cos(mean_hue - 30)
        + 0.24 * _cos(2 * mean_hue)
        + 0.32 * _cos(3 * mean_hue + 6)
        - 0.20 * _cos(4 * mean_hue - 63)
    )
    s_l = 1 + 0.015 * (lightness - 50) ** 2 / math.sqrt(20 + (lightness - 50) ** 2)
    s_c = 1 + 0.045 * chroma
    s_h = 1 + 0.015 * chroma * weight
    rotation = 60 * math.exp(-(((mean_hue - 275) / 25) ** 2))
    r_t = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7)) * math.sin(math.radians(rotation))
    d_l = (l2 - l1) / s_l
    d_c = (c2 - c1) / s_c
    d_h = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2)) / s_h
    return math.sqrt(max(0.0, d_l**2 + d_c**2 + d_h**2 + r_t * d_c * d_h))


def _hue(a: float, b: float) -> float:
    return math.degrees(math.atan2(b, a)) % 360 if a or b else 0.0


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))
