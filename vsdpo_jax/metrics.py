"""What a run writes down: metrics.jsonl and TensorBoard events, and the figures of a step's rollouts.

Names follow TRL and verl where they have one, so that curves of both can be laid over each other.
"""

from __future__ import annotations

import collections
import contextlib
import json
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from etils import epath
from tensorboardX import SummaryWriter

from vsdpo_jax.storage import LineFile, Mirror, is_remote, read_bytes
from vsdpo_jax.types import GradedRollout, RolloutGroup

if TYPE_CHECKING:
    from vsdpo_jax.pack import PackedBatch

# Programs repeat short runs of tokens by nature (`ax.set_`); 16 in a row are a loop.
REPETITION_LENGTH = 16


class MetricsWriter:
    """Appends to `metrics.jsonl` and to TensorBoard events; a context manager.

    Lines after `resume_step` are dropped when it is opened, as is a line that was cut short: the steps they tell of
    will be made again.

    Attributes:
      rows: the lines that were kept, in order.
    """

    def __init__(self, workdir: epath.PathLike, resume_step: int = 0):
        workdir = epath.Path(workdir)
        self._path = workdir / "metrics.jsonl"
        self.rows = self._keep_until(resume_step)
        self._lines = LineFile(self._path, "".join(json.dumps(row) + "\n" for row in self.rows))
        # TensorBoard's writer appends to a file, which no object store can.
        self._folder = tempfile.TemporaryDirectory() if is_remote(workdir) else None
        events = self._folder.name if self._folder else str(workdir / "tensorboard")
        self._mirror = Mirror(events, workdir / "tensorboard") if self._folder else None
        # TensorBoard's file names tell seconds apart: a run resumed within one would overwrite what is there.
        self._events = SummaryWriter(events, purge_step=resume_step + 1, filename_suffix=f".{time.time_ns()}")

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(self, *_) -> None:
        self._events.close()
        if self._mirror:
            self._mirror.update(now=True)
            self._folder.cleanup()

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """One line: {"step": step, name: value, …}; non-finite values are written as null, which JSON can hold."""
        values = {name: float(value) if np.isfinite(value) else None for name, value in metrics.items()}
        self._lines.append(json.dumps({"step": int(step), **values}))
        for name, value in values.items():
            if value is not None:
                self._events.add_scalar(name, value, step)
        self._events.flush()
        if self._mirror:
            self._mirror.update()

    def _keep_until(self, step: int) -> list[dict]:
        if not self._path.exists():
            return []
        rows = [_parse(line) for line in read_bytes(self._path).decode(errors="replace").splitlines()]
        return [row for row in rows if row is not None and row["step"] <= step]


class NoWriter(contextlib.AbstractContextManager):
    """In the place of a `MetricsWriter` on hosts that write nothing."""

    rows: tuple[dict, ...] = ()

    def __exit__(self, *_) -> None:
        pass

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Does nothing."""


def _parse(line: str) -> dict | None:
    """The object on a line; None for a line that was cut short or holds no step."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None


def mean_metrics(history: Sequence[Mapping[str, np.ndarray]]) -> dict[str, float]:
    """Metrics of several updates on one batch: means, but extremes of `…/min` and `…/max`, and the last of counters."""
    functions = {"min": np.min, "max": np.max}
    found = {}
    for name in history[-1]:
        values = [metrics[name] for metrics in history]
        if name.startswith("skipped_"):
            found[name] = float(values[-1])
        else:
            found[name] = float(functions.get(name.rpartition("/")[2], np.mean)(values))
    return found


def summarize(groups: Sequence[RolloutGroup]) -> dict[str, float]:
    """Means over all rollouts: `reward`, `exec_rate`, `visual` and `defects_per_render` over those that executed.

    `reward_stderr` is the standard error of the mean over prompts, whose rollouts are not independent.
    """
    members = [member for group in groups for member in group.members]
    executed = [member for member in members if member.scene.error is None]
    by_prompt = [np.mean([member.reward.total for member in group.members]) for group in groups]
    return {
        "reward": float(np.mean(by_prompt)),
        "reward_stderr": float(np.std(by_prompt, ddof=1) / np.sqrt(len(by_prompt))) if len(by_prompt) > 1 else 0.0,
        "exec_rate": len(executed) / len(members),
        "visual": _mean([member.reward.visual for member in executed]),
        "defects_per_render": _mean([_defects(member) for member in executed]),
        "clean_rate": _mean([_defects(member) == 0 for member in executed]) * len(executed) / len(members),
        "mean_length": _mean([len(member.rollout.tokens) for member in members]),
    }


def _defects(member: GradedRollout) -> int:
    return sum(defect.severity > 0 for defect in member.defects)


def rollout_metrics(groups: Sequence[RolloutGroup], success: float = 1.0) -> dict[str, float]:
    """Figures of one step's rollouts: rewards, lengths, repetition, credit, errors and defects by kind.

    `self_distillation/success_*_fraction` are the shares of rollouts with a reward of at least `success`, and of groups
    with such a rollout; `self_distillation/feedback_available_fraction` that of rollouts with something to say about.

    `completions/*_terminated_length` are over responses that ended by themselves, 0 if none did. `credit/*` are over
    tokens. `defects/<kind>` are counts per rollout, `errors/<status>` shares of rollouts.
    """
    members = [member for group in groups for member in group.members]
    rewards_ng = np.array([[member.reward.total for member in group.members] for group in groups])
    lengths = np.array([len(member.rollout.tokens) for member in members])
    truncated = np.array([member.rollout.truncated for member in members], bool)
    weights = np.concatenate([member.credit.weights for member in members])
    kinds = collections.Counter(d.kind for member in members for d in member.defects if d.severity > 0)
    statuses = collections.Counter(member.scene.error.status for member in members if member.scene.error)
    return {
        "reward_std": float(rewards_ng.std(axis=1).mean()),
        "frac_reward_zero_std": float((np.ptp(rewards_ng, axis=1) == 0).mean()),
        "self_distillation/success_sample_fraction": float((rewards_ng >= success).mean()),
        "self_distillation/success_group_fraction": float((rewards_ng >= success).any(axis=1).mean()),
        "self_distillation/feedback_available_fraction": _mean(bool(member.feedback) for member in members),
        **_reward_parts(members),
        **_spread("completions/{}_length", lengths),
        **_spread("completions/{}_terminated_length", lengths[~truncated]),
        "completions/clipped_ratio": float(truncated.mean()),
        "completions/repetition_rate": _mean(repetition_rate(member.rollout.tokens) for member in members),
        "completions/num_tokens": float(lengths.sum()),
        "credit/weight_mean": _mean(weights),
        "credit/weight_max": float(weights.max(initial=1.0)),
        "credit/guilty_fraction": _mean(weights > 1),
        **{f"errors/{status}": count / len(members) for status, count in sorted(statuses.items())},
        **{f"defects/{kind}": count / len(members) for kind, count in sorted(kinds.items())},
    }


def repetition_rate(tokens: np.ndarray, length: int = REPETITION_LENGTH) -> float:
    """Share of the runs of `length` ids that stood in the response before: 0 for fresh text, towards 1 for a loop."""
    tokens = np.asarray(tokens)
    if len(tokens) <= length:
        return 0.0
    runs = np.lib.stride_tricks.sliding_window_view(tokens, length)
    return 1.0 - len(np.unique(runs, axis=0)) / len(runs)


def batch_metrics(batch: PackedBatch) -> dict[str, float]:
    """Figures of the packed arrays: how much of them is padding, and what is distilled.

    `padding/*` are shares of the array's slots. `self_distillation/reprompt_sample_fraction` is the share of rollouts
    whose divergence counts, `self_distillation/empty_target_batch` is 1 if there is none, and
    `self_distillation/feedback_shortened_fraction` that of rollouts whose feedback did not fit whole.
    """
    distilled = np.asarray(batch.distil_ng, bool)
    return {
        "padding/prefix": _padding(batch.prefix.valid),
        "padding/student": _padding(batch.student.valid),
        "padding/teacher": _padding(batch.teacher.valid),
        "padding/response": _padding(batch.response_ngr),
        "padding/images": _padding(batch.images.valid),
        "self_distillation/reprompt_sample_fraction": _mean(distilled),
        "self_distillation/feedback_shortened_fraction": _mean(np.asarray(batch.shortened_ng)),
        "self_distillation/empty_target_batch": float(not distilled.any()),
    }


def divergence_metrics(
    divergence_ngr: np.ndarray, uplift_ngr: np.ndarray, batch: PackedBatch, groups: Sequence[RolloutGroup]
) -> dict[str, float]:
    """Where the teacher disagrees, and which way: means per token at defects and elsewhere, in rollouts that ran or
    failed.

    `self_distillation/kl_<part>` is the divergence; `self_distillation/uplift_<part>` by how much the teacher finds the
    sampled token likelier than the student did, in nats, below 0 where it would rather have written something else.
    Only tokens that are distilled count; a part without such a token has no entry.
    """
    divergence, uplift = np.asarray(divergence_ngr, np.float64), np.asarray(uplift_ngr, np.float64)
    distilled = np.asarray(batch.response_ngr) & np.asarray(batch.distil_ng)[..., None]
    guilty = np.asarray(batch.weights_ngr) > 1
    passed = np.array([[member.scene.error is None for member in group.members] for group in groups])[..., None]
    parts = {"defect": guilty, "non_defect": ~guilty, "pass": passed, "fail": ~passed}
    found = {}
    for name, part in parts.items():
        counted = distilled & part
        if counted.any():
            found[f"self_distillation/kl_{name}"] = float(divergence[counted].mean())
            found[f"self_distillation/uplift_{name}"] = float(uplift[counted].mean())
    if distilled.any():
        found["self_distillation/kl_p99"] = float(np.quantile(divergence[distilled], 0.99))
        found["self_distillation/kl_max"] = float(divergence[distilled].max())
    return found


def _reward_parts(members: Sequence[GradedRollout]) -> dict[str, float]:
    """`rewards/<part>/mean` and `/std` over the rollouts that have the part."""
    names = sorted({name for member in members for name in member.reward.parts})
    found = {}
    for name in names:
        values = [member.reward.parts[name] for member in members if name in member.reward.parts]
        found |= {f"rewards/{name}/mean": float(np.mean(values)), f"rewards/{name}/std": float(np.std(values))}
    return found


def _spread(form: str, values: np.ndarray) -> dict[str, float]:
    functions = {"mean": np.mean, "min": np.min, "max": np.max}
    return {form.format(name): float(function(values)) if len(values) else 0.0 for name, function in functions.items()}


def _padding(valid: np.ndarray) -> float:
    return 1.0 - _mean(np.asarray(valid))


def _mean(values: Iterable[float]) -> float:
    values = np.asarray(values if isinstance(values, np.ndarray) else list(values), np.float64)
    return float(values.mean()) if values.size else 0.0
