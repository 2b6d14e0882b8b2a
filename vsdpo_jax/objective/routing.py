"""Which rollouts learn from the teacher and which from their reward: masks, decided on the host."""

from __future__ import annotations

import dataclasses

import numpy as np

from vsdpo_jax.objective.method import Method
from vsdpo_jax.types import GradedRollout, Prompt

RULES = ("none", "srpo", "positive_advantage")


@dataclasses.dataclass(frozen=True)
class Routing:
    """bool[N, G] each: rollouts in the divergence term, and rollouts in the policy term."""

    distil_ng: np.ndarray
    policy_ng: np.ndarray


def informed(prompt: Prompt, member: GradedRollout, method: Method, distil_clean: bool) -> bool:
    """The teacher of a method reads something that the student did not: the reference, or what is wrong with a render.

    `distil_clean`: a render without defects counts as well, since the teacher sees it.
    """
    if method.context == "reference":
        return bool(prompt.reference)
    return method.context == "feedback" and (bool(member.defects) or distil_clean)


def route(
    informed_ng: np.ndarray,
    truncated_ng: np.ndarray,
    rewards_ng: np.ndarray,
    advantages_ng: np.ndarray,
    *,
    rule: str = "none",
    success: float = 1.0,
) -> Routing:
    """Masks of the two terms. A truncated rollout is never distilled: its teacher would agree with a missing end.

    Args:
      informed_ng: bool, the teacher knows something that the student did not.
      truncated_ng: bool, the response ran into the length limit.
      rewards_ng: float; NaN where a rollout could not be scored: it then counts as failed.
      advantages_ng: float.
      rule: `none`, both terms for all; `srpo` (arXiv 2604.02288), failed rollouts are distilled and all others get the
        policy term, none both; `positive_advantage` (arXiv 2606.04036), only rollouts better than their group are
        distilled.
      success: reward from which a rollout has not failed, for `srpo`.

    Raises:
      ValueError: for an unknown rule.
    """
    if rule not in RULES:
        raise ValueError(f"route is {rule!r}; it must be one of {', '.join(RULES)}")
    distil = np.asarray(informed_ng, bool) & ~np.asarray(truncated_ng, bool)
    everyone = np.ones_like(distil)
    if rule == "none":
        return Routing(distil, everyone)
    if rule == "positive_advantage":
        return Routing(distil & (np.asarray(advantages_ng) > 0), everyone)
    distil &= ~(np.asarray(rewards_ng) >= success)
    return Routing(distil, ~distil)
