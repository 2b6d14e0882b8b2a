"""Scores of a policy on held-out prompts: sample, render, grade, average."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vsdpo_jax.types import GradedRollout, RolloutGroup


def summarize(groups: Sequence[RolloutGroup]) -> dict[str, float]:
    """Means over all rollouts: `reward`, `exec_rate`, `visual` and `defects_per_render` over those that executed.

    `reward_stderr` is the standard error of the mean over prompts, whose rollouts are not independent.
    """
    members = [member for group in groups for member in group.members]
    executed = [member for member in members if member.scene.error is None]
    by_prompt = [np.mean([member.reward.total for member in group.members]) for group in groups]
    return {
        "reward": float(np.mean(by_prompt)),
        "reward_stderr": float(np.std(by_prompt, ddof=1) / np.sqrt(len(by_prompt))) if len(by_prompt) > 1 else 0.0,
        "exec_rate": len(executed) / len(members),
        "visual": _mean([member.reward.visual for member in executed]),
        "defects_per_render": _mean([_count(member) for member in executed]),
        "clean_rate": _mean([_count(member) == 0 for member in executed]) * len(executed) / len(members),
        "mean_length": _mean([len(member.rollout.tokens) for member in members]),
    }


def _count(member: GradedRollout) -> int:
    return sum(defect.severity > 0 for defect in member.defects)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0
