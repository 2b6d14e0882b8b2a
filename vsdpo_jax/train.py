"""Train a model.

    python -m vsdpo_jax.train --config=configs/tiny.py --workdir=runs/demo --config.optim.lr=1e-4

Any field of the config can be overridden; run again with the same workdir to resume.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import time
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from absl import flags, logging
from etils import epath
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from vsdpo_jax import flags as config_flags
from vsdpo_jax import hosts
from vsdpo_jax.batch_file import save_batch
from vsdpo_jax.batches import RolloutBatches, RolloutCollector, StepInput, TargetBatches
from vsdpo_jax.best import Best
from vsdpo_jax.checkpoint import Checkpoints, claim_workdir
from vsdpo_jax.data.registry import prompt_source, target_source
from vsdpo_jax.errors import UserError
from vsdpo_jax.flops import update_flops
from vsdpo_jax.host_figures import all_groups, all_rows, all_seconds
from vsdpo_jax.host_memory import return_freed_memory
from vsdpo_jax.metrics import MetricsWriter, NoWriter, batch_metrics, divergence_metrics, mean_metrics, summarize
from vsdpo_jax.model import weights
from vsdpo_jax.objective.method import method_named
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import TrainState, active_terms, init_state, jit_update, make_term_norms
from vsdpo_jax.pack import Lengths, PackedBatch, Packer
from vsdpo_jax.policy import Policy, open_policy
from vsdpo_jax.preemption import Preemption
from vsdpo_jax.profiling import Profiler, stage
from vsdpo_jax.progress import Progress, table
from vsdpo_jax.record import RolloutRecord, write_records
from vsdpo_jax.render import fonts
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.report import write_report
from vsdpo_jax.sharding import local_rows, make_mesh, parameter_shardings, put_rows, shardings
from vsdpo_jax.storage import write_whole
from vsdpo_jax.throughput import speed_metrics
from vsdpo_jax.types import RolloutGroup
from vsdpo_jax.watch import Watch

WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder of the run: checkpoints, metrics, rollouts, report.", required=True
)
HOSTS = flags.DEFINE_string(
    "hosts", hosts.ONE, "Hosts of the run: one; auto (of the TPU slice); or ADDRESS:PORT,COUNT,INDEX, on each of them."
)


class Trainer:
    """One run: its parts are opened by `__init__` and closed with `resources`, the loop is `run`."""

    def __init__(self, config: ConfigDict, workdir: epath.Path, resources: contextlib.ExitStack, preempted: Preemption):
        self.config, self.workdir, self.preempted = config, workdir, preempted
        self.method = method_named(config.method)
        claim_together(workdir, config)
        self.mesh = open_mesh(config)
        resources.enter_context(jax.set_mesh(self.mesh))
        self.policy, self.packer = open_model(config)
        self.farm = resources.enter_context(open_farm(config))
        self.checkpoints = resources.enter_context(Checkpoints(workdir, config.checkpoint.keep))
        optimizer = make_optimizer(config.optim, config.steps * config.batch.updates)
        self.state, self.position = self._initial_state(optimizer)
        self.first = self.done = int(self.state.step)
        self.update = jit_update(self.policy.graphdef, config, optimizer, self.mesh, self.state)
        self.term_norms = jax.jit(
            make_term_norms(self.policy.graphdef, config), out_shardings=NamedSharding(self.mesh, PartitionSpec())
        )
        writer = MetricsWriter(workdir, resume_step=self.done) if hosts.is_first() else NoWriter()
        self.writer = resources.enter_context(writer)
        rows = hosts.of_first(self.writer.rows)
        self.watch, self.best = Watch(rows), Best.of(rows)
        profiler = Profiler(config.profile.steps if hosts.is_first() else "", workdir)
        self.profiler = resources.enter_context(contextlib.closing(profiler))
        self.checkpoints.best_step = self.best.step
        self.heldout = prompt_source(config, config.data.eval_split, self.farm, self.packer.fits)
        self.evaluate_group = self._collector(config.eval.samples, config.eval.temperature)
        self.batches = resources.enter_context(contextlib.closing(self._make_batches()))
        preempted.on_signal(self._save_before_leaving)

    def _initial_state(self, optimizer) -> tuple[TrainState, dict]:
        """The newest checkpoint, else a fresh state from the model folder."""
        _, params = weights.load(self.policy.folder, shardings=parameter_shardings(self.mesh, self.policy.config))
        teacher = self.config.teacher.kind if self.method.distil else "live"
        reference = "reference" in active_terms(self.config)
        start = functools.partial(
            init_state, optimizer=optimizer, teacher_kind=teacher, seed=self.config.seed, reference=reference
        )
        places = shardings(self.mesh, jax.eval_shape(start, params))
        state = jax.jit(start, out_shardings=places, donate_argnums=0)(params)
        restored = self.checkpoints.restore(state)
        if restored is None:
            return state, {"seconds": 0.0, "num_tokens": 0.0}
        warn_of_other_renders(restored[1].get("render", {}))
        return restored

    def _collector(self, group: int, temperature: float) -> RolloutCollector:
        return RolloutCollector(
            self.policy,
            self.packer,
            self.farm,
            self.config,
            group=group,
            temperature=temperature,
            between=self.preempted.leave_if_called,
        )

    def _make_batches(self) -> RolloutBatches | TargetBatches:
        config = self.config
        if not self.method.rollouts:
            return TargetBatches(self.packer, target_source(config, self.farm, self.packer.fits), config, self.done)
        collector = self._collector(config.batch.group, config.sampling.temperature)
        source = prompt_source(config, config.data.train_split, self.farm, self.packer.fits)
        return RolloutBatches(collector, self.packer, source, config, self.done)

    @property
    def rng(self) -> jax.Array:
        return jax.random.wrap_key_data(self.state.rng)

    def run(self) -> dict:
        """Train to `config.steps`, or until evaluations stop improving; returns what `summary.json` holds."""
        config, self.started = self.config, time.monotonic() - self.position["seconds"]
        with Progress(config.steps, self.done, shown=hosts.is_first()) as progress:
            if self.done:
                progress.say(f"resuming at step {self.done} from {self.workdir}")
            while self.done < config.steps:
                self.preempted.leave_if_called()
                self._evaluate_if_due()
                if self.best.gave_up(config.eval.patience):
                    progress.say(f"stopping at step {self.done}: no evaluation since step {self.best.step} was better")
                    break
                with self.profiler.step(self.done + 1):
                    metrics = self._step()
                if self.done == self.first + 1:
                    return_freed_memory()  # All is compiled now.
                progress.update(metrics)
                for warning in self.watch.look(self.done, metrics):
                    progress.say(f"warning: {warning}")
                if self.done == config.steps or self.done % config.checkpoint.every == 0:
                    self.checkpoints.save(self.state, self.done, self.position)
        after = self._evaluate("after")
        best = {"step": self.best.step, "reward": self.best.reward}
        return self._summary(after=after, best=best, seconds=time.monotonic() - self.started, steps=self.done)

    def _step(self) -> dict[str, float]:
        """One batch, its updates, and what they showed."""
        config, started = self.config, time.perf_counter()
        taken: StepInput = self.batches(self.state.params, self.rng, self.done)
        norms = self._term_norms(taken.batch)
        self.preempted.leave_if_called()
        with self.preempted.undisturbed():
            updating = time.perf_counter()
            with stage("update"):
                metrics, per_token = self._update(taken.batch)
            metrics = taken.metrics | norms | metrics | {"timing_s/update": time.perf_counter() - updating}
            batch, tokens = all_rows(taken.batch, per_token)
            if taken.groups:
                metrics |= batch_metrics(batch)
            if "divergence" in tokens:
                metrics |= divergence_metrics(tokens["divergence"], tokens["uplift"], batch, taken.all_groups)
            seconds = time.perf_counter() - started
            metrics = all_seconds(metrics | speed_metrics(metrics, batch, seconds, self._flops(batch)))
            metrics["num_tokens"] = self.position["num_tokens"] + metrics["perf/total_num_tokens"]
            self.done += 1
            self.position = self._position(metrics["num_tokens"])
            self.writer.write(self.done, metrics)
        self._refuse_broken(metrics, taken, per_token)
        if config.record.every and taken.groups and self.done % config.record.every == 0:
            self._record(f"step_{self.done:06d}", taken.groups, taken.advantages_ng, per_token.get("divergence"))
        return metrics

    def _update(self, batch: PackedBatch) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """All updates on one batch: (metrics, figures per token of the policy that sampled it)."""
        placed = put_rows(batch)
        self.state, metrics, per_token = self.update(self.state, placed)
        history = [metrics]
        for _ in range(self.config.batch.updates - 1):
            again = dataclasses.replace(placed, old_logp_ngr=per_token["logp"])
            self.state, metrics, _ = self.update(self.state, again)
            history.append(metrics)
        return mean_metrics(jax.device_get(history)), {name: local_rows(rows) for name, rows in per_token.items()}

    def _term_norms(self, batch: PackedBatch) -> dict[str, float]:
        """The gradient norm of each term, every `config.record.term_norms_every` steps where there are several."""
        every, started = self.config.record.term_norms_every, time.perf_counter()
        if not every or (self.done + 1) % every or not self.method.rollouts or len(active_terms(self.config)) < 2:
            return {}
        norms = jax.device_get(self.term_norms(self.state, put_rows(batch)))
        return {name: float(norm) for name, norm in norms.items()} | {
            "timing_s/term_norms": time.perf_counter() - started
        }

    def _flops(self, batch: PackedBatch) -> float:
        config, teacher = self.config, ""
        if self.method.distil:
            teacher = "shared" if config.teacher.kind == "live" else "own"
        elif not self.method.rollouts and config.objective.revision_weight > 0:
            teacher = "trained"
        reference = "reference" in active_terms(config)
        flops = update_flops(self.policy.config, batch, student=True, teacher=teacher, reference=reference)
        return config.batch.updates * flops

    def _position(self, num_tokens: float) -> dict:
        """What a checkpoint holds beside the state."""
        return {
            "cursor": self.done * self.config.batch.prompts,
            "metrics_step": self.done,
            "num_tokens": num_tokens,
            "seconds": time.monotonic() - self.started,
            "config": json.loads(json.dumps(self.config.to_dict())),
            "render": fonts.fingerprint(),
        }

    def _save_before_leaving(self) -> str:
        """Called by another thread, between updates."""
        if not self.done:
            return "stopped by a signal before the first step was done; run the same command again to start"
        self.checkpoints.save(self.state, self.done, self.position, wait=True)
        return f"stopped by a signal after step {self.done}; run the same command again to resume"

    def _refuse_broken(self, metrics: dict[str, float], taken: StepInput, per_token: dict[str, np.ndarray]) -> None:
        """Raises UserError after too many updates in a row whose loss or gradient was not finite."""
        if metrics["skipped_in_a_row"] < self.config.optim.max_skipped:
            return
        host = f"_host{hosts.index()}" if hosts.count() > 1 else ""
        path = save_batch(self.workdir / "broken" / f"step_{self.done:06d}{host}.npz", taken.batch)
        if taken.groups:
            self._record(f"step_{self.done:06d}", taken.groups, taken.advantages_ng, per_token.get("divergence"))
        raise UserError(
            f"{int(metrics['skipped_in_a_row'])} updates in a row up to step {self.done} had a non-finite loss or "
            f"gradient: the last batch is in {path}; start again in another --workdir with a lower config.optim.lr"
        )

    def _evaluate_if_due(self) -> None:
        """Evaluates before the first step and every `config.eval.every` steps, once each, and keeps the best."""
        if not self.done:
            if hosts.of_first("before" not in self._summary()):
                self._summary(before=self._evaluate("before"))
        elif self.config.eval.every and self.done % self.config.eval.every == 0 and self.best.last != self.done:
            self._evaluate(f"eval_{self.done:06d}")

    def _evaluate(self, name: str) -> dict[str, float]:
        """Held-out scores of the current weights; the same prompts and the same random numbers every time."""
        settings = self.config.eval
        started = time.perf_counter()
        prompts = self.heldout.fetch(hosts.own(range(settings.prompts)))
        with stage("evaluate"):
            groups, _ = self.evaluate_group(self.state.params, prompts, jax.random.key(self.config.seed + 1))
        scores = summarize(all_groups(groups))
        scored = {f"eval/{key}": value for key, value in scores.items()}
        self.writer.write(self.done, scored | {"timing_s/eval": time.perf_counter() - started})
        self._record(name, groups)
        if self.best.add(self.done, scores["reward"]) and self.done:
            self.checkpoints.best_step = self.done
            self.checkpoints.save(self.state, self.done, self.position)
        return scores

    def _record(self, name: str, groups: Sequence[RolloutGroup], advantages_ng=None, divergence_ngr=None) -> None:
        """Write rollouts down: all of the first prompts for training steps, one of each prompt for evaluations.

        With several hosts, those of the first.
        """
        if not hosts.is_first():
            return
        records = [
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
            for n, group in enumerate(groups)
            for g, member in enumerate(group.members if advantages_ng is not None else group.members[:1])
        ]
        write_records(self.workdir, name, records[: self.config.record.rollouts or None])

    def _summary(self, **fields) -> dict:
        """`summary.json` with `fields` added; only the first host has it."""
        if not hosts.is_first():
            return fields
        path = self.workdir / "summary.json"
        summary = json.loads(path.read_text()) if path.exists() else {}
        if fields:
            summary |= fields
            write_whole(path, json.dumps(summary, indent=2))
        return summary


def claim_together(workdir: epath.Path, config: ConfigDict) -> None:
    """`claim_workdir` by the first host, then by the others, which must see the same folder.

    Raises:
      UserError: it holds another run, or is a folder of this host's own.
    """
    if hosts.is_first():
        claim_workdir(workdir, config.to_dict())
    hosts.gather(None)
    if not (workdir / "config.json").exists():
        raise UserError(f"--workdir={workdir} is not shared by the hosts: give a folder that all see, or gs://…")
    if not hosts.is_first():
        claim_workdir(workdir, config.to_dict())


def warn_of_other_renders(saved: Mapping[str, str]) -> None:
    """Warns when this machine draws otherwise than the one whose checkpoint is resumed: rewards would shift."""
    here = fonts.fingerprint()
    different = [
        f"{name} (was {value}, is {here.get(name)})" for name, value in saved.items() if here.get(name) != value
    ]
    if different:
        logging.warning("this machine renders otherwise than where the run was saved: %s", "; ".join(different))


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
    strict = config.render.strict
    return RenderFarm(config.render.workers, limits, slides=config.render.slides, require_isolation=strict)


def train(config: ConfigDict, workdir: epath.Path) -> dict:
    """Train from scratch or from the newest checkpoint in `workdir`; returns what `summary.json` holds.

    Raises:
      UserError: a setting, the model or the folder is not what it should be; the message says what to do.
    """
    if config.steps < 1:
        raise UserError(f"config.steps={config.steps}: give 1 or more; vsdpo_jax.evaluate scores models as is")
    agree = hosts.any_of if hosts.count() > 1 else None
    with Preemption(agree) as preempted, contextlib.ExitStack() as resources:
        return Trainer(config, workdir, resources, preempted).run()


def use_compilation_cache(folder: str) -> None:
    """Keep compiled programs in `folder`, so that the second run of a config starts at once; empty: do not."""
    if folder:
        jax.config.update("jax_compilation_cache_dir", str(epath.Path(folder).expanduser()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def main(config: ConfigDict) -> None:
    workdir = epath.Path(WORKDIR.value)
    use_compilation_cache(config.compilation_cache)
    with hosts.together(HOSTS.value):
        summary = train(config, workdir)
        if hosts.is_first():
            show(summary, workdir)


def show(summary: dict, workdir: epath.Path) -> None:
    """Writes the report, and prints what came out and where it lies."""
    page = write_report(workdir)
    print(table(summary.get("before"), summary["after"]))
    print(f"\n{summary['steps']} steps in {summary['seconds']:.0f} s")
    for name in ("summary.json", "metrics.jsonl", "checkpoints", "tensorboard"):
        print(f"  {workdir / name}")
    print(f"  {page}   <- open this in a browser")


if __name__ == "__main__":
    config_flags.run(main)
