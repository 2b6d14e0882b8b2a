"""Which evaluation was the best so far, and whether to go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

MEASURE = "eval/reward"


@dataclasses.dataclass
class Best:
    """The evaluation with the highest held-out reward; the earlier one of equals.

    Attributes:
      step: of that evaluation; None before the first.
      reward: its score.
      last: the step of the last evaluation; None before the first.
      since: evaluations after the best one.
    """

    step: int | None = None
    reward: float = float("-inf")
    last: int | None = None
    since: int = 0

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, float | None]]) -> Best:
        """From the lines of metrics.jsonl, so that a resumed run remembers."""
        best = cls()
        for row in rows:
            if row.get(MEASURE) is not None:
                best.add(int(row["step"]), row[MEASURE])
        return best

    def add(self, step: int, reward: float) -> bool:
        """Notes an evaluation; True if it is the best so far. The same step again changes nothing."""
        if step == self.last:
            return step == self.step
        self.last = step
        if reward > self.reward:
            self.step, self.reward, self.since = step, float(reward), 0
            return True
        self.since += 1
        return False

    def gave_up(self, patience: int) -> bool:
        """Whether `patience` evaluations in a row were no better; never with `patience` 0."""
        return 0 < patience <= self.since
