"""What a run writes down: metrics.jsonl and TensorBoard events, and the figures of a step's rollouts."""

from __future__ import annotations

import collections
import json
from collections.abc import Mapping, Sequence

import numpy as np
from etils import epath
from tensorboardX import SummaryWriter

from vsdpo_jax.types import RolloutGroup


class MetricsWriter:
    """Appends to `metrics.jsonl` and to TensorBoard events; a context manager.

    Lines after `resume_step` are dropped when it is opened: the steps they tell of will be made again.
    """

    def __init__(self, workdir: epath.PathLike, resume_step: int = 0):
        workdir = epath.Path(workdir)
        self._path = workdir / "metrics.jsonl"
        self._keep_until(resume_step)
        self._events = SummaryWriter(str(workdir / "tensorboard"), purge_step=resume_step + 1)

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(self, *_) -> None:
        self._events.close()

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """One line: {"step": step, name: value, …}; non-finite values are written as null."""
        values = {name: float(value) if np.isfinite(value) else None for name, value in metrics.items()}
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            if value is not None:
                self._events.add_scalar(name, value, step)
        self._events.flush()

    def _keep_until(self, step: int) -> None:
        if not self._path.exists():
            return
        kept = [line for line in self._path.read_text().splitlines() if _step_of(line) <= step]
        temporary = self._path.parent / "metrics.jsonl.tmp"
        temporary.write_text("".join(line + "\n" for line in kept))
        temporary.rename(self._path)


def _step_of(line: str) -> float:
    """The step of a line; infinite for a line that was cut short."""
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")


def rollout_metrics(groups: Sequence[RolloutGroup]) -> dict[str, float]:
    """Figures of one step's rollouts under the names that users of TRL and verl know, and defects by kind."""
    members = [member for group in groups for member in group.members]
    rewards_ng = np.array([[member.reward.total for member in group.members] for group in groups])
    lengths = np.array([len(member.rollout.tokens) for member in members])
    truncated = np.array([member.rollout.truncated for member in members])
    kinds = collections.Counter(defect.kind for member in members for defect in member.defects if defect.severity > 0)
    return {
        "reward_std": float(rewards_ng.std(axis=1).mean()),
        "frac_reward_zero_std": float((rewards_ng.std(axis=1) == 0).mean()),
        "completions/mean_length": float(lengths.mean()),
        "completions/min_length": float(lengths.min()),
        "completions/max_length": float(lengths.max()),
        "completions/clipped_ratio": float(truncated.mean()),
        **{f"defects/{kind}": count / len(members) for kind, count in sorted(kinds.items())},
    }
