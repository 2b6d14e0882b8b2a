"""Scores a model, or the predictions of any model, on a benchmark of the paper.

    python -m vsdpo_jax.evaluate --benchmark=chartmimic --data=DIR --predictions=DIR --out=DIR
    python -m vsdpo_jax.evaluate --benchmark=design2code --data=DIR --config=configs/web.py --model=HF_DIR --out=DIR

Prints the paper's columns and writes `scores.json` and `gallery.html` to `--out`. Run the same command again to go on
after an interruption. With several hosts, give each the same `--out` and its `--host_index` of `--host_count`; the last
to finish writes the totals.
"""

from __future__ import annotations

from absl import flags
from etils import epath
from ml_collections import ConfigDict

from vsdpo_jax import flags as config_flags
from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation import run
from vsdpo_jax.evaluation.predictions import read_predictions
from vsdpo_jax.evaluation.registry import BENCHMARKS, open_benchmark
from vsdpo_jax.evaluation.store import Store
from vsdpo_jax.evaluation.types import Workshop
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits


def define_flags() -> None:
    """Defined when run, not when imported: other commands have flags of the same names."""
    flags.DEFINE_string("benchmark", None, f"What to score: {', '.join(BENCHMARKS)}.", required=True)
    flags.DEFINE_string("data", None, "Folder with the benchmark's published files, local or gs://.", required=True)
    flags.DEFINE_string("out", None, "Folder for scores.json, gallery.html and unfinished work.", required=True)
    flags.DEFINE_string("predictions", None, "Folder of ID.py, ID.html or ID.md, with pairs.json where names differ.")
    flags.DEFINE_boolean("detail", False, "Write precision, recall, traces and the like to scores.json as well.")
    flags.DEFINE_multi_string("option", [], "NAME=VALUE for the benchmark, for instance filter=no_filter.")
    flags.DEFINE_integer("workers", 0, "Warm render processes; 0: one per core.", lower_bound=0)
    flags.DEFINE_integer("limit", 0, "Score only the first examples; 0: all.", lower_bound=0)
    flags.DEFINE_integer("host_index", 0, "Number of this host, from 0.", lower_bound=0)
    flags.DEFINE_integer("host_count", 1, "Hosts that share the work.", lower_bound=1)


def main(config: ConfigDict | None) -> None:
    given = flags.FLAGS
    options = dict(_option(text) for text in given.option)
    benchmark = open_benchmark(given.benchmark, options)
    examples = benchmark.load(epath.Path(given.data))
    if given.predictions is None:
        raise UserError("--predictions is missing: give the folder with what a model answered")
    predictions = read_predictions(epath.Path(given.predictions), examples)[: given.limit or None]
    out = epath.Path(given.out)
    store = Store(out, repr((given.benchmark, sorted(options.items()))))
    share = run.Share(given.host_index, given.host_count)
    limits = RenderLimits() if config is None else RenderLimits(wall_seconds=config.render.seconds)
    with RenderFarm(given.workers, limits) as farm:
        workshop = Workshop(farm)
        run.score_all(benchmark, examples, share.of(predictions), workshop, store, threads=farm.workers + 2)
    outcome = run.gather(benchmark, examples, predictions, store)
    if isinstance(outcome, int):
        print(f"this host's share is done; {outcome} of {len(predictions)} examples are left to the other hosts")
        return
    facts = {"benchmark": given.benchmark, "options": options}
    run.write_json(out / "scores.json", run.scores_json(outcome, given.detail, facts))
    print(run.table(benchmark, outcome))
    print(f"\n{out / 'scores.json'}")


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--option={text} must be NAME=VALUE")
    return name, value


if __name__ == "__main__":
    define_flags()
    config_flags.run(main, required=False)
