"""Every good job is answered, nothing is lost, left behind, leaked, touched or sent."""

import os
import statistics
from pathlib import Path

import pytest

from tests.hostile.soak import run


@pytest.mark.parametrize(
    "count", [60, pytest.param(int(os.environ.get("VSDPO_SOAK_JOBS", 10_000)), marks=pytest.mark.slow)]
)
def test_soak(count, victim: Path):
    outcome = run(count, victim)
    print(f"{outcome.good} good, {outcome.hostile} hostile, {outcome.kills} kills, {outcome.seconds:.0f} s")
    assert outcome.failed == []
    assert outcome.good + outcome.hostile == count and outcome.hostile > 0.1 * count
    assert outcome.kills > 0 and outcome.packets == 0 and outcome.left_behind == []
    if count >= 1000:
        # Workers that were killed start smaller than they were, so medians of thirds are compared.
        third = len(outcome.memory) // 3
        for series, slack in ((outcome.memory, 1.15), (outcome.descriptors, 1.1)):
            assert statistics.median(series[-third:]) <= slack * statistics.median(series[third : 2 * third]), series
