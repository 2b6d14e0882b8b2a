"""What the bench compares is the same computation."""

import pytest

from vsdpo_jax.bench import objective

SMALL = objective.Size("small", 96, 64, 16)


def test_candidates_agree_and_are_timed(monkeypatch):
    monkeypatch.setattr(objective, "REPEATS", 1)
    taken = objective.seconds({"plain": objective.plain_loss, "fused": objective.fused_loss}, SMALL, valid=0.7)
    assert set(taken) == {"plain", "fused"} and all(value > 0 for value in taken.values())


def test_a_candidate_that_computes_something_else_is_refused():
    losses = {"plain": objective.plain_loss, "wrong": lambda *arrays: 1.1 * objective.plain_loss(*arrays)}
    with pytest.raises(AssertionError):
        objective.seconds(losses, SMALL, valid=1.0)


def test_working_memory_counts_whole_logits_for_the_plain_loss():
    size = objective.Size("medium", 8192, 8192, 64)
    plain, fused = (objective.working_memory(loss, size) for loss in (objective.plain_loss, objective.fused_loss))
    logits = 4 * size.tokens * size.vocabulary
    assert plain > logits > 4 * fused > 0
