"""From prompts to graded rollouts: sample, render, detect, credit, reward; rendering overlaps sampling."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from vsdpo_jax.data.chat import Chat
from vsdpo_jax.feedback.credit import assign
from vsdpo_jax.feedback.detect import DEFAULT_THRESHOLDS, detect
from vsdpo_jax.feedback.prompt import feedback_text
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.reward import score
from vsdpo_jax.rollout.engine import Ended
from vsdpo_jax.rollout.response import parse_response
from vsdpo_jax.timing import Interval, covered, shared
from vsdpo_jax.types import GradedRollout, Prompt, Rollout, RolloutGroup, Scene


@dataclasses.dataclass(frozen=True)
class StageSeconds:
    """Where the time of a collection went, in seconds.

    Attributes:
      rollout: until the last chunk was decoded.
      render: from then until the last rollout was graded.
      rendering: in which at least one render was under way.
      grading: in which a rollout was graded.
      hidden: of rendering and grading together, the part that passed while the device was decoding.
    """

    rollout: float
    render: float
    rendering: float
    grading: float
    hidden: float

    @property
    def overlap(self) -> float:
        """The share of rendering and grading that cost no time of its own."""
        return self.hidden / (self.hidden + self.render) if self.hidden + self.render > 0 else 0.0


@dataclasses.dataclass(frozen=True)
class Grading:
    """How rollouts are rendered and graded.

    Attributes:
      alpha: the largest credit weight.
      feedback_chars: room for the teacher's text.
      max_side: of a render in pixels; larger canvases are drawn at a lower resolution. 0: no limit.
      visual: how r_vis is made, a name in `reward.VISUALS`.
      thresholds: when something is a defect.
    """

    alpha: float
    feedback_chars: int
    max_side: int = 0
    visual: str = "fidelity"
    thresholds: Thresholds = DEFAULT_THRESHOLDS

    def submit(self, farm: RenderFarm, code: str, kind: str) -> Future[Scene]:
        """Renders a program with what its score needs."""
        # The benchmark's scores of charts compare what the program called, not only what is seen.
        traced = {"traces": True} if self.visual == "benchmark" and kind == "chart" else {}
        return farm.submit(code, kind, max_side=self.max_side or None, **traced)


def grade(prompt: Prompt, rollout: Rollout, scene: Scene, settings: Grading) -> GradedRollout:
    """All that one render taught: defects, credit for the sampled tokens, reward, and the teacher's text."""
    defects = detect(scene, prompt.reference_scene, settings.thresholds)
    return GradedRollout(
        rollout=rollout,
        scene=scene,
        defects=defects,
        credit=assign(scene, defects, rollout.spans, rollout.code_start, settings.alpha),
        reward=score(scene, prompt.reference_scene, defects, settings.visual),
        feedback=feedback_text(scene, defects, settings.feedback_chars) if defects else "",
    )


def collect(
    prompts: Sequence[Prompt],
    draw: Callable[[Sequence[Prompt], int], Iterator[Ended]],
    farm: RenderFarm,
    chat: Chat,
    settings: Grading,
    chunks: int = 1,
    between: Callable[[], None] = lambda: None,
) -> tuple[list[RolloutGroup], StageSeconds]:
    """Roll out and grade every prompt, in order.

    While the device decodes, the farm renders what has ended before and a thread grades what is rendered.

    Args:
      prompts: N prompts; N divides by `chunks`.
      draw: (prompts of one chunk, chunk index) -> its responses as they end; called once a chunk, one ahead.
      chat: of the policy, to read the sampled ids.
      chunks: parts of the prompts that are decoded one after the other.
      between: called before each wait for the device; it may raise, to leave.
    """
    size = len(prompts) // chunks
    parts = [prompts[index * size : (index + 1) * size] for index in range(chunks)]
    started = time.perf_counter()
    graders = ThreadPoolExecutor(1, thread_name_prefix="grade")
    try:
        graded: list[dict[int, Future[_Graded]]] = []
        ending = draw(parts[0], 0)
        for index, part in enumerate(parts):
            ahead = draw(parts[index + 1], index + 1) if index + 1 < chunks else None
            waiting = [_Waiting(prompt) for prompt in part]
            graded.append({})
            between()
            for ended in ending:
                decoded = time.perf_counter()
                for number in _submit(waiting, ended, farm, chat, settings):
                    group = waiting[number]
                    arguments = group.prompt, group.in_order(), settings, group.reference
                    graded[-1][number] = graders.submit(_grade_group, *arguments)
                between()
            ending = ahead
        results = [chunk[number].result() for chunk in graded for number in sorted(chunk)]
    finally:
        graders.shutdown(wait=False, cancel_futures=True)
    ended = time.perf_counter()
    rendering = [interval for result in results for interval in result.rendering]
    grading = [result.grading for result in results]
    seconds = StageSeconds(
        rollout=decoded - started,
        render=ended - decoded,
        rendering=covered(rendering),
        grading=covered(grading),
        hidden=shared([*rendering, *grading], [(started, decoded)]),
    )
    return [result.group for result in results], seconds


@dataclasses.dataclass(frozen=True)
class _Job:
    """A rollout in the farm; `ended` gets the time at which its render was there."""

    rollout: Rollout
    scene: Future[Scene]
    submitted: float
    ended: list[float]


@dataclasses.dataclass(frozen=True)
class _Graded:
    group: RolloutGroup
    rendering: list[Interval]
    grading: Interval


@dataclasses.dataclass
class _Waiting:
    """A prompt some of whose responses have not ended; `jobs` by branch."""

    prompt: Prompt
    jobs: dict[int, _Job] = dataclasses.field(default_factory=dict)
    reference: Future[Scene] | None = None

    def in_order(self) -> list[_Job]:
        return [self.jobs[branch] for branch in sorted(self.jobs)]


def _submit(waiting: list[_Waiting], ended: Ended, farm: RenderFarm, chat: Chat, settings: Grading) -> list[int]:
    """Hands responses to the farm; the numbers of the prompts that have all of theirs now."""
    whole = []
    for (number, branch), *columns in zip(ended.rows, ended.tokens, ended.logp, ended.lengths, strict=True):
        group = waiting[number]
        if not group.jobs:
            group.reference = _traced_reference(group.prompt, farm, settings)
        rollout = parse_response(group.prompt.id, *columns, chat.tokenizer, (chat.end_of_turn,))
        submitted, done = time.perf_counter(), []
        scene = settings.submit(farm, rollout.code, group.prompt.kind)
        scene.add_done_callback(lambda _, done=done: done.append(time.perf_counter()))
        group.jobs[int(branch)] = _Job(rollout, scene, submitted, done)
        if len(group.jobs) == ended.branches:
            whole.append(int(number))
    return whole


def _traced_reference(prompt: Prompt, farm: RenderFarm, settings: Grading) -> Future[Scene] | None:
    """The reference once more, where its score needs traces that it was rendered without."""
    known = prompt.reference_scene
    if settings.visual != "benchmark" or prompt.kind != "chart" or known is None or known.traces is not None:
        return None
    return settings.submit(farm, prompt.reference, prompt.kind)


def _grade_group(prompt: Prompt, jobs: Sequence[_Job], settings: Grading, reference: Future[Scene] | None) -> _Graded:
    scenes = [job.scene.result() for job in jobs]
    if reference is not None:
        prompt = dataclasses.replace(prompt, reference_scene=reference.result())
    started = time.perf_counter()
    members = [grade(prompt, job.rollout, scene, settings) for job, scene in zip(jobs, scenes, strict=True)]
    # A waiting thread may wake before the callback has run.
    rendering = [(job.submitted, job.ended[0] if job.ended else started) for job in jobs]
    return _Graded(RolloutGroup(prompt, tuple(members)), rendering, (started, time.perf_counter()))
