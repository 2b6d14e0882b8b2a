"""Reads what a run wrote: `summary.json`, `metrics.jsonl` and the rollouts."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

from etils import epath

from vsdpo_jax import record
from vsdpo_jax.errors import UserError

MEASURES = ("reward", "exec_rate", "defects_per_render")
# Evaluations and steps whose rollouts are read: a long run writes thousands.
EVALUATIONS, STEPS = 4, 6


class ReportError(UserError):
    """There is nothing to report on; the message is one line that says what is missing and where."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything that the page shows.

    Attributes:
      name: last part of the workdir.
      before, after: the three `MEASURES` on held-out tasks, and `<measure>_stderr` where it was estimated;
        empty while they are not measured yet.
      steps, seconds: of the whole run, None while it is unfinished.
      metrics: one dictionary of finite floats a step, sorted by step; `step` is among the keys.
      groups: the written rollouts of some names (`before`, `step_000123`, `after`), in the order of training:
        the first, the last and some between; none of them is empty.
      notes: what could not be read, one sentence each.
    """

    name: str
    before: dict[str, float]
    after: dict[str, float]
    steps: int | None
    seconds: float | None
    metrics: list[dict[str, float]]
    groups: dict[str, list[record.RolloutRecord]]
    notes: list[str]


def read_run(workdir: epath.PathLike) -> Run:
    """Reads a run. Raises ReportError if the folder or its metrics are missing or unreadable."""
    root = epath.Path(workdir)
    if not root.is_dir():
        raise ReportError(f"there is no folder {root}; --workdir is the folder that training wrote to")
    notes: list[str] = []
    summary = _read_summary(root / "summary.json", notes.append)
    return Run(
        name=root.name or str(root),
        before=_measures(summary.get("before")),
        after=_measures(summary.get("after")),
        steps=int(summary["steps"]) if _is_number(summary.get("steps")) else None,
        seconds=float(summary["seconds"]) if _is_number(summary.get("seconds")) else None,
        metrics=_read_metrics(root / "metrics.jsonl", notes.append),
        groups=_read_groups(root / record.FOLDER, notes.append),
        notes=notes,
    )


def _read_summary(path: epath.Path, note: Callable[[str], None]) -> dict[str, Any]:
    if not path.exists():
        note(f"{path.name} is not there yet: the run is unfinished")
        return {}
    try:
        summary = json.loads(path.read_bytes())
    except ValueError as error:
        raise ReportError(f"{path} is not valid JSON ({error})") from error
    if not isinstance(summary, dict):
        raise ReportError(f"{path} is not a JSON object")
    return summary


def _read_metrics(path: epath.Path, note: Callable[[str], None]) -> list[dict[str, float]]:
    if not path.exists():
        raise ReportError(f"there is no {path}; training writes it from its first step on")
    try:
        rows = record.parse_lines(path.read_bytes(), path.name, note)
    except record.RecordError as error:
        raise ReportError(f"{path.parent}: {error}") from error
    by_step: dict[float, dict[str, float]] = {}
    for number, row in rows:
        if not _is_number(row.get("step")):
            raise ReportError(f"{path}:{number}: the line has no 'step'")
        # A step can have several lines (evaluation; a resumed run writes a step again): the last value counts.
        values = {str(key): float(value) for key, value in row.items() if _is_number(value)}
        by_step.setdefault(values["step"], {}).update(values)
    if not by_step:
        raise ReportError(f"{path} has no complete line yet")
    return [by_step[step] for step in sorted(by_step)]


def _read_groups(folder: epath.Path, note: Callable[[str], None]) -> dict[str, list[record.RolloutRecord]]:
    if not folder.is_dir():
        return {}
    names = [path.name.removesuffix(".jsonl") for path in folder.iterdir() if path.name.endswith(".jsonl")]
    names = sorted((name for name in names if record.NAME_PATTERN.fullmatch(name)), key=_moment)
    for kind, count in (("eval_", EVALUATIONS), ("step_", STEPS)):
        kept = spread([name for name in names if name.startswith(kind)], count)
        names = [name for name in names if not name.startswith(kind) or name in kept]
    groups = {}
    for name in names:
        try:
            groups[name] = record.read_records(folder / f"{name}.jsonl", note)
        except record.RecordError as error:
            note(f"left out: {error}")
    return {name: records for name, records in groups.items() if records}


def spread(names: list[str], count: int) -> list[str]:
    """Returns at most `count` names at even distances, the first and the last among them."""
    if len(names) <= count:
        return names
    return [names[round(index * (len(names) - 1) / (count - 1))] for index in range(count)]


def _moment(name: str) -> tuple[int, int]:
    """Sorting key: before, then the steps and evaluations, then after."""
    if "_" not in name:
        return (0, 0) if name == "before" else (2, 0)
    return 1, int(name.rsplit("_", 1)[1])


def _measures(values: Any) -> dict[str, float]:
    values = values if isinstance(values, dict) else {}
    names = [*MEASURES, *(f"{name}_stderr" for name in MEASURES)]
    return {name: float(values[name]) for name in names if _is_number(values.get(name))}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
