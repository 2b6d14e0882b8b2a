"""Train a model.

    python -m vsdpo_jax.train --config=configs/tiny.py --workdir=runs/demo --config.optim.lr=1e-4

Any field of the config can be overridden; run again with the same workdir to resume.
"""

from __future__ import annotations

import contextlib
import json
import signal
import time

import jax
import numpy as np
from absl import flags
from etils import epath
from jax.sharding import Mesh
from ml_collections import ConfigDict

from vsdpo_jax import flags as config_flags
from vsdpo_jax.batches import RolloutBatches, RolloutCollector, StepInput, TargetBatches
from vsdpo_jax.checkpoint import Checkpoints, claim_workdir
from vsdpo_jax.data.registry import prompt_source, target_source
from vsdpo_jax.errors import UserError
from vsdpo_jax.metrics import MetricsWriter, batch_metrics, divergence_metrics, summarize
from vsdpo_jax.model import weights
from vsdpo_jax.objective.method import method_named
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import TrainState, active_terms, init_state, make_update
from vsdpo_jax.pack import Lengths, Packer
from vsdpo_jax.policy import Policy, open_policy
from vsdpo_jax.progress import Progress, table
from vsdpo_jax.record import RolloutRecord, write_records
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.report import write_report
from vsdpo_jax.sharding import make_mesh, parameter_shardings, put_rows, shardings
from vsdpo_jax.storage import write_whole
from vsdpo_jax.types import RolloutGroup
from vsdpo_jax.watch import Watch

WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run: checkpoints, metrics, rollouts, report.", required=True
)


class Trainer:
    """One run: its parts are opened by `__init__` and closed by `close`, the loop is `run`."""

    def __init__(self, config: ConfigDict, workdir: epath.Path, resources: contextlib.ExitStack):
        self.config, self.workdir = config, workdir
        self.method = method_named(config.method)
        claim_workdir(workdir, config.to_dict())
        self.mesh = open_mesh(config)
        resources.enter_context(jax.set_mesh(self.mesh))
        self.policy, self.packer = open_model(config)
        self.farm = resources.enter_context(open_farm(config))
        self.checkpoints = resources.enter_context(Checkpoints(workdir, config.checkpoint.keep))
        optimizer = make_optimizer(config.optim, config.steps * config.batch.updates)
        self.state, self.position = self._initial_state(optimizer)
        self.update = jax.jit(
            make_update(self.policy.graphdef, config, optimizer),
            out_shardings=(shardings(self.mesh, self.state), None, None),
            donate_argnums=0,
        )
        self.writer = resources.enter_context(MetricsWriter(workdir, resume_step=int(self.state.step)))
        self.watch = Watch(self.writer.rows)
        self.heldout = prompt_source(config, config.data.eval_split, self.farm)
        self.evaluate_group = RolloutCollector(
            self.policy,
            self.packer,
            self.farm,
            config,
            group=config.eval.samples,
            temperature=config.eval.temperature,
        )
        self.batches = resources.enter_context(contextlib.closing(self._make_batches()))
        self.preempted = resources.enter_context(Preemption())

    def _initial_state(self, optimizer) -> tuple[TrainState, dict]:
        """The newest checkpoint, else a fresh state from the model folder."""
        _, params = weights.load(self.policy.folder, shardings=parameter_shardings(self.mesh, self.policy.config))
        teacher = self.config.teacher.kind if self.method.distil else "live"
        reference = "reference" in active_terms(self.config)
        state = init_state(params, optimizer, teacher, self.config.seed, reference)
        state = jax.device_put(state, shardings(self.mesh, state))
        return self.checkpoints.restore(state) or (state, {"seconds": 0.0})

    def _make_batches(self) -> RolloutBatches | TargetBatches:
        config, step = self.config, int(self.state.step)
        if not self.method.rollouts:
            return TargetBatches(self.packer, target_source(config), config, step)
        collector = RolloutCollector(
            self.policy,
            self.packer,
            self.farm,
            config,
            group=config.batch.group,
            temperature=config.sampling.temperature,
        )
        source = prompt_source(config, config.data.train_split, self.farm)
        return RolloutBatches(collector, self.packer, source, config, step)

    @property
    def rng(self) -> jax.Array:
        return jax.random.wrap_key_data(self.state.rng)

    def run(self) -> dict:
        """Train to `config.steps`; returns what `summary.json` holds."""
        config, started = self.config, time.monotonic() - self.position["seconds"]
        first = int(self.state.step)
        with Progress(config.steps, first) as progress:
            if first:
                progress.say(f"resuming at step {first} from {self.workdir}")
            else:
                self._summary(before=self._evaluate("before"))
            for step in range(first, config.steps):
                metrics = self._step(step)
                self.writer.write(step + 1, metrics)
                progress.update(metrics)
                for warning in self.watch.look(step + 1, metrics):
                    progress.say(f"warning: {warning}")
                done = step + 1
                if config.eval.every and done % config.eval.every == 0 and done < config.steps:
                    self._evaluate(f"eval_{done:06d}")
                if self.preempted or done == config.steps or done % config.checkpoint.every == 0:
                    self.position = {"cursor": done * config.batch.prompts, "seconds": time.monotonic() - started}
                    self.checkpoints.save(self.state, done, self.position, wait=bool(self.preempted))
                if self.preempted:
                    progress.say(f"stopped by a signal after step {done}; run the same command again to resume")
                    raise SystemExit(0)
        after = self._evaluate("after")
        return self._summary(after=after, seconds=time.monotonic() - started, steps=config.steps)

    def _step(self, step: int) -> dict[str, float]:
        """One batch and one update."""
        taken: StepInput = self.batches(self.state.params, self.rng, step)
        started = time.perf_counter()
        self.state, metrics, per_token = self.update(self.state, put_rows(taken.batch))
        metrics = {name: float(value) for name, value in metrics.items()}
        metrics = taken.metrics | metrics | {"timing_s/update": time.perf_counter() - started}
        divergence = np.asarray(per_token["divergence"]) if "divergence" in per_token else None
        if taken.groups:
            metrics |= batch_metrics(taken.batch)
        if divergence is not None:
            metrics |= divergence_metrics(divergence, taken.batch, taken.groups)
        self._refuse_broken(step, metrics)
        if self.config.record.every and taken.groups and (step + 1) % self.config.record.every == 0:
            self._record(f"step_{step + 1:06d}", taken.groups, taken.advantages_ng, divergence)
        return metrics

    def _refuse_broken(self, step: int, metrics: dict[str, float]) -> None:
        if metrics["skipped_in_a_row"] >= self.config.optim.max_skipped:
            raise UserError(
                f"{int(metrics['skipped_in_a_row'])} updates in a row up to step {step + 1} had non-finite gradients: "
                f"lower config.optim.lr, or resume from the checkpoint in {self.workdir} with another seed"
            )

    def _evaluate(self, name: str) -> dict[str, float]:
        """Held-out scores of the current weights; the same prompts and the same random numbers every time."""
        settings = self.config.eval
        started = time.perf_counter()
        prompts = self.heldout.fetch(range(settings.prompts))
        groups, _ = self.evaluate_group(self.state.params, prompts, jax.random.key(self.config.seed + 1))
        scores = summarize(groups)
        step = int(self.state.step)
        scored = {f"eval/{key}": value for key, value in scores.items()}
        self.writer.write(step, scored | {"timing_s/eval": time.perf_counter() - started})
        self._record(name, groups)
        return scores

    def _record(self, name: str, groups: list[RolloutGroup], advantages_ng=None, divergence_ngr=None) -> None:
        """Write rollouts down: all of the first prompts for training steps, one of each prompt for evaluations."""
        records = []
        for n, group in enumerate(groups):
            for g, member in enumerate(group.members if advantages_ng is not None else group.members[:1]):
                records.append(
                    RolloutRecord.build(
                        group.prompt,
                        member.rollout,
                        member.scene,
                        member.defects,
                        member.credit,
                        member.reward,
                        None if advantages_ng is None else float(advantages_ng[n, g]),
                        None if divergence_ngr is None else divergence_ngr[n, g, : len(member.rollout.tokens)],
                    )
                )
        write_records(self.workdir, name, records[: self.config.record.rollouts])

    def _summary(self, **fields) -> dict:
        """Add `fields` to `summary.json`."""
        path = self.workdir / "summary.json"
        summary = json.loads(path.read_text()) if path.exists() else {}
        summary |= fields
        write_whole(path, json.dumps(summary, indent=2))
        return summary


class Preemption:
    """True once SIGTERM has come: the trainer then saves and leaves after the current step."""

    def __init__(self):
        self._called = False

    def __enter__(self) -> Preemption:
        self._previous = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_) -> None:
        signal.signal(signal.SIGTERM, self._previous)

    def _note(self, *_) -> None:
        self._called = True

    def __bool__(self) -> bool:
        return self._called


def open_mesh(config: ConfigDict) -> Mesh:
    """The mesh of the config over all devices; raises UserError if they do not fit."""
    try:
        return make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor)
    except ValueError as error:
        raise UserError(f"config.mesh: {error}") from error


def open_model(config: ConfigDict) -> tuple[Policy, Packer]:
    """The policy of `config.model`, and a packer for its shapes."""
    lengths = config.lengths
    policy = open_policy(config.model, tokens_per_image=lengths.patches // 4, dtype=config.dtype, remat=config.remat)
    sizes = Lengths(lengths.prefix, lengths.response, lengths.feedback, lengths.images, lengths.patches)
    return policy, Packer(policy.chat, policy.processor, sizes)


def open_farm(config: ConfigDict) -> RenderFarm:
    """The render farm of the config."""
    limits = RenderLimits(wall_seconds=config.render.seconds)
    return RenderFarm(config.render.workers, limits, require_isolation=config.render.strict)


def train(config: ConfigDict, workdir: epath.Path) -> dict:
    """Train from scratch or from the newest checkpoint in `workdir`; returns what `summary.json` holds."""
    with contextlib.ExitStack() as resources:
        return Trainer(config, workdir, resources).run()


def use_compilation_cache(folder: str) -> None:
    """Keep compiled programs in `folder`, so that the second run of a config starts at once; empty: do not."""
    if folder:
        jax.config.update("jax_compilation_cache_dir", str(epath.Path(folder).expanduser()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def main(config: ConfigDict) -> None:
    workdir = epath.Path(WORKDIR.value)
    use_compilation_cache(config.compilation_cache)
    summary = train(config, workdir)
    page = write_report(workdir)
    print(table(summary["before"], summary["after"]))
    print(f"\n{summary['steps']} steps in {summary['seconds']:.0f} s")
    for name in ("summary.json", "metrics.jsonl", "checkpoints", "tensorboard"):
        print(f"  {workdir / name}")
    print(f"  {page}   <- open this in a browser")


if __name__ == "__main__":
    config_flags.run(main)
