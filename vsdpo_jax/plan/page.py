"""Plans for people: tables in Markdown.

    python -m vsdpo_jax.plan.page v5e.json v5p.json v6e.json > docs/plan_8b.md

makes one page of plans that `python -m vsdpo_jax.plan --out=…` has written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vsdpo_jax.errors import UserError, exit_cleanly


def tables(plan: dict) -> str:
    """Memory by part, then work and time, of one plan."""
    lines = [title(plan), "", *_memory(plan), "", *_time(plan), "", *_conclusions(plan)]
    return "\n".join(lines)


def title(plan: dict) -> str:
    """One line: what runs where."""
    lengths = plan["lengths"]
    return (
        f"{plan['size'] or 'model'} {plan['method']} on {plan['topology']}: {plan['chips']} chips, "
        f"{plan['hosts']} hosts, {plan['prompts']} prompts x {plan['group']} rollouts, prompt {lengths['prefix']}, "
        f"response {lengths['response']}, feedback {lengths['feedback']} tokens, images of {lengths['patches']} patches"
    )


def _memory(plan: dict) -> list[str]:
    rows = plan["stages"]
    shown = {part: None for row in rows.values() for part, size in row.get("parts_gb", {}).items() if size >= 0.005}
    names = [*shown]
    lines = [
        f"| GB a chip | {' | '.join(names)} | all | limit |",
        "|---" * (len(names) + 3) + "|",
    ]
    for name, row in rows.items():
        if "parts_gb" not in row:
            used = f"{row['hbm_gb']:.2f}" if "hbm_gb" in row else "?"
            lines.append(f"| {name} | {'| ' * len(names)}{used} | {plan['hbm_limit_gb']} |")
            continue
        sizes = [row["parts_gb"].get(part, 0.0) for part in names]
        cells = " | ".join(f"{size:.2f}" if size >= 0.005 else "" for size in sizes)
        lines.append(f"| {name} | {cells} | **{row['hbm_gb']:.2f}** | {plan['hbm_limit_gb']} |")
    return lines


def _time(plan: dict) -> list[str]:
    lines = [
        "| | PFLOP needed | computed | compiler, loops once | GB read a chip | GB between chips, each | seconds | MFU |"
        " of the bandwidth |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in plan["stages"].items():
        if "seconds" not in row:
            continue
        work, moved = row["flops"], row["collectives"]
        kinds = ", ".join(f"{c['count']} {kind}" for kind, c in moved.items())
        lines.append(
            f"| {name} | {work['needed'] / 1e15:.2f} | {work['executed'] / 1e15:.2f} | "
            f"{work['compiler_loops_once'] / 1e15:.2f} | {row['bytes']['read_per_chip'] / 1e9:.1f} | "
            f"{row['collective_gb']:.1f}{f' ({kinds})' if kinds else ''} | {row['seconds']:.1f} | {row['mfu']:.0%} | "
            f"{row['bandwidth_share']:.0%} |"
        )
    return lines


def _conclusions(plan: dict) -> list[str]:
    lines = [f"A step: {plan['step_seconds']:.0f} s. " + ("It fits." if plan["fits"] else "It does not fit.")]
    lines += [f"{name} does not compile: {row['error']}" for name, row in plan["stages"].items() if "error" in row]
    if "render_cores" in plan:
        lines.append(
            f"Rendering keeps up with decoding on {plan['render_cores']} cores of the {plan['host_cores']} that the "
            f"hosts have; {plan['render_tail_seconds']:.1f} s of it come after the last token."
        )
    return lines + [f"- {line}" for line in plan["advice"]]


def assumptions(plan: dict) -> str:
    """One line: what the seconds rest on."""
    values = ", ".join(f"{name} {value}" for name, value in plan["assumptions"].items())
    return f"Seconds are predictions; nothing here was measured on a TPU: {values} (`vsdpo_jax/plan/predict.py`)."


def overview(plans: list[dict]) -> list[str]:
    """One row a plan: the memory of its fullest stages, and the seconds of a step."""
    lines = [
        "| slice | chips | prompts x rollouts | update GB | decode GB | limit | rollout s | update s (MFU) | step s |"
        " render cores |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for plan in plans:
        update, decode = plan["stages"]["update"], plan["stages"]["decode"]
        rollout = sum(row["seconds"] for name, row in plan["stages"].items() if name != "update")
        lines.append(
            f"| {plan['topology']} | {plan['chips']} | {plan['prompts']} x {plan['group']} | {update['hbm_gb']:.1f} | "
            f"{decode['hbm_gb']:.1f} | {plan['hbm_limit_gb']} | {rollout:.0f} | {update['seconds']:.0f} "
            f"({update['mfu']:.0%}) | {plan['step_seconds']:.0f} | {plan['render_cores']} of {plan['host_cores']} |"
        )
    return lines


def page(plans: list[dict]) -> str:
    """A page of several plans."""
    lines = [
        "# What an 8B run needs" if all(plan["size"] == "8b" for plan in plans) else "# What a run needs",
        "",
        "Made by `python -m vsdpo_jax.plan --config=… --out=…` and `python -m vsdpo_jax.plan.page` on a machine with",
        "no TPU: memory and collectives are the TPU compiler's own figures for the functions that training runs.",
        "",
        assumptions(plans[0]),
        "",
        "`needed` counts the work of the method, `computed` what remat does again as well; the compiler counts",
        "the body of a loop once, so its figure is lower. `activations` (layer inputs that remat keeps) and",
        "`gradients` are counted from shapes, and `temporaries` is what the compiler reports beside them.",
    ]
    if all({"update", "decode"} <= plan["stages"].keys() for plan in plans) and all(plan["fits"] for plan in plans):
        lines += ["", *overview(plans)]
    for plan in plans:
        lines += ["", f"## {plan['chip']}: {plan['topology']}", "", tables(plan)]
    return "\n".join(lines) + "\n"


def main() -> None:
    if len(sys.argv) < 2:
        raise UserError("give the JSON files of plans: python -m vsdpo_jax.plan.page FILE…")
    print(page([json.loads(Path(name).read_text()) for name in sys.argv[1:]]), end="")


if __name__ == "__main__":
    exit_cleanly(main)
