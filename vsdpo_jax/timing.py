"""Wall-clock time: of a block of host code, and of things that happen at the same time."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator


@dataclasses.dataclass
class Elapsed:
    """`seconds` is set when the block ends."""

    seconds: float = 0.0


@contextlib.contextmanager
def timed() -> Iterator[Elapsed]:
    """Measures its block: `with timed() as elapsed: …`, then `elapsed.seconds`."""
    elapsed, started = Elapsed(), time.perf_counter()
    try:
        yield elapsed
    finally:
        elapsed.seconds += time.perf_counter() - started


Interval = tuple[float, float]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times as intervals that do not touch, in order."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        elif end > start:
            merged.append((start, end))
    return merged


def covered(intervals: Iterable[Interval]) -> float:
    """Seconds that lie in at least one interval."""
    return sum(end - start for start, end in union(intervals))


def shared(first: Iterable[Interval], second: Iterable[Interval]) -> float:
    """Seconds that lie in an interval of both."""
    first, second = list(first), list(second)
    return covered(first) + covered(second) - covered([*first, *second])
