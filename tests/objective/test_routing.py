"""Who learns from what."""

import numpy as np
import pytest

from vsdpo_jax.objective.routing import route

INFORMED = np.array([[True, True, True, False], [True, True, True, True]])
TRUNCATED = np.array([[False, False, True, False], [False] * 4])
REWARDS = np.array([[0.2, 1.0, 0.0, 0.0], [0.9, np.nan, 0.5, 1.0]])
ADVANTAGES = np.array([[-0.1, 0.7, -0.3, -0.3], [0.1, 0.0, -0.3, 0.2]])


def masks(**settings):
    found = route(INFORMED, TRUNCATED, REWARDS, ADVANTAGES, **settings)
    return found.distil_ng.astype(int).tolist(), found.policy_ng.astype(int).tolist()


def test_without_a_rule_both_terms_apply_except_where_the_teacher_knows_nothing_or_the_end_is_missing():
    assert masks() == ([[1, 1, 0, 0], [1, 1, 1, 1]], [[1] * 4] * 2)


def test_srpo_sends_failures_to_the_teacher_and_the_rest_to_the_reward():
    # The unscored rollout counts as failed; a truncated or uninformed failure has no teacher and stays with its reward.
    assert masks(rule="srpo") == ([[1, 0, 0, 0], [1, 1, 1, 0]], [[0, 1, 1, 1], [0, 0, 0, 1]])
    assert masks(rule="srpo", success=0.6)[0] == [[1, 0, 0, 0], [0, 1, 1, 0]]


def test_srpo_gives_every_rollout_exactly_one_term():
    found = route(INFORMED, TRUNCATED, REWARDS, ADVANTAGES, rule="srpo")
    assert (found.distil_ng ^ found.policy_ng).all()


def test_positive_advantage_distils_only_the_better_ones():
    assert masks(rule="positive_advantage") == ([[0, 1, 0, 0], [1, 0, 0, 1]], [[1] * 4] * 2)


def test_unknown_rule():
    with pytest.raises(ValueError, match="none, srpo, positive_advantage"):
        masks(rule="failed")
