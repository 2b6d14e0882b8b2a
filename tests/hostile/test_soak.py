"""Every good job is answered, nothing is lost, left behind, leaked, touched or sent."""

import os
import statistics
from pathlib import Path

import pytest

from tests.hostile.soak import run

MANY = int(os.environ.get("VSDPO_SOAK_JOBS", 10_000))


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(60, id="some"),
        # On two busy cores.
        pytest.param(MANY, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(600 + 2 * MANY)]),
    ],
)
def test_soak(count, victim: Path, tmp_path_factory):
    outcome = run(count, tmp_path_factory.mktemp("farm"), victim)
    print(f"{outcome.good} good, {outcome.hostile} hostile, {dict(outcome.kills)} kills, {outcome.seconds:.0f} s")
    assert outcome.failed == []
    assert outcome.good + outcome.hostile == count and outcome.hostile > 0.1 * count
    assert outcome.kills.total() > 0 and outcome.packets == 0
    assert outcome.left_behind == [] and outcome.zombies == set() and outcome.touched == []
    if count >= 1000:
        # Workers that were killed start smaller than they were, so medians of thirds are compared.
        third = len(outcome.memory) // 3
        for series, slack in ((outcome.memory, 1.15), (outcome.descriptors, 1.1)):
            assert statistics.median(series[-third:]) <= slack * statistics.median(series[third : 2 * third]), series
