"""Asks the current policy which lines drew the regions that introspection could not trace, and assigns credit anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax

from vsdpo_jax.errors import UserError
from vsdpo_jax.feedback.credit import assign
from vsdpo_jax.feedback.fallback import FallbackCounts, Question, explain
from vsdpo_jax.feedback.prompt import feedback_text
from vsdpo_jax.pack import Packer
from vsdpo_jax.policy import Policy
from vsdpo_jax.rollout.sampler import SamplingConfig, sample
from vsdpo_jax.sharding import local_rows, put_rows
from vsdpo_jax.types import GradedRollout, Prompt, RolloutGroup

# `lines: 103-114, 120` and the end of the turn.
ANSWER_TOKENS = 32


class Questioner:
    """Puts questions about regions to the policy; greedy, so that the same weights give the same credit.

    Args:
      policy, packer: of the run.
      questions: a step. Every step decodes that many rows, whether they are needed or not: all hosts must do the same.
      alpha: the largest credit weight.
      feedback_chars: room for the teacher's text.
    """

    def __init__(self, policy: Policy, packer: Packer, questions: int, alpha: float, feedback_chars: int):
        self._policy, self._packer, self._questions = policy, packer, questions
        self._alpha, self._feedback_chars = alpha, feedback_chars
        self._sampling = SamplingConfig(
            temperature=0,
            max_tokens=ANSWER_TOKENS,
            stop_ids=(policy.chat.end_of_turn,),
            banned_ids=policy.chat.banned_ids,
        )

    def __call__(self, params, groups: Sequence[RolloutGroup]) -> tuple[list[RolloutGroup], FallbackCounts]:
        """The groups with credit for what could be explained, and how often that worked."""
        members = [member for group in groups for member in group.members]
        explained, counts = explain(
            [(member.scene, member.defects) for member in members],
            lambda questions: self._ask(params, questions),
            self._questions,
        )
        graded = iter(self._regraded(member, defects) for member, defects in zip(members, explained, strict=True))
        return [
            dataclasses.replace(group, members=tuple(next(graded) for _ in group.members)) for group in groups
        ], counts

    def _regraded(self, member: GradedRollout, defects) -> GradedRollout:
        if defects == member.defects:
            return member
        rollout, scene = member.rollout, member.scene
        return dataclasses.replace(
            member,
            defects=defects,
            credit=assign(scene, defects, rollout.spans, rollout.code_start, self._alpha),
            feedback=feedback_text(scene, defects, self._feedback_chars),
        )

    def _ask(self, params, questions: list[Question]) -> list[str]:
        prompts = [Prompt("question", "", question.text, (question.image,)) for question in questions]
        fitting = [prompt if self._fits(prompt) else None for prompt in prompts]
        rows = [prompt or Prompt("none", "", "") for prompt in fitting]
        rows += [Prompt("none", "", "")] * (self._questions - len(rows))
        prefix, images = put_rows(self._packer.pack_prompts(rows))
        key = jax.random.key(0)
        samples = sample(self._policy.graphdef, params, prefix, images, key, branches=1, config=self._sampling)
        tokens, lengths = local_rows(samples.tokens)[:, 0], local_rows(samples.lengths)[:, 0]
        decode = self._policy.chat.tokenizer.decode
        answers = [decode(row[:length], skip_special_tokens=True) for row, length in zip(tokens, lengths, strict=True)]
        # An answer to a question that was not put is none.
        return [answer if prompt is not None else "" for answer, prompt in zip(answers, fitting, strict=False)]

    def _fits(self, prompt: Prompt) -> bool:
        """Whether the numbered program and the picture fit the prefix; a longer program is not asked about."""
        try:
            self._packer.pack_prompts([prompt])
        except UserError:
            return False
        return True
