"""The embedded experiment: every method on every domain with several seeds, then the page that compares them.

    python -m vsdpo_jax.experiment --out=docs/experiment --domains=chart,web --methods=base,grpo,visual_sdpo --seeds=0,1

Every run is a training run in a process of its own below --runs. A finished run is never repeated and an interrupted
one goes on where it stopped, so the same command can be given again at any time. What a run showed is kept in
results.jsonl in --out: where that file is, --runs may be gone. To make the runs again, give another --out and --runs.
`--report` writes the page about what is there without running anything.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.experiment.page import write_page
from vsdpo_jax.experiment.plan import Plan
from vsdpo_jax.experiment.result_file import FILE, ResultFile
from vsdpo_jax.experiment.runner import Runner

METHODS = (
    "base,sft,opsd,grpo,sdpo,visual_sdpo,visual_sdpo+alpha_1,visual_sdpo+mean_1,visual_sdpo+shuffled,"
    "visual_sdpo+blank_render,visual_sdpo+no_rubric,visual_sdpo+no_image"
)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m vsdpo_jax.experiment", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/experiment"), help="folder of the page")
    parser.add_argument("--runs", type=Path, default=Path("runs/experiment"), help="folder of all training runs")
    parser.add_argument("--domains", default="chart,web,slide,pptx")
    parser.add_argument("--methods", default=METHODS, help="methods, with +CONTROL for a damaged teacher")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rates", default="", help="learning rates to choose from, for every method alike")
    parser.add_argument("--tune_on", default="", metavar="DOMAIN", help="choose them here for all domains")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="config field of all runs")
    parser.add_argument("--at_once", type=int, default=1, help="runs beside each other: faster in all, slower each")
    parser.add_argument("--report", action="store_true", help="only write the page about the runs that are there")
    return parser.parse_args(arguments)


def to_plan(options: argparse.Namespace) -> Plan:
    """The plan of a command line; raises UserError for one that makes no sense."""
    return Plan(
        domains=_split(options.domains),
        methods=_split(options.methods),
        seeds=_numbers("--seeds", options.seeds, int),
        steps=options.steps,
        rates=_numbers("--rates", options.rates, float),
        tune_on=options.tune_on,
        overrides=tuple(options.set),
    )


def _numbers(flag: str, text: str, kind: type) -> tuple:
    try:
        return tuple(kind(part) for part in _split(text))
    except ValueError as error:
        raise UserError(f"{flag} takes comma-separated numbers: {error}") from error


def _split(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def run(options: argparse.Namespace) -> None:
    """Make the runs and write the page; raises UserError at the end if a run failed."""
    plan = to_plan(options)
    if options.at_once < 1:
        raise UserError(f"--at_once={options.at_once} must be at least 1")
    runner = Runner(plan, options.runs, ResultFile(options.out / FILE, plan), options.at_once)
    if not options.report:
        runner.make_all()
    chosen = runner.chosen()
    results = runner.reported()
    summary = write_page(plan, results, chosen, runner.failed, options.runs, options.out)
    print(f"{len(results)} runs are in {options.out / 'README.md'}, {len(summary['missing'])} are missing")
    if runner.failed:
        name, log = next(iter(runner.failed.items()))
        raise UserError(f"{len(runner.failed)} runs failed, the first is {name}: {log.strip().splitlines()[-1]}")


def main() -> None:
    # A polite end reaches the run that is under way, which saves itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse()
    exit_cleanly(lambda: run(options))


if __name__ == "__main__":
    main()
