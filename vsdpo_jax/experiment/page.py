"""The page about the experiment: README.md with its table, curves and pictures, and summary.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vsdpo_jax.experiment.curves import draw_curves
from vsdpo_jax.experiment.gallery import draw_gallery
from vsdpo_jax.experiment.plan import BASE, CONFIG, TUNING_SEED, Plan
from vsdpo_jax.experiment.results import PHASES, WINDOW, Result
from vsdpo_jax.experiment.revisions import FILE, table
from vsdpo_jax.experiment.summary import ALL, REFERENCE, TARGET, summarize

NOT_RUN = "not run"
# Of the measures of a table, in the order of its columns.
DIGITS = {"reward": 3, "exec_rate": 3, "defects_per_render": 2}


def write_page(
    plan: Plan,
    results: Sequence[Result],
    chosen: dict[tuple[str, str], float],
    failed: Mapping[str, str],
    runs: Path,
    out: Path,
) -> dict[str, Any]:
    """Writes README.md, summary.json, curves.svg and a gallery per domain to `out`; returns the summary.

    What a person has written in `out`/findings.md becomes a section of the page, and so do the figures of
    `vsdpo_jax.experiment.revisions` that lie there.

    Args:
      results: of the reported runs that are finished.
      chosen: learning rates, if any were tried.
      failed: name of a run -> the end of its log.
      runs: the folder of all workdirs.
    """
    out.mkdir(parents=True, exist_ok=True)
    summary = summarize(plan, results, chosen)
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    draw_curves(plan, results, out / "curves.svg")
    galleries = [
        domain for domain in plan.domains if draw_gallery(plan, domain, results, runs, out / f"gallery_{domain}.png")
    ]
    sections = [
        _header(plan, results),
        *_status(summary, failed),
        _findings(out / "findings.md"),
        "## Results\n",
        *(_domain_table(plan, domain, summary["domains"][domain]) for domain in plan.domains),
        _differences(summary["differences"]),
        "## Learning curves\n\n![Training reward against rollouts](curves.svg)\n",
        "## What the teacher knows\n\n" + _revisions(out / FILE) + _teacher(plan, summary["domains"]),
        "## Time\n\n" + _time(plan, summary["domains"]),
        _gallery(galleries),
    ]
    (out / "README.md").write_text("\n".join(section for section in sections if section))
    return summary


def _header(plan: Plan, results: Sequence[Result]) -> str:
    rollouts = f"{plan.steps} steps"
    if plan.tuned:
        grid = ", ".join(f"{rate:g}" for rate in plan.rates)
        where = f"is chosen on {plan.tune_on} for all domains and" if plan.tune_on else "in every domain"
        tuning = (
            f"The learning rate of every method {where} is the one of {grid} with the best training reward in the "
            f"second half of a run with seed {TUNING_SEED}, which is not reported (`sft` has none: with the best "
            "held-out reward); a control has that of its method."
        )
    else:
        rate = f"{plan.rates[0]:g}" if plan.rates else f"that of `{CONFIG}`"
        tuning = f"No setting was tuned for this table: the learning rate of every method is {rate}."
    overrides = f" Config fields set for all runs: `{' '.join(plan.overrides)}`." if plan.overrides else ""
    return (
        "# The embedded experiment\n\n"
        "Written by `python -m vsdpo_jax.experiment`; `summary.json` beside this page has its figures and "
        "`results.jsonl` every run.\n\n"
        f"Every run is {rollouts} of `{CONFIG}`, with the same number of rollouts for all methods (`sft` has none: it "
        "reads as many reference programs as the others have prompts), from the same "
        f"model{_start(plan)}.{overrides} {tuning}\n\n"
        "Reward, programs that run and defects per render are of held-out prompts (none of their titles can occur in "
        "training or in the warm start), sampled at temperature 1, after the last step. A seed draws the training "
        "prompts and all rollouts. Intervals are 95% Student t intervals over seeds, none where there is one seed; "
        "they say nothing of the spread over differently trained starting models.\n\n"
        f"*Rollouts to {REFERENCE}'s end*: training rollouts until the mean reward of {WINDOW} steps on fresh "
        f"training prompts first reaches what {REFERENCE} has in its last {WINDOW} steps (mean of its seeds). "
        f"{REFERENCE} itself gets there before its end, because its curve is noisy too, so its own figure is the one "
        "to compare with.\n"
    )


def _start(plan: Plan) -> str:
    return "" if any(field.startswith("model=") for field in plan.overrides) else " that ships with the package"


def _status(summary: Mapping[str, Any], failed: Mapping[str, str]) -> list[str]:
    lines = []
    if summary["missing"]:
        lines.append(
            f"**This table is partial**: {len(summary['missing'])} of the planned runs are not finished and in no "
            "figure. `missing` in `summary.json` names them, the second column of the tables has how many there are.\n"
        )
    for name, log in failed.items():
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "no output")
        lines.append(f"Failed: {name}: `{last[:200]}`\n")
    return lines


def _findings(path: Path) -> str:
    return f"## Findings\n\n{path.read_text().strip()}\n" if path.is_file() else ""


def _domain_table(plan: Plan, domain: str, methods: Mapping[str, Any]) -> str:
    rows = [
        f"### {domain}\n",
        f"| method | seeds | reward | programs that run | defects per render | rollouts to {REFERENCE}'s end |",
        "|---|---|---|---|---|---|",
    ]
    for method in plan.methods:
        figures = methods.get(method)
        if figures is None:
            rows.append(f"| {method} | 0 | {NOT_RUN} | {NOT_RUN} | {NOT_RUN} | {NOT_RUN} |")
            continue
        cells = [_estimate(figures[name], digits) for name, digits in DIGITS.items()] + [_reached(figures.get(TARGET))]
        rows.append(f"| {method} | {len(figures['runs'])} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _estimate(figure: Mapping[str, Any], digits: int) -> str:
    if figure["mean"] is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['mean']:.{digits}f} (one seed)"
    return f"{figure['mean']:.{digits}f} [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"


def _reached(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "–"
    if figure["mean"] is None:
        return f"reached by {figure['reached']} of {figure['of']} runs" if figure["of"] else "–"
    return _estimate(figure, 0)


def _differences(by_domain: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for domain, differences in by_domain.items():
        for pair, figure in differences.items():
            runs, cells = figure["reward"]["runs"], [_signed(figure[name], digits) for name, digits in DIGITS.items()]
            if runs:
                rows.append(f"| {domain} | {pair} | {runs} | " + " | ".join(cells) + " |")
    if not rows:
        return ""
    head = "| domain | difference | pairs | reward | programs that run | defects per render |"
    title = "### Differences, paired by seed\n"
    if ALL in by_domain:
        title += (
            f"\n*{ALL}*: every pair of every domain counts once, where all domains have one. The interval takes pairs "
            "as draws of one kind, which domains with different spreads are not quite.\n"
        )
    return "\n".join([title, head, "|---|---|---|---|---|---|", *rows]) + "\n"


def _signed(figure: Mapping[str, Any], digits: int) -> str:
    if figure["low"] is None:
        return f"{figure['mean']:+.{digits}f} (one seed)"
    return f"{figure['mean']:+.{digits}f} [{figure['low']:+.{digits}f}, {figure['high']:+.{digits}f}]"


def _revisions(path: Path) -> str:
    return table(json.loads(path.read_text())) + "\n" if path.is_file() else ""


def _teacher(plan: Plan, domains: Mapping[str, Any]) -> str:
    rows = [
        "Means over all steps, of sampled tokens that are distilled. Uplift is log teacher − log student: below 0 the "
        "teacher would rather have written something else. *Guilty* tokens are those of statements with a defect.\n",
        "| domain | method | uplift, guilty | uplift, others | guilty share of the KL | guilty share of tokens |",
        "|---|---|---|---|---|---|",
    ]
    for domain, method, figures in _trained(plan, domains):
        if figures["uplift_guilty"]["mean"] is not None:
            cells = [_estimate(figures[name], 4) for name in ("uplift_guilty", "uplift_other")]
            cells += [_estimate(figures[name], 2) for name in ("kl_share", "token_share")]
            rows.append(f"| {domain} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n" if len(rows) > 3 else "No run with a teacher is finished.\n"


def _time(plan: Plan, domains: Mapping[str, Any]) -> str:
    rows = [
        "Steps, rollouts and renders per second, and the seconds a step spends on each phase, are over all steps but "
        "the first, which compiles; renders per second only over the time in which something is rendered. Rendering "
        "goes on behind sampling: its seconds are those that were waited for. Runs that shared their cores with "
        "others are slower.\n",
        "| domain | method | seconds a run | first step | steps/s | rollouts/s | renders/s | "
        + " | ".join(PHASES)
        + " |",
        "|---" * (7 + len(PHASES)) + "|",
    ]
    rates = ("steps_per_second", "rollouts_per_second", "renders_per_second")
    for domain, method, figures in _trained(plan, domains):
        cells = [_mean(figures["seconds"], 0), _mean(figures["first_seconds"], 0)]
        cells += [_mean(figures[name], 2) for name in (*rates, *(f"{phase}_seconds" for phase in PHASES))]
        rows.append(f"| {domain} | {method} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n" if len(rows) > 3 else "No run is finished.\n"


def _mean(figure: Mapping[str, Any], digits: int) -> str:
    return "–" if figure["mean"] is None else f"{figure['mean']:.{digits}f}"


def _trained(plan: Plan, domains: Mapping[str, Any]):
    for domain in plan.domains:
        for method in plan.methods:
            if method != BASE and method in domains[domain]:
                yield domain, method, domains[domain][method]


def _gallery(domains: Sequence[str]) -> str:
    if not domains:
        return ""
    pictures = [f"### {domain}\n\n![{domain}](gallery_{domain}.png)\n" for domain in domains]
    return "\n".join(
        ["## Gallery\n", "The first held-out prompts, one rollout each, of the smallest seed.\n", *pictures]
    )
