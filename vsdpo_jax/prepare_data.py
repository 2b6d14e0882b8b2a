"""Brings published files into the form that training and evaluation read.

    python -m vsdpo_jax.prepare_data --dataset=websight --source=DIR --out=gs://BUCKET/sets --limit=50000
    python -m vsdpo_jax.prepare_data --dataset=generic --source=DIR --out=DIR --option=kind=web --option=code=html

Run the same command again to go on after an interruption. Training sets are then read with `--config.data.name=prepared
--config.data.path=OUT/NAME`. Several hosts share the work with `--host_index` of `--host_count`.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping

from etils import epath

from vsdpo_jax.data.prepared.sets import SETS
from vsdpo_jax.errors import UserError, exit_cleanly


@dataclasses.dataclass(frozen=True)
class Request:
    """What a preparation is asked to do.

    Attributes:
      name: of the data set.
      source: folder of the published files, local or `gs://`.
      out: folder for the result, local or `gs://`.
      options: NAME -> VALUE for the data set.
      workers: render processes, 0 for one per core.
      limit: only the first rows, 0 for all.
      heldout: share of the tasks that are kept for evaluation.
      max_chars: of a program.
      execute: run the programs and drop those that fail.
      host, hosts: this host and how many there are.
    """

    name: str
    source: epath.Path
    out: epath.Path
    options: Mapping[str, str]
    workers: int = 0
    limit: int = 0
    heldout: float = 0.01
    max_chars: int = 8000
    execute: bool = True
    host: int = 0
    hosts: int = 1


def prepare_training_set(request: Request) -> None:
    """Makes a TFDS folder of a training set and prints its counts."""
    from vsdpo_jax.data.prepared.builder import PreparedSet
    from vsdpo_jax.data.prepared.checks import Limits
    from vsdpo_jax.data.prepared.sets import configure
    from vsdpo_jax.render.farm import RenderFarm

    settings = configure(request.name, request.options)
    limits = Limits(max_chars=request.max_chars, execute=request.execute, heldout=request.heldout)
    made = PreparedSet(settings, request.out, request.source, limits, count=request.limit)
    if request.execute:
        with RenderFarm(request.workers) as farm:
            counts = made.prepare(farm, request.host, request.hosts)
    else:
        counts = made.prepare(None, request.host, request.hosts)
    if isinstance(counts, int):
        print(f"this host's share is done; {counts} parts are left to the other hosts")
        return
    kept = counts["train"] + counts["heldout"]
    print(f"{kept} of {counts['rows']} rows kept: {counts['train']} train, {counts['heldout']} heldout")
    for reason, count in counts["dropped"].items():
        print(f"  dropped {count:>8}  {reason}")
    print(f"{made.folder}\n  train with --config.data.name=prepared --config.data.path={made.folder}")


def prepare_benchmark(request: Request) -> None:
    """Unpacks a benchmark's published files for `evaluate`."""
    from vsdpo_jax.evaluation.prepare import prepare_benchmark

    prepare_benchmark(BENCHMARK_NAMES[request.name], request.source, request.out, request.options)


# The slides to train on and those to score are published apart.
BENCHMARK_NAMES = {"chartmimic": "chartmimic", "design2code": "design2code", "aeslides_benchmark": "aeslides"}
# What `--dataset` can name. A new one is one line: its name and a function that does what the request says.
DATASETS: dict[str, Callable[[Request], None]] = {
    **dict.fromkeys(SETS, prepare_training_set),
    **dict.fromkeys(BENCHMARK_NAMES, prepare_benchmark),
}


def parse(arguments: list[str] | None = None) -> Request:
    """The request of a command line; raises UserError for values that make no sense."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", required=True, metavar="NAME", help=", ".join(DATASETS))
    parser.add_argument("--source", required=True, help="folder with the published files, local or gs://")
    parser.add_argument("--out", required=True, help="folder for the result, local or gs://")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="setting of the data set")
    parser.add_argument("--workers", type=int, default=Request.workers, help="render processes; 0: one per core")
    parser.add_argument("--limit", type=int, default=Request.limit, help="only the first rows; 0: all")
    parser.add_argument("--heldout", type=float, default=Request.heldout, help="share of tasks for evaluation")
    parser.add_argument("--max_chars", type=int, default=Request.max_chars, help="longest program")
    parser.add_argument("--noexecute", action="store_true", help="do not run programs to see whether they draw")
    parser.add_argument("--host_index", type=int, default=Request.host, help="number of this host, from 0")
    parser.add_argument("--host_count", type=int, default=Request.hosts, help="hosts that share the work")
    given = parser.parse_args(arguments)
    if given.dataset not in DATASETS:
        raise UserError(f"--dataset={given.dataset} is unknown: choose from {', '.join(DATASETS)}")
    if not 0 <= given.host_index < given.host_count:
        raise UserError(f"--host_index={given.host_index} must be from 0 to {given.host_count - 1}")
    if not 0 <= given.heldout < 1:
        raise UserError(f"--heldout={given.heldout} must be a share from 0 to below 1")
    return Request(
        name=given.dataset,
        source=epath.Path(given.source).expanduser(),
        out=epath.Path(given.out).expanduser(),
        options=dict(_option(text) for text in given.option),
        workers=given.workers,
        limit=given.limit,
        heldout=given.heldout,
        max_chars=given.max_chars,
        execute=not given.noexecute,
        host=given.host_index,
        hosts=given.host_count,
    )


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--option={text} must be NAME=VALUE")
    return name, value


def main() -> None:
    request = parse()
    DATASETS[request.name](request)


if __name__ == "__main__":
    exit_cleanly(main)
