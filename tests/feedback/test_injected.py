"""Precision and recall of the detectors on charts with injected defects and their clean twins."""

import pytest
from injected import KINDS, make

from vsdpo_jax.feedback.credit import responsibilities
from vsdpo_jax.feedback.detect import detect


def measure(farm, count):
    """kind -> (recall, precision, share of the found whose injected statement has the highest credit, false alarms)."""
    pairs = {kind: [make(kind, seed) for seed in range(count)] for kind in KINDS}
    flawed = {kind: farm.render(pair.flawed for pair in pairs[kind]) for kind in KINDS}
    clean = {kind: farm.render(pair.clean for pair in pairs[kind]) for kind in KINDS}
    assert all(scene.error is None for scenes in (*flawed.values(), *clean.values()) for scene in scenes)
    alarms = {kind: [detect(scene) for scene in scenes] for kind, scenes in clean.items()}
    reported = {kind: [detect(scene) for scene in scenes] for kind, scenes in flawed.items()}
    table = {}
    for kind in KINDS:
        hits = [[d for d in defects if d.kind == kind] for defects in reported[kind]]
        found = [index for index, defects in enumerate(hits) if defects]
        wrong = sum(kind in {d.kind for d in defects} for others in alarms.values() for defects in others)
        charged = 0
        for index in found:
            resp = responsibilities(flawed[kind][index], hits[index])
            best = max(resp.values())
            charged += any(s.line_start == pairs[kind][index].line for s, value in resp.items() if value == best)
        table[kind] = (
            len(found) / count,
            len(found) / max(1, len(found) + wrong),
            charged / max(1, len(found)),
            sum(map(bool, alarms[kind])) / count,
        )
    return table


def check(table):
    for kind, (recall, precision, charged, alarms) in table.items():
        assert recall >= 0.95 and precision >= 0.95 and charged >= 0.95 and alarms <= 0.03, (kind, table)


def test_a_few_of_each_kind(farm):
    check(measure(farm, 2))


@pytest.mark.slow
def test_fifty_of_each_kind(farm):
    check(measure(farm, 50))
