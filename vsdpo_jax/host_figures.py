"""What hosts tell each other of a step, so that every figure is of all rollouts and is the same on all hosts.

Figures are computed once, from what every host has sent, and not merged: the standard error over prompts or a quantile
over tokens could not be put together from the hosts' own. Pictures and scenes stay where they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from vsdpo_jax import hosts
from vsdpo_jax.model.inputs import ImagePatches
from vsdpo_jax.model.inputs import Sequence as Tokens
from vsdpo_jax.pack import PackedBatch
from vsdpo_jax.types import GradedRollout, RolloutGroup

# Seconds of a stage are those of the slowest host; of all else that hosts measure, the first one's are kept.
_SLOWEST = "timing_s/"


def all_groups(groups: Sequence[RolloutGroup]) -> Sequence[RolloutGroup]:
    """Those of all hosts, without prompts' images, renders and elements; of one host, as they are."""
    if hosts.count() == 1:
        return groups
    return [group for part in hosts.gather([_light_group(group) for group in groups]) for group in part]


def all_rows(batch: PackedBatch, per_token: Mapping[str, np.ndarray]) -> tuple[PackedBatch, dict[str, np.ndarray]]:
    """The masks and weights of all hosts' batches, other fields None, and what was found per token [N, G, R]."""
    if hosts.count() == 1:
        return batch, dict(per_token)
    parts = hosts.gather((_light_batch(batch), dict(per_token)))
    return jax.tree.map(lambda *rows: np.concatenate(rows), *parts)


def all_seconds(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics with the seconds of the slowest host."""
    found = hosts.gather(dict(metrics))
    slowest = {name: max(part[name] for part in found) for name in found[0] if name.startswith(_SLOWEST)}
    return found[0] | slowest


def _light_group(group: RolloutGroup) -> RolloutGroup:
    prompt = dataclasses.replace(group.prompt, images=(), reference_scene=None)
    return RolloutGroup(prompt, tuple(_light_member(member) for member in group.members))


def _light_member(member: GradedRollout) -> GradedRollout:
    scene = dataclasses.replace(member.scene, image=None, elements=(), statements=(), traces=None, report={})
    return dataclasses.replace(member, scene=scene)


def _light_batch(batch: PackedBatch) -> PackedBatch:
    def masked(sequence: Tokens) -> Tokens:
        return Tokens(None, None, sequence.valid, None)

    images = None if batch.images is None else ImagePatches(None, batch.images.valid, None, None, None)
    return dataclasses.replace(
        batch,
        images=images,
        prefix=masked(batch.prefix),
        student=masked(batch.student),
        teacher=masked(batch.teacher),
        targets_ngr=None,
        sampler_logp_ngr=None,
    )
