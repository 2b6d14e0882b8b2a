"""The same held-out prompts before and after training, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from vsdpo_jax.experiment.plan import BASE, Plan
from vsdpo_jax.experiment.results import Result
from vsdpo_jax.record import FOLDER, RolloutRecord, read_records

ROWS = 4


def draw_gallery(plan: Plan, domain: str, results: Sequence[Result], runs: Path, path: Path) -> bool:
    """Target, the base model and one run of every method without a control, all of one seed.

    The first prompts of the held-out set are shown, not chosen ones. Where the rollouts of a run are gone, a picture
    that was drawn before is left as it is. Returns whether there is a picture.
    """
    own = [result.run for result in results if result.run.domain == domain]
    if not own:
        return False
    seed = min(run.seed for run in own)
    shown = [run for method in plan.drawn for run in own if run.method == method and run.seed == seed]
    columns = [(run.method, _records(runs / run.name, "after")) for run in shown]
    columns = [(BASE, _records(runs / own[0].name, "before")), *columns]
    if not all(records for _, records in columns):
        return path.is_file()
    rows = min(ROWS, *(len(records) for _, records in columns))
    figure, panels = plt.subplots(
        rows, 1 + len(columns), figsize=(2.6 * (1 + len(columns)), 2.1 * rows), squeeze=False, layout="constrained"
    )
    for row in range(rows):
        _show(panels[row][0], columns[0][1][row].target, "target" if row == 0 else "")
        for axes, (name, records) in zip(panels[row][1:], columns, strict=True):
            record = records[row]
            title = f"{name}\n" if row == 0 else ""
            _show(
                axes, record.image, f"{title}reward {record.reward:.2f}", record.error.message if record.error else ""
            )
    figure.savefig(path, dpi=80)
    plt.close(figure)
    return True


def _records(workdir: Path, moment: str) -> list[RolloutRecord]:
    path = workdir / FOLDER / f"{moment}.jsonl"
    return read_records(path) if path.is_file() else []


def _show(axes, image, title: str, error: str = "") -> None:
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    if image is not None:
        axes.imshow(image)
    else:
        axes.text(0.5, 0.5, error[:40] or "no render", ha="center", va="center", fontsize=7, wrap=True)
