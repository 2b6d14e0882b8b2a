"""From prompts to graded rollouts: sample, render, detect, credit, reward; rendering overlaps sampling."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import numpy as np

from vsdpo_jax.data.chat import Chat
from vsdpo_jax.feedback.credit import assign
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.feedback.prompt import feedback_text
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.reward import score
from vsdpo_jax.rollout.response import parse_response
from vsdpo_jax.rollout.sampler import Samples
from vsdpo_jax.types import GradedRollout, Prompt, Rollout, RolloutGroup, Scene


@dataclasses.dataclass
class StageSeconds:
    """Wall-clock seconds the host spent waiting in each stage of a step."""

    rollout: float = 0.0
    render: float = 0.0
    grade: float = 0.0


@dataclasses.dataclass(frozen=True)
class Grading:
    """How rollouts are rendered and graded.

    Attributes:
      alpha: the largest credit weight.
      feedback_chars: room for the teacher's text.
      max_side: of a render in pixels; larger canvases are drawn at a lower resolution. 0: no limit.
    """

    alpha: float
    feedback_chars: int
    max_side: int = 0


def grade(prompt: Prompt, rollout: Rollout, scene: Scene, settings: Grading) -> GradedRollout:
    """All that one render taught: defects, credit for the sampled tokens, reward, and the teacher's text."""
    defects = detect(scene, prompt.reference_scene)
    return GradedRollout(
        rollout=rollout,
        scene=scene,
        defects=defects,
        credit=assign(scene, defects, rollout.spans, rollout.code_start, settings.alpha),
        reward=score(scene, prompt.reference_scene, defects),
        feedback=feedback_text(scene, defects, settings.feedback_chars) if defects else "",
    )


def collect(
    prompts: Sequence[Prompt],
    draw: Callable[[Sequence[Prompt], int], Samples],
    farm: RenderFarm,
    chat: Chat,
    settings: Grading,
    chunks: int = 1,
) -> tuple[list[RolloutGroup], StageSeconds]:
    """Roll out and grade every prompt, in order.

    Args:
      prompts: N prompts; N divides by `chunks`.
      draw: (prompts of one chunk, chunk index) -> samples, still being computed; called once a chunk, one ahead.
      chat: of the policy, to read the sampled ids.
      chunks: while one chunk is decoded, the farm renders the one before.
    """
    seconds = StageSeconds()
    size = len(prompts) // chunks
    waiting: list[list[tuple[Rollout, Future]]] = []
    samples = draw(prompts[:size], 0)
    for index in range(chunks):
        part = prompts[index * size : (index + 1) * size]
        ahead = draw(prompts[(index + 1) * size : (index + 2) * size], index + 1) if index + 1 < chunks else None
        started = time.perf_counter()
        tokens, logp, lengths = (np.asarray(a) for a in (samples.tokens, samples.logp, samples.lengths))
        seconds.rollout += time.perf_counter() - started
        for row, prompt in enumerate(part):
            rollouts = [
                parse_response(prompt.id, *columns, chat.tokenizer, (chat.end_of_turn,))
                for columns in zip(tokens[row], logp[row], lengths[row], strict=True)
            ]
            waiting.append(
                [
                    (rollout, farm.submit(rollout.code, prompt.kind, max_side=settings.max_side or None))
                    for rollout in rollouts
                ]
            )
        samples = ahead
    groups = []
    for prompt, members in zip(prompts, waiting, strict=True):
        started = time.perf_counter()
        scenes = [future.result() for _, future in members]
        rendered = time.perf_counter()
        graded = [grade(prompt, rollout, scene, settings) for (rollout, _), scene in zip(members, scenes, strict=True)]
        groups.append(RolloutGroup(prompt, tuple(graded)))
        seconds.render += rendered - started
        seconds.grade += time.perf_counter() - rendered
    return groups, seconds
