"""Wall-clock time of a block of host code."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator


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
