"""What the teacher would write: programs sampled after the feedback about an attempt, and with a part of it damaged.

    python -m vsdpo_jax.experiment.revisions --out=docs/experiment --domains=chart,web

Distillation can hand on only what a teacher knows. So the same weights write programs for held-out prompts, and then
once more for each attempt that got feedback: without it, after it, after every control's version of it, and after a
reference program, which `opsd` shows its teacher. Rewards of the attempts are no measure for the others, since an
attempt is only here because something was wrong with it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from vsdpo_jax.batches import RolloutCollector
from vsdpo_jax.data.registry import prompt_source
from vsdpo_jax.errors import exit_cleanly
from vsdpo_jax.feedback.control import CONTROLS, controlled
from vsdpo_jax.flags import load_config
from vsdpo_jax.metrics import summarize
from vsdpo_jax.model import weights
from vsdpo_jax.sharding import parameter_shardings
from vsdpo_jax.train import open_farm, open_mesh, open_model
from vsdpo_jax.types import Prompt, RolloutGroup

FILE = "revisions.json"
CONFIG = "configs/tiny.py"
# Rows of the table that no control makes.
ATTEMPT, AGAIN, REFERENCE = "attempt", "without feedback", "reference program"


def measure(config: ConfigDict, count: int, seed: int) -> dict[str, dict[str, float]]:
    """Name of what was read -> `reward`, its standard error over prompts, `exec_rate` and `defects_per_render`.

    Two attempts at each of the first `count` held-out prompts; only those with feedback count, in every row.
    """
    mesh = open_mesh(config)
    with jax.set_mesh(mesh), contextlib.ExitStack() as resources:
        policy, packer = open_model(config)
        farm = resources.enter_context(open_farm(config))
        _, params = weights.load(policy.folder, shardings=parameter_shardings(mesh, policy.config))
        prompts = prompt_source(config, config.data.eval_split, farm, packer.fits).fetch(range(count))
        collector = RolloutCollector(policy, packer, farm, config, group=2, temperature=config.eval.temperature)
        first, second = jax.random.split(jax.random.key(seed))
        groups, _ = collector(params, prompts, first)
        flawed = _with_feedback(groups)
        found = {ATTEMPT: flawed}
        again, _ = collector(params, [group.prompt for group in flawed for _ in group.members], second)
        found[AGAIN] = _by_prompt(again)
        for control in CONTROLS:
            attempts = [(group.prompt, member) for group in controlled(flawed, control) for member in group.members]
            # The same random numbers for all: what differs is what was read.
            revised, _ = collector.revise(params, attempts, second)
            found[control] = _by_prompt(revised)
        attempts = [(group.prompt, member) for group in flawed for member in group.members]
        revised, _ = collector.revise(params, attempts, second, method="opsd")
        found[REFERENCE] = _by_prompt(revised)
    return {name: _figures(groups) for name, groups in found.items()}


def _figures(groups: Sequence[RolloutGroup]) -> dict[str, float]:
    figures = summarize(groups)
    names = ("reward", "reward_stderr", "exec_rate", "defects_per_render")
    return {name: figures[name] for name in names} | {"prompts": len(groups)}


def _with_feedback(groups: Sequence[RolloutGroup]) -> list[RolloutGroup]:
    kept = [
        RolloutGroup(group.prompt, tuple(member for member in group.members if member.feedback)) for group in groups
    ]
    return [group for group in kept if group.members]


def _by_prompt(groups: Sequence[RolloutGroup]) -> list[RolloutGroup]:
    """One group a prompt, of which standard errors are made."""
    members: dict[str, tuple[Prompt, list]] = {}
    for group in groups:
        members.setdefault(group.prompt.id, (group.prompt, []))[1].extend(group.members)
    return [RolloutGroup(prompt, tuple(own)) for prompt, own in members.values()]


def table(found: dict[str, dict[str, Any]]) -> str:
    """The figures of `FILE` as Markdown."""
    rows = [
        "What the shipped model writes for held-out prompts after having read the feedback about an attempt of its "
        "own: mean reward ± standard error over prompts. Only attempts that got feedback count.\n",
        "| domain | the attempts | once more without feedback | after their feedback | of another program | "
        "without the list | with a blank picture | without a picture | after a reference program |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    order = (ATTEMPT, AGAIN, "none", "shuffled", "no_rubric", "blank_render", "no_image", REFERENCE)
    for domain, figures in found.items():
        cells = [f"{figures[name]['reward']:.3f} ± {figures[name]['reward_stderr']:.3f}" for name in order]
        rows.append(f"| {domain} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/experiment"), help=f"folder for {FILE}")
    parser.add_argument("--domains", default="chart,web,slide,pptx")
    parser.add_argument("--prompts", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="", help="model folder; empty: the one of the config")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    """Measures the domains one after the other; those of earlier calls stay in the file."""
    path = options.out / FILE
    found = json.loads(path.read_text()) if path.is_file() else {}
    for domain in filter(None, options.domains.split(",")):
        config = load_config(f"{CONFIG}:domain={domain}")
        config.model = options.model or config.model
        found[domain] = measure(config, options.prompts, options.seed)
        options.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def main() -> None:
    options = parse()
    exit_cleanly(lambda: run(options))


if __name__ == "__main__":
    main()
