"""Means over examples, and how far they could be off: a bootstrap over references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

Means = dict[str, float | None]
RESAMPLES = 1000


def means(rows: Sequence[Mapping[str, float | None]]) -> Means:
    """Column means; None for a column that one of the rows lacks, because a mean over the rest would flatter."""
    return _means(_matrix(rows, _names(rows)), np.ones(len(rows)), _names(rows))


def intervals(
    rows: Sequence[Mapping[str, float | None]],
    clusters: Sequence[str],
    total: Callable[[Means], Mapping[str, float | None]],
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """Percentile intervals of every figure that `total` makes from the means.

    Args:
      rows: one a prediction.
      clusters: the reference of each row. References are drawn, with all their predictions, because the predictions of
        one reference are not independent.
      total: of the benchmark.
      resamples: bootstrap draws.
      level: share of the draws inside the interval.
    """
    names = _names(rows)
    values = _matrix(rows, names)
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(cluster.max()) + 1 if len(cluster) else 0
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        weight = np.bincount(rng.integers(0, count, count), minlength=count)[cluster].astype(float)
        draws.append(total(_means(values, weight, names)))
    low, high = (1 - level) / 2, (1 + level) / 2
    found: dict[str, tuple[float, float] | None] = {}
    for name in draws[0]:
        column = [draw[name] for draw in draws]
        missing = any(value is None for value in column)
        found[name] = None if missing else (float(np.quantile(column, low)), float(np.quantile(column, high)))
    return found


def _names(rows: Sequence[Mapping[str, float | None]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _matrix(rows: Sequence[Mapping[str, float | None]], names: Sequence[str]) -> np.ndarray:
    return np.array([[np.nan if row.get(name) is None else row[name] for name in names] for row in rows], float)


def _means(values: np.ndarray, weight: np.ndarray, names: Sequence[str]) -> Means:
    # Whether a column is complete does not depend on the draw.
    complete = ~np.isnan(values).any(axis=0)
    mean = (weight[:, None] * np.nan_to_num(values)).sum(axis=0) / weight.sum()
    return {name: float(mean[i]) if complete[i] else None for i, name in enumerate(names)}
