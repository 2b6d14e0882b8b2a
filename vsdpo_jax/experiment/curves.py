"""Learning curves against rollouts, drawn with Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from vsdpo_jax.experiment.plan import Plan
from vsdpo_jax.experiment.results import WINDOW, Result
from vsdpo_jax.experiment.summary import target_reward

# Told apart by people who see fewer colors (Okabe and Ito).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def draw_curves(plan: Plan, results: Sequence[Result], path: Path) -> None:
    """One panel a domain: training reward against rollouts, the mean of the seeds thick and every run thin.

    Controls are left to the tables.
    """
    figure, panels = plt.subplots(
        1, len(plan.domains), figsize=(4.6 * len(plan.domains), 4.2), squeeze=False, layout="constrained"
    )
    for axes, domain in zip(panels[0], plan.domains, strict=True):
        own = [result for result in results if result.run.domain == domain]
        for color, method in zip(COLORS, plan.drawn, strict=False):
            _draw_method(axes, [result for result in own if result.run.method == method], method, color)
        target = target_reward(own)
        if target is not None:
            axes.axhline(target, color="0.5", linewidth=0.8, linestyle="--", label="grpo at its end")
        axes.set_title(domain)
        axes.set_xlabel("rollouts")
        axes.set_ylabel(f"training reward, mean of {WINDOW} steps")
        axes.spines[["top", "right"]].set_visible(False)
        if axes.lines:
            axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
        else:
            axes.text(0.5, 0.5, "not run", ha="center", transform=axes.transAxes)
    # Without a date and random ids in the file, the same runs give the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "curves"}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _draw_method(axes, results: Sequence[Result], method: str, color: str) -> None:
    results = [result for result in results if result.rewards]
    if not results:
        return
    for result in results:
        axes.plot(result.rollouts, result.rewards, color=color, linewidth=0.6, alpha=0.35)
    mean = np.mean([result.rewards for result in results], axis=0)
    seeds = f"{len(results)} seed" + ("s" if len(results) > 1 else "")
    axes.plot(results[0].rollouts, mean, color=color, linewidth=2, label=f"{method} ({seeds})")
