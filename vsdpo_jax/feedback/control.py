"""Controls of the teacher: what it reads is damaged in one way, to find out which part of it teaches.

    shuffled       the report and the render of another rollout, of another prompt where there is one
    blank_render   its own report, with a white picture
    no_rubric      its own render, without the list of defects; what a failed program raised stays
    no_image       its own report, without a picture

Only the teacher's turn changes. Credit, rewards and the rollouts that are distilled stay those of the rollout itself,
except that of a lone rollout nobody else's report can be shown, so it is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from vsdpo_jax.errors import UserError
from vsdpo_jax.feedback.prompt import without_rubric
from vsdpo_jax.types import GradedRollout, RolloutGroup

CONTROLS = ("none", "shuffled", "blank_render", "no_rubric", "no_image")


def check_control(control: str, context: str) -> None:
    """Raises UserError if there is no such control, or if the teacher of the method reads no feedback.

    Args:
      control: `config.teacher.control`.
      context: `Method.context`.
    """
    if control not in CONTROLS:
        raise UserError(f"config.teacher.control={control!r} is unknown: choose one of {', '.join(CONTROLS)}")
    if control != "none" and context != "feedback":
        raise UserError(f"config.teacher.control={control} needs a method whose teacher reads feedback")


def controlled(groups: Sequence[RolloutGroup], control: str) -> list[RolloutGroup]:
    """The groups as the teacher is to see them. The same groups give the same result."""
    if control == "none":
        return list(groups)
    if control == "shuffled":
        return _shuffled(groups)
    change = {"blank_render": _blank_render, "no_rubric": _no_rubric, "no_image": _no_image}[control]
    return [dataclasses.replace(group, members=tuple(map(change, group.members))) for group in groups]


def _blank_render(member: GradedRollout) -> GradedRollout:
    if member.scene.image is None:
        return member
    return _with_image(member, np.full_like(member.scene.image, 255))


def _no_image(member: GradedRollout) -> GradedRollout:
    return _with_image(member, None)


def _with_image(member: GradedRollout, image: np.ndarray | None) -> GradedRollout:
    return dataclasses.replace(member, scene=dataclasses.replace(member.scene, image=image))


def _no_rubric(member: GradedRollout) -> GradedRollout:
    if member.scene.error is not None or not member.feedback:
        return member
    return dataclasses.replace(member, feedback=without_rubric())


def _shuffled(groups: Sequence[RolloutGroup]) -> list[RolloutGroup]:
    """Hands every report on to the rollout that stands as many reports further as the largest group has."""
    blocks = [[member for member in group.members if member.feedback] for group in groups]
    members = [member for block in blocks for member in block]
    largest = max(map(len, blocks), default=0)
    # A lone group can only exchange among its own.
    shift = 1 if largest == len(members) else largest
    givers = iter(members[shift:] + members[:shift])
    alone = len(members) == 1
    return [
        dataclasses.replace(
            group,
            members=tuple(
                member if not member.feedback else _silent(member) if alone else _reading(member, next(givers))
                for member in group.members
            ),
        )
        for group in groups
    ]


def _reading(member: GradedRollout, other: GradedRollout) -> GradedRollout:
    """`member` with all that the teacher reads of `other`."""
    return dataclasses.replace(member, scene=other.scene, defects=other.defects, feedback=other.feedback)


def _silent(member: GradedRollout) -> GradedRollout:
    return dataclasses.replace(_with_image(member, None), defects=(), feedback="")
