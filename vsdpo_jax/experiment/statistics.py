"""Means with their uncertainty over seeds, and when a curve reaches a target."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from scipy import stats


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over runs.

    Attributes:
      mean: None if there is no run.
      low, high: bounds of the 95% interval, None with fewer than two runs: one run says nothing of the spread.
      runs: how many runs it rests on.
    """

    mean: float | None
    low: float | None
    high: float | None
    runs: int


def interval(values: Sequence[float], level: float = 0.95) -> Estimate:
    """The mean of independent values with Student's t interval, which allows for the spread being estimated too."""
    values = np.asarray(values, float)
    count = len(values)
    if count == 0:
        return Estimate(None, None, None, 0)
    mean = float(values.mean())
    if count == 1:
        return Estimate(mean, None, None, 1)
    half = float(stats.t.ppf((1 + level) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))
    return Estimate(mean, mean - half, mean + half, count)


def paired(first: Mapping[Hashable, float], second: Mapping[Hashable, float], level: float = 0.95) -> Estimate:
    """The mean of `first - second` over the keys (seeds) that both have: what those have in common cancels."""
    return interval([first[key] - second[key] for key in sorted(first.keys() & second.keys())], level)


def smoothed(values: Sequence[float], window: int) -> list[float]:
    """Means over the last `window` values, one for each full window: `len(values) - window + 1`, or none."""
    values = np.asarray(values, float)
    if len(values) < window:
        return []
    return [float(part.mean()) for part in np.lib.stride_tricks.sliding_window_view(values, window)]


def first_reaching(positions: Sequence[float], values: Sequence[float], target: float) -> float | None:
    """The first of `positions` whose value is at least `target`; None if none is."""
    return next((position for position, value in zip(positions, values, strict=True) if value >= target), None)
