"""How much of a slide is filled: AeSlides' whitespace rule (arXiv 2604.22840; the published `whitespace.py`).

A place is filled if the grey levels around it vary: their standard deviation in a window of 201 x 151 pixels, after a
Gaussian blur of 21 x 21, is above 2.5. The arithmetic is that of OpenCV, whose functions the published code calls: the
same gray, kernels, borders and single precision.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_WINDOW = (151, 201)
_BLUR_RADIUS, _BLUR_SIGMA = 10, 3.5
_MOST_DEVIATION, _THRESHOLD = 50.0, 0.05
# Left out at the top, bottom, left and right: titles and margins.
_CROP = (0.15, 0.1, 0.1, 0.1)
# The rough version works on means of squares of this side.
_CELL = 4


def content_ratios(image: np.ndarray) -> tuple[float, float]:
    """Share of the picture that is filled, and the same inside the margins.

    Args:
      image: uint8[height, width, 3], 1280 pixels wide: the window is in pixels.
    """
    return _ratios(local_deviation(image))


def local_deviation(image: np.ndarray) -> np.ndarray:
    """float32[height, width]: standard deviation of the blurred grey levels in the window around every pixel."""
    return _deviation(_blur(_gray(image).astype(np.float32)), _WINDOW)


def rough_content_ratio(image: np.ndarray) -> float:
    """The share inside the margins from a quarter of the resolution: a tenth of the work.

    Within about 0.01, unless a large part of the slide varies by almost exactly 2.5 levels.
    """
    height, width = (edge - edge % _CELL for edge in image.shape[:2])
    gray = _gray(image[:height, :width])
    small = gray.reshape(height // _CELL, _CELL, width // _CELL, _CELL).mean(axis=(1, 3), dtype=np.float32)
    # The means of squares have blurred already; what is left of the variance is for a small Gaussian.
    steps, kernel = _kernel()
    sigma = np.sqrt(steps**2 @ kernel - (_CELL**2 - 1) / 12) / _CELL
    blurred = ndimage.gaussian_filter(small, sigma, mode="mirror")
    return _ratios(_deviation(blurred, (_WINDOW[0] / _CELL, _WINDOW[1] / _CELL)))[1]


def _gray(image: np.ndarray) -> np.ndarray:
    """uint8[height, width] by the weights of OpenCV in fixed point."""
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    return ((red * 4899 + green * 9617 + blue * 1868 + 8192) >> 14).astype(np.uint8)


def _kernel() -> tuple[np.ndarray, np.ndarray]:
    """Places and weights of the blur along one axis: a Gaussian cut off at 10 pixels."""
    steps = np.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1)
    weights = np.exp(-(steps**2) / (2 * _BLUR_SIGMA**2))
    return steps, weights / weights.sum()


def _blur(gray: np.ndarray) -> np.ndarray:
    _, kernel = _kernel()
    for axis in (1, 0):
        gray = ndimage.correlate1d(gray, kernel, axis=axis, mode="mirror")
    return gray


def _deviation(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """float32: standard deviation around every pixel."""
    mean = _box_mean(values, window)
    variance = np.maximum(_box_mean(values**2, window) - mean**2, np.float32(0))
    return np.sqrt(variance)


def _box_mean(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Means over windows, summed in double precision; beyond the border the picture is mirrored, its edge repeated.

    Of a window that is not a whole odd number of pixels, the outermost pixels count in part.
    """
    sums = values.astype(np.float64)
    for axis, size in enumerate(window):
        inner = int(size + 1) // 2 * 2 - 1
        part = (size - inner) / 2
        if part:
            sums = (1 - part) * _box_sum(sums, inner, axis) + part * _box_sum(sums, inner + 2, axis)
        else:
            sums = _box_sum(sums, inner, axis)
    return (sums / (window[0] * window[1])).astype(np.float32)


def _box_sum(values: np.ndarray, size: int, axis: int) -> np.ndarray:
    half = size // 2
    margin = [(0, 0), (0, 0)]
    margin[axis] = (half + 1, half)
    total = np.cumsum(np.pad(values, margin, mode="symmetric"), axis=axis)
    count = values.shape[axis]
    return total[size:] - total[:count] if axis == 0 else total[:, size:] - total[:, :count]


def _ratios(deviation: np.ndarray) -> tuple[float, float]:
    filled = np.minimum(deviation, np.float32(_MOST_DEVIATION)) / np.float32(_MOST_DEVIATION) > _THRESHOLD
    height, width = filled.shape
    top, bottom, left, right = _CROP
    inner = filled[int(height * top) : int(height * (1 - bottom)), int(width * left) : int(width * (1 - right))]
    return float(filled.mean()), float(inner.mean()) if inner.size else 0.0
