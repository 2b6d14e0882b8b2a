"""Rollouts, credit and rewards of one step as the fixed-shape arrays of the update: the only way to the device.

Layout of a continuation (student and teacher alike): a header, right-aligned in its slot, then the response, so
that response token t of every rollout stands at the same index and the hidden state that predicts it is at
`header length - 1 + t`. With empty feedback the teacher's continuation is the student's.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Many

import jax
import numpy as np

from vsdpo_jax.data.chat import Chat, Piece, stack_pieces
from vsdpo_jax.data.images import Grid, ImageProcessor, ProcessedImage, pack_images
from vsdpo_jax.data.tokenizer import token_spans
from vsdpo_jax.errors import UserError
from vsdpo_jax.feedback.prompt import feedback_text
from vsdpo_jax.model.inputs import ImagePatches, Sequence
from vsdpo_jax.objective.method import Method
from vsdpo_jax.objective.routing import Routing, informed, route
from vsdpo_jax.types import GradedRollout, Prompt, RolloutGroup, TargetGroup


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PackedBatch:
    """One step's arrays.

    Attributes:
      images: I prompt images then G feedback renders per prompt, [N, I + G, S, …].
      prefix: the prompt turns x, [N, 1, P].
      student: assistant header and response, [N, G, B + R].
      teacher: feedback turn, assistant header and response, [N, G, F + R].
      targets_ngr: int32, response ids.
      response_ngr: bool, true on response tokens (the end-of-turn token included).
      distil_ng: bool, rollouts whose divergence counts (m_t of the objective).
      policy_ng: bool, rollouts whose reward counts.
      weights_ngr: float32, w_t.
      sampler_logp_ngr: float32, log-probabilities at sampling time.
      advantages_ng: float32.
      old_logp_ngr: float32, log-probabilities of the trainer before its first update on this batch. None for that one.
      shortened_ng: bool, rollouts whose feedback was shortened to fit; only counted.
      revision_weights_ngr: float32, weights of supervised targets after feedback. None: `weights_ngr`.
    """

    images: ImagePatches
    prefix: Sequence
    student: Sequence
    teacher: Sequence
    targets_ngr: np.ndarray | jax.Array
    response_ngr: np.ndarray | jax.Array
    distil_ng: np.ndarray | jax.Array
    policy_ng: np.ndarray | jax.Array
    weights_ngr: np.ndarray | jax.Array
    sampler_logp_ngr: np.ndarray | jax.Array
    advantages_ng: np.ndarray | jax.Array
    old_logp_ngr: jax.Array | None = None
    shortened_ng: np.ndarray | jax.Array | None = None
    revision_weights_ngr: np.ndarray | jax.Array | None = None


@dataclasses.dataclass(frozen=True)
class Lengths:
    """The fixed sizes of the packed arrays.

    Attributes:
      prefix, response, feedback: tokens; `feedback` includes the assistant header.
      images: I, image slots of a prompt.
      patches: S, patches of one image.
    """

    prefix: int
    response: int
    feedback: int
    images: int
    patches: int


@dataclasses.dataclass(frozen=True)
class Branch:
    """One continuation to pack: a response, and what the teacher reads before it.

    Attributes:
      response: int32[at most R].
      weights, logp: float32, as long as `response`.
      revision_weights: the same for a supervised target that follows feedback; None for rollouts.
      feedback: the teacher's texts, the preferred first; the first that fits is taken, no other is asked for. Empty:
        the header alone.
      render: the image in the teacher's turn, or None.
      distil: its divergence counts.
      rewarded: its reward counts.
    """

    response: np.ndarray
    weights: np.ndarray
    logp: np.ndarray
    feedback: Iterable[str] = ()
    render: np.ndarray | None = None
    distil: bool = False
    rewarded: bool = True
    advantage: float = 0.0
    revision_weights: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Packer:
    """Packs for one model, in one set of fixed shapes."""

    chat: Chat
    processor: ImageProcessor
    lengths: Lengths

    def fits(self, prompt: Prompt, response: str = "") -> bool:
        """Whether a prompt, and a response as a target, have room; what has none is refused when it is packed."""
        try:
            grids = [self.processor.grid(*image.shape[:2]) for image in prompt.images]
            prefix = self.chat.prefix(prompt.text, grids)
        except ValueError:  # An image with too many tokens, or too elongated.
            return False
        target = self.chat.response(response, start=0)
        return (
            len(grids) <= self.lengths.images
            and len(prefix) <= self.lengths.prefix
            and len(target) <= self.lengths.response
        )

    def pack_prompts(self, prompts: Many[Prompt]) -> tuple[Sequence, ImagePatches]:
        """What the sampler reads: prefix and assistant header, [N, 1, P + B], and the prompt images, [N, I, S, …]."""
        images = [self._process(prompt.images) for prompt in prompts]
        pieces = [self._prefix(prompt, row) for prompt, row in zip(prompts, images, strict=True)]
        pieces = [[piece + self.chat.header(piece.next_position)] for piece in pieces]
        length = self.lengths.prefix + len(self.chat.header(0))
        return stack_pieces(pieces, length, align="left"), self._pack_images(images, self.lengths.images)

    def pack_revisions(
        self, attempts: Many[tuple[Prompt, GradedRollout]], method: Method
    ) -> tuple[Sequence, ImagePatches]:
        """What the teacher reads of M rollouts, for it to go on by itself.

        Prompt turn, feedback turn and assistant header, [M, 1, P + F]; prompt images and the render, [M, I + 1, S, …].
        """
        pieces, images = [], []
        for prompt, member in attempts:
            branch, own = self._rollout_branch(prompt, member, method), self._process(prompt.images)
            prefix = self._prefix(prompt, own)
            render = None if branch.render is None else self.processor.process(branch.render)
            turn, _ = self._feedback(branch, render, self.lengths.images, prefix.next_position)
            pieces.append([prefix + turn])
            images.append([*own, *[None] * (self.lengths.images - len(own)), render])
        length = self.lengths.prefix + self.lengths.feedback
        return stack_pieces(pieces, length, align="left"), self._pack_images(images, self.lengths.images + 1)

    def pack_rollouts(
        self,
        groups: Many[RolloutGroup],
        advantages_ng: np.ndarray,
        method: Method,
        *,
        distil_clean: bool,
        rule: str = "none",
        success: float = 1.0,
    ) -> PackedBatch:
        """Rollouts as a batch. Those that were truncated, or that have no feedback, are not distilled.

        `rule` and `success` are those of `objective.routing.route`.
        """
        routing = self._routing(groups, advantages_ng, method, distil_clean, rule, success)
        rows = [
            [
                dataclasses.replace(
                    self._rollout_branch(group.prompt, member, method),
                    distil=bool(routing.distil_ng[n, g]),
                    rewarded=bool(routing.policy_ng[n, g]),
                    advantage=float(advantages_ng[n, g]),
                )
                for g, member in enumerate(group.members)
            ]
            for n, group in enumerate(groups)
        ]
        return self.pack([group.prompt for group in groups], rows)

    def pack_targets(self, groups: Many[TargetGroup], decisive_weight: float, revised_weight: float) -> PackedBatch:
        """Supervised targets as a batch; tokens that touch a decisive span weigh `decisive_weight`.

        After feedback those that touch a revised span weigh `revised_weight`, without it they do not count: values
        that were not reported are then as often right with feedback as without it, and only what a report says helps.
        """
        rows = [self._target_branches(group, decisive_weight, revised_weight) for group in groups]
        packed = self.pack([group.prompt for group in groups], rows)
        after_feedback = self._per_token([[branch.revision_weights for branch in row] for row in rows], fill=1.0)
        return dataclasses.replace(packed, revision_weights_ngr=after_feedback)

    def pack(self, prompts: Many[Prompt], branches: Many[Many[Branch]]) -> PackedBatch:
        """N prompts with G branches each.

        Raises:
          UserError: a prompt or a response does not fit its length.
        """
        prompt_images = [self._process(prompt.images) for prompt in prompts]
        prefixes = [self._prefix(prompt, images) for prompt, images in zip(prompts, prompt_images, strict=True)]
        headers, feedback, responses, after_feedback, images, shortened = [], [], [], [], [], []
        for prefix, row, own in zip(prefixes, branches, prompt_images, strict=True):
            renders = [None if branch.render is None else self.processor.process(branch.render) for branch in row]
            header = self.chat.header(prefix.next_position)
            fitted = [
                self._feedback(branch, render, self.lengths.images + slot, prefix.next_position)
                for slot, (branch, render) in enumerate(zip(row, renders, strict=True))
            ]
            turns = [piece for piece, _ in fitted]
            shortened.append([cut for _, cut in fitted])
            headers.append([header] * len(row))
            feedback.append(turns)
            responses.append([self._response(branch, header) for branch in row])
            after_feedback.append([self._response(*pair) for pair in zip(row, turns, strict=True)])
            images.append([*own, *[None] * (self.lengths.images - len(own)), *renders])
        student = self._continuation(headers, responses, len(headers[0][0]))
        return PackedBatch(
            images=self._pack_images(images, self.lengths.images + len(branches[0])),
            prefix=stack_pieces([[prefix] for prefix in prefixes], self.lengths.prefix, align="left"),
            student=student,
            teacher=self._continuation(feedback, after_feedback, self.lengths.feedback),
            targets_ngr=student.tokens[..., -self.lengths.response :],
            response_ngr=student.valid[..., -self.lengths.response :],
            distil_ng=np.array([[branch.distil for branch in row] for row in branches]),
            policy_ng=np.array([[branch.rewarded for branch in row] for row in branches]),
            weights_ngr=self._per_token([[branch.weights for branch in row] for row in branches], fill=1.0),
            sampler_logp_ngr=self._per_token([[branch.logp for branch in row] for row in branches], fill=0.0),
            advantages_ng=np.array([[branch.advantage for branch in row] for row in branches], np.float32),
            shortened_ng=np.array(shortened, bool),
        )

    def _routing(self, groups, advantages_ng, method: Method, distil_clean: bool, rule: str, success: float) -> Routing:
        """Who learns from what, as [N, G] masks."""

        def each(value):
            return np.array([[value(group.prompt, member) for member in group.members] for group in groups])

        return route(
            each(lambda prompt, member: method.distil and informed(prompt, member, method, distil_clean)),
            each(lambda _, member: member.rollout.truncated),
            each(lambda _, member: member.reward.total),
            advantages_ng,
            rule=rule,
            success=success,
        )

    def _rollout_branch(self, prompt: Prompt, member: GradedRollout, method: Method) -> Branch:
        rollout = member.rollout
        texts, render = (), None
        if method.context == "reference" and prompt.reference:
            texts = (f"A correct program:\n{prompt.reference}",)
        elif method.context == "feedback":
            texts, render = _feedback_texts(member), member.scene.image
        return Branch(
            response=rollout.tokens,
            weights=member.credit.weights,
            logp=rollout.logp,
            feedback=texts,
            render=render,
        )

    def _target_branches(self, group: TargetGroup, decisive_weight: float, revised_weight: float) -> list[Branch]:
        branches = []
        for target, feedback, render, decisive, revised in zip(
            group.targets, group.feedback, group.renders, group.decisive, group.revised, strict=True
        ):
            ids = self.chat.response(target, start=0).ids
            _, token_characters = token_spans(self.chat.tokenizer, ids)
            decided = _weighted(np.ones(len(ids), np.float32), token_characters, decisive, decisive_weight)
            branches.append(
                Branch(
                    response=ids,
                    weights=_weighted(decided, token_characters, revised, 0.0),
                    logp=np.zeros(len(ids), np.float32),
                    feedback=(feedback,) if feedback else (),
                    render=render,
                    distil=bool(feedback),
                    revision_weights=_weighted(decided, token_characters, revised, revised_weight),
                )
            )
        return branches

    def _process(self, images: Many[np.ndarray]) -> list[ProcessedImage]:
        return [self.processor.process(image) for image in images]

    def _pack_images(self, images: Many[Many[ProcessedImage | None]], slots: int) -> ImagePatches:
        return pack_images(images, slots=slots, patches=self.lengths.patches, config=self.chat.config.vision)

    def _prefix(self, prompt: Prompt, images: Many[ProcessedImage]) -> Piece:
        piece = self.chat.prefix(prompt.text, [image.grid for image in images])
        if len(piece) > self.lengths.prefix:
            raise UserError(
                f"prompt {prompt.id} has {len(piece)} tokens, more than config.lengths.prefix={self.lengths.prefix}: "
                "raise it or shorten the prompt"
            )
        return piece

    def _feedback(self, branch: Branch, render: ProcessedImage | None, slot: int, start: int) -> tuple[Piece, bool]:
        """The first text that fits, or the render without text; and whether it is not the preferred one."""
        grid: Grid | None = None if render is None else render.grid
        for attempt, text in enumerate(itertools.chain(branch.feedback, ("",))):
            piece = self.chat.feedback(text, grid, slot=slot, start=start)
            if len(piece) <= self.lengths.feedback:
                return piece, attempt > 0
        raise UserError(
            f"a render takes {len(piece)} tokens, more than config.lengths.feedback={self.lengths.feedback}: raise it"
        )

    def _response(self, branch: Branch, before: Piece) -> Piece:
        if len(branch.response) > self.lengths.response:
            raise UserError(
                f"a response has {len(branch.response)} tokens, more than config.lengths.response="
                f"{self.lengths.response}: raise it"
            )
        return self.chat.sampled(branch.response, start=before.next_position)

    def _continuation(self, headers: Many[Many[Piece]], responses: Many[Many[Piece]], length: int) -> Sequence:
        """Headers right-aligned in `length` tokens, then responses in R."""
        left = stack_pieces(headers, length, align="right")
        right = stack_pieces(responses, self.lengths.response, align="left")
        return jax.tree.map(lambda *parts: np.concatenate(parts, axis=-1), left, right)

    def _per_token(self, rows: Many[Many[np.ndarray]], fill: float) -> np.ndarray:
        packed = np.full((len(rows), len(rows[0]), self.lengths.response), fill, np.float32)
        for n, row in enumerate(rows):
            for g, values in enumerate(row):
                packed[n, g, : len(values)] = values
        return packed


def _weighted(
    weights: np.ndarray, token_characters: np.ndarray, spans: Many[tuple[int, int]], weight: float
) -> np.ndarray:
    """A copy of `weights` [R] in which tokens that touch a span [start, end) weigh `weight`."""
    weights = weights.copy()
    for start, end in spans:
        weights[(token_characters[:, 0] < end) & (token_characters[:, 1] > start)] = weight
    return weights


def _feedback_texts(member: GradedRollout) -> Iterator[str]:
    """The teacher's text, then shorter versions of it, written only when its tokens do not fit."""
    limit, text = len(member.feedback), member.feedback
    while text:
        yield text
        if limit <= 60:
            return
        limit = limit * 3 // 4
        text = feedback_text(member.scene, member.defects, limit)
