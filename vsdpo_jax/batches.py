"""Where the batches of a run come from: rollouts of the current weights, or supervised targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import jax
import numpy as np
from ml_collections import ConfigDict

from vsdpo_jax import hosts
from vsdpo_jax.data.source import PromptSource, Stream
from vsdpo_jax.errors import UserError
from vsdpo_jax.feedback.control import check_control, controlled
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.host_figures import all_groups
from vsdpo_jax.metrics import rollout_metrics, summarize
from vsdpo_jax.model import inputs as model_inputs
from vsdpo_jax.model.inputs import ImagePatches
from vsdpo_jax.objective import grpo
from vsdpo_jax.objective.method import method_named
from vsdpo_jax.pack import PackedBatch, Packer
from vsdpo_jax.policy import Policy
from vsdpo_jax.profiling import stage
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.reward import VISUALS
from vsdpo_jax.rollout.ask import Questioner
from vsdpo_jax.rollout.collect import Grading, StageSeconds, collect
from vsdpo_jax.rollout.engine import Ended, Engine, all_ended, first_prompts
from vsdpo_jax.rollout.sampler import SamplingConfig, sample
from vsdpo_jax.rollout.weights import make_reshard, sampler_mesh
from vsdpo_jax.sharding import put_rows, row_shards
from vsdpo_jax.timing import timed
from vsdpo_jax.types import GradedRollout, Prompt, RolloutGroup, TargetGroup

# (prompts of a chunk, its index) -> what the sampler reads, as `Packer.pack_prompts` packs it.
Reader = Callable[[Sequence[Prompt], int], tuple[model_inputs.Sequence, ImagePatches]]


@dataclasses.dataclass(frozen=True)
class StepInput:
    """What one update needs, and what is known of it before.

    Attributes:
      batch, groups, advantages_ng: of this host; there are no groups for supervised targets.
      metrics: of all hosts, but for this one's seconds.
      all_groups: of all hosts, without pictures if there are several.
    """

    batch: PackedBatch
    groups: tuple[RolloutGroup, ...]
    advantages_ng: np.ndarray
    metrics: dict[str, float]
    all_groups: tuple[RolloutGroup, ...] = ()


class RolloutCollector:
    """Rolls out and grades prompts with given weights: the same for training and evaluation."""

    def __init__(
        self,
        policy: Policy,
        packer: Packer,
        farm: RenderFarm,
        config: ConfigDict,
        *,
        group: int,
        temperature: float,
        between: Callable[[], None] = lambda: None,
    ):
        """`group`, `temperature`: of the sampling. `between`: called where a collection can be left; may raise."""
        self._policy, self._packer, self._farm, self._group = policy, packer, farm, group
        self._between = between
        self._dtype, self._reshard = config.dtype, None
        try:
            self._mesh = sampler_mesh(jax.sharding.get_mesh(), config.sampling.tensor)
        except ValueError as error:
            raise UserError(f"config.sampling.tensor={config.sampling.tensor}: {error}") from error
        self._segment, self._engine = config.sampling.segment, None
        visual = config.reward.visual
        if visual not in VISUALS:
            raise UserError(f"config.reward.visual={visual} is unknown: choose from {', '.join(VISUALS)}")
        self._grading = Grading(
            config.objective.alpha,
            config.lengths.feedback_chars,
            config.render.max_side,
            visual,
            Thresholds(**config.thresholds),
        )
        self._sampling = SamplingConfig(
            temperature=temperature,
            top_p=config.sampling.top_p,
            top_k=config.sampling.top_k,
            max_tokens=config.lengths.response,
            stop_ids=(policy.chat.end_of_turn,),
            banned_ids=policy.chat.banned_ids,
        )

    def __call__(
        self, params, prompts: Sequence[Prompt], rng: jax.Array, chunks: int = 1
    ) -> tuple[list[RolloutGroup], StageSeconds]:
        """Graded groups in the order of this host's prompts; the same `rng` gives the same rollouts on all hosts."""
        return self._on_mesh(params, prompts, rng, chunks, lambda part, _: self._packer.pack_prompts(part))

    def revise(
        self,
        params,
        attempts: Sequence[tuple[Prompt, GradedRollout]],
        rng: jax.Array,
        chunks: int = 1,
        method: str = "visual_sdpo",
    ) -> tuple[list[RolloutGroup], StageSeconds]:
        """What `params` write as the teacher of `method`: graded groups of programs, one after each attempt."""
        teacher = method_named(method)
        size = len(attempts) // chunks

        def read(part: Sequence[Prompt], index: int):
            own = attempts[index * size : (index + 1) * size]
            # The same filling as of the prompts.
            return self._packer.pack_revisions([*own, *[own[0]] * (len(part) - len(own))], teacher)

        return self._on_mesh(params, [prompt for prompt, _ in attempts], rng, chunks, read)

    def _on_mesh(self, params, prompts: Sequence[Prompt], rng: jax.Array, chunks: int, read: Reader):
        # By way of the host: the key lies on the trainer's mesh.
        key_data = np.asarray(jax.random.key_data(rng))
        with jax.set_mesh(self._mesh):
            rng = jax.random.wrap_key_data(key_data)
            if self._reshard is None:
                self._reshard = make_reshard(self._mesh, params, self._dtype)
            return self._collect(self._reshard(params), prompts, rng, chunks, read)

    def _collect(self, params, prompts: Sequence[Prompt], rng: jax.Array, chunks: int, read: Reader):
        if len(prompts) % chunks:
            raise UserError(f"{len(prompts)} prompts of a host are no multiple of config.sampling.chunks={chunks}")
        graphdef, branches, config = self._policy.graphdef, self._group, self._sampling
        if self._segment and self._engine is None:
            self._engine = Engine(graphdef, branches=branches, config=config, segment=self._segment)
        numbers = self._random_numbers(rng, len(prompts), chunks)

        def draw(part: Sequence[Prompt], index: int) -> Iterator[Ended]:
            key_data, rows = numbers[index]
            # Every device gets as many prompts; those that fill the last ones up have ended before they start.
            filling = -len(part) % max(1, row_shards(self._mesh) // hosts.count())
            key_data = np.pad(key_data, ((0, filling), (0, 0)))
            rows = np.pad(rows, ((0, filling), (0, 0)), constant_values=-1)
            prefix, images = read([*part, *[part[0]] * filling], index)
            prefix, images, key_data, rows = put_rows((prefix, images, key_data, rows))
            arguments = params, prefix, images, jax.random.wrap_key_data(key_data), rows
            if self._engine is not None:
                return first_prompts(self._engine(*arguments), len(part))
            samples = sample(graphdef, *arguments, branches=branches, config=config)
            return first_prompts(all_ended(samples), len(part))

        return collect(prompts, draw, self._farm, self._policy.chat, self._grading, chunks, self._between)

    def _random_numbers(self, rng: jax.Array, prompts: int, chunks: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each chunk of this host: uint32[n, 2] key data and int32[n, G] rows, as `sample` takes them.

        They follow from a prompt's place among those of all hosts, so that one host draws what several draw.
        """
        size = prompts * hosts.count() // chunks
        of_chunk = np.stack([jax.random.key_data(jax.random.fold_in(rng, chunk)) for chunk in range(chunks)])
        chunk, place = np.divmod(np.arange(prompts) + prompts * hosts.index(), size)
        rows = (place[:, None] * self._group + np.arange(self._group)).astype(np.int32)
        return list(zip(np.split(of_chunk[chunk], chunks), np.split(rows, chunks), strict=True))

    def questioner(self, config: ConfigDict) -> Questioner:
        """What asks the policy about regions without a statement, `config.credit.questions` times a step."""
        return Questioner(
            self._policy,
            self._packer,
            config.credit.questions,
            config.objective.alpha,
            config.lengths.feedback_chars,
        )


class RolloutBatches:
    """On-policy batches: step k takes prompts [k N, (k + 1) N) of the stream and draws from `fold_in(rng, k)`.

    Each host takes its part of them. Rewards, advantages and credit stay within a prompt's group, so within a host.
    """

    def __init__(
        self, collector: RolloutCollector, packer: Packer, source: PromptSource, config: ConfigDict, step: int
    ):
        self._collect, self._packer, self._config = collector, packer, config
        self._method = method_named(config.method)
        check_control(config.teacher.control, self._method.context)
        self._questioner = collector.questioner(config) if config.credit.questions else None
        self._prompts = len(hosts.own(range(config.batch.prompts)))
        cursor = step * config.batch.prompts
        self._stream = Stream(source, config.seed, cursor, hosts.index(), hosts.count())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prompts")
        self._next = self._fetch()

    def _fetch(self) -> Future[list[Prompt]]:
        """The prompts of the coming step, whose references are rendered while this one's update runs."""
        return self._thread.submit(self._stream.take, self._prompts)

    def __call__(self, params, rng: jax.Array, step: int) -> StepInput:
        config = self._config
        with timed() as waiting, stage("prompts"):
            prompts = self._next.result()
        groups, seconds = self._collect(params, prompts, jax.random.fold_in(rng, step), config.sampling.chunks)
        self._next = self._fetch()
        asked: dict[str, float] = {}
        if self._questioner is not None:
            groups, counts = self._questioner(params, groups)
            asked = hosts.total(counts.metrics())
        rewards_ng = np.array([[member.reward.total for member in group.members] for group in groups], np.float32)
        advantages_ng = grpo.advantages(rewards_ng, config.objective.reward_scaling)
        with timed() as packing, stage("pack"):
            batch = self._packer.pack_rollouts(
                controlled(groups, config.teacher.control),
                advantages_ng,
                self._method,
                distil_clean=config.objective.distil_clean,
                rule=config.objective.route,
                success=config.objective.route_success,
            )
        stages = {
            "timing_s/prompts": waiting.seconds,
            "timing_s/rollout": seconds.rollout,
            "timing_s/render": seconds.render,
            "timing_s/pack": packing.seconds,
            "overlap/rendering_seconds": seconds.rendering,
            "overlap/grading_seconds": seconds.grading,
            "overlap/hidden_seconds": seconds.hidden,
            "overlap/fraction": seconds.overlap,
        }
        everyone = all_groups(groups)
        figures = summarize(everyone) | rollout_metrics(everyone, success=config.objective.route_success)
        return StepInput(batch, tuple(groups), advantages_ng, figures | asked | stages, tuple(everyone))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


class TargetBatches:
    """Supervised batches: step k takes items [k N, (k + 1) N) of the seeded order. Packed one step ahead."""

    def __init__(self, packer: Packer, source: Sequence[TargetGroup], config: ConfigDict, step: int):
        self._packer, self._source, self._config = packer, source, config
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="targets")
        self._next = self._thread.submit(self._pack, step)

    def _pack(self, step: int) -> PackedBatch:
        size, count = self._config.batch.prompts, len(self._source)
        groups = []
        for position in hosts.own(range(step * size, (step + 1) * size)):
            epoch, place = divmod(position, count)
            order = np.random.default_rng([self._config.seed, epoch]).permutation(count)
            groups.append(self._source[int(order[place])])
        data = self._config.data
        return self._packer.pack_targets(groups, data.decisive_weight, data.revised_weight)

    def __call__(self, params, rng: jax.Array, step: int) -> StepInput:
        del params, rng
        with timed() as waiting:
            batch = self._next.result()
        self._next = self._thread.submit(self._pack, step + 1)
        advantages_ng = np.zeros(batch.distil_ng.shape, np.float32)
        return StepInput(batch, (), advantages_ng, {"timing_s/pack": waiting.seconds})

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
