"""What one finished run showed."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vsdpo_jax.errors import UserError
from vsdpo_jax.experiment.plan import Run
from vsdpo_jax.experiment.statistics import smoothed

MEASURES = ("reward", "exec_rate", "defects_per_render")
# Steps whose training rewards make one point of a curve: 48 rollouts alone are too few to compare.
WINDOW = 5
PHASES = ("rollout", "render", "pack", "update")


@dataclasses.dataclass(frozen=True)
class Result:
    """One run, read from its workdir.

    Attributes:
      run: which one.
      before, after: `MEASURES` on the held-out prompts.
      rollouts: at the end of every full window of `WINDOW` steps.
      rewards: mean reward of the fresh training prompts of that window.
      uplift_guilty, uplift_other: mean of log teacher - log student at sampled tokens, in nats, in guilty statements
        and elsewhere; None where nothing was distilled.
      kl_share, token_share: share of the divergence, and of the distilled tokens, that lies in guilty statements; None
        where credit weights are all the same (alpha 1), since they are what tells guilty statements.
      seconds: of the whole run.
      rates: `steps`, `rollouts` and `renders` per second, without the first step, which compiles.
      phases: seconds of each of `PHASES` in a step, mean without the first; and `first`, those of the whole first step.
    """

    run: Run
    before: dict[str, float]
    after: dict[str, float]
    rollouts: tuple[int, ...]
    rewards: tuple[float, ...]
    uplift_guilty: float | None
    uplift_other: float | None
    kl_share: float | None
    token_share: float | None
    seconds: float
    rates: dict[str, float]
    phases: dict[str, float]

    @property
    def final_training_reward(self) -> float | None:
        """The last point of the curve."""
        return self.rewards[-1] if self.rewards else None

    @property
    def tuning_reward(self) -> float:
        """What learning rates are chosen by: the second half of the curve, without a look at the held-out prompts.

        One point of it rests on too few prompts to tell learning rates apart. A method that rolls nothing out (sft) has
        no curve: its reward on the held-out prompts is taken, which is in its favor.
        """
        return float(np.mean(self.rewards[len(self.rewards) // 2 :] or (self.after["reward"],)))


def finished(workdir: Path, steps: int) -> bool:
    """Whether a run of `steps` steps is done."""
    path = workdir / "summary.json"
    if not path.is_file():
        return False
    try:
        summary = json.loads(path.read_text())
    except ValueError:
        return False
    return summary.get("steps") == steps and "after" in summary and "before" in summary


def check_settings(workdir: Path, overrides: Sequence[str]) -> None:
    """Raises UserError if a finished run has other values of the config fields `overrides` (`lengths.response=120`)."""
    config = json.loads((workdir / "config.json").read_text())
    for override in overrides:
        field, _, text = override.partition("=")
        value: Any = config
        for name in field.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value != _parsed(text):
            raise UserError(
                f"{workdir} was made with {field}={value} and not {text}: give another --runs, or remove the folder"
            )


def _parsed(text: str) -> Any:
    """A value of the command line, as it is in a config.json."""
    try:
        return json.loads(json.dumps(ast.literal_eval(text)))
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text, text)


def read(run: Run, workdir: Path) -> Result:
    """The result of a finished run."""
    summary = json.loads((workdir / "summary.json").read_text())
    config = json.loads((workdir / "config.json").read_text())
    steps = _steps(workdir / "metrics.jsonl")
    batch = config["batch"]["prompts"] * config["batch"]["group"]
    rewards = smoothed([row["reward"] for row in steps if "reward" in row], WINDOW)
    return Result(
        run=run,
        before={name: summary["before"][name] for name in MEASURES},
        after={name: summary["after"][name] for name in MEASURES},
        rollouts=tuple((WINDOW + index) * batch for index in range(len(rewards))),
        rewards=tuple(rewards),
        uplift_guilty=_mean(steps, "self_distillation/uplift_defect"),
        uplift_other=_mean(steps, "self_distillation/uplift_non_defect"),
        kl_share=_share(steps),
        token_share=_mean(steps, "self_distillation/guilty_token_fraction") or None,
        seconds=summary["seconds"],
        rates=_rates(steps, batch),
        phases=_phases(steps),
    )


def _steps(path: Path) -> list[dict]:
    """One row a training step; a step that was made again after a kill counts once."""
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return list({row["step"]: row for row in rows if "loss" in row}.values())


def _mean(steps: list[dict], name: str) -> float | None:
    values = [row[name] for row in steps if row.get(name) is not None]
    return float(np.mean(values)) if values else None


def _share(steps: list[dict]) -> float | None:
    """Of the divergence of all distilled tokens, the part at guilty ones; a step without those has no `kl_defect`."""
    rows = [row for row in steps if row.get("self_distillation/guilty_token_fraction") is not None]
    guilty = sum(
        row["self_distillation/guilty_token_fraction"] * (row.get("self_distillation/kl_defect") or 0.0) for row in rows
    )
    total = sum(row["self_distillation/kl"] for row in rows)
    return guilty / total if guilty > 0 else None


def _rates(steps: list[dict], batch: int) -> dict[str, float]:
    later = steps[1:] or steps
    step, rendering = _mean(later, "step_time"), _mean(later, "overlap/rendering_seconds")
    rates = {}
    if step:
        rates |= {"steps_per_second": 1 / step, "rollouts_per_second": batch / step}
    if rendering:
        rates["renders_per_second"] = batch / rendering
    return rates


def _phases(steps: list[dict]) -> dict[str, float]:
    times = {name: _mean(steps[1:] or steps, f"timing_s/{name}") for name in PHASES}
    times["first"] = _mean(steps[:1], "step_time")
    return {name: seconds for name, seconds in times.items() if seconds is not None}
