"""Scores a model, or the predictions of any model, on a benchmark of the paper.

    python -m vsdpo_jax.evaluate --benchmark=chartmimic --data=DIR --predictions=DIR --out=DIR
    python -m vsdpo_jax.evaluate --benchmark=design2code --data=DIR --config=configs/web.py --model=HF_DIR --out=DIR

Prints the paper's columns and writes `scores.json` and `gallery.html` to `--out`. Run the same command again to go on
after an interruption. With several hosts, give each the same `--out` and its `--host_index` of `--host_count`; the last
to finish writes the totals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from absl import flags
from etils import epath
from ml_collections import ConfigDict

from vsdpo_jax import flags as config_flags
from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation import run
from vsdpo_jax.evaluation.gallery import write_gallery
from vsdpo_jax.evaluation.predictions import read_predictions
from vsdpo_jax.evaluation.registry import BENCHMARKS, open_benchmark
from vsdpo_jax.evaluation.store import Store
from vsdpo_jax.evaluation.types import Benchmark, Example, Prediction, Workshop
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits

# Flags that are options of the benchmarks which know them.
_OPTIONS = ("judge_url", "judge_model", "judge_model_dir", "judge_price", "clip")


def define_flags() -> None:
    """Defined when run, not when imported: other commands have flags of the same names."""
    flags.DEFINE_string("benchmark", None, f"What to score: {', '.join(BENCHMARKS)}.", required=True)
    flags.DEFINE_string("data", None, "Folder with the benchmark's published files, local or gs://.", required=True)
    flags.DEFINE_string("out", None, "Folder for scores.json, gallery.html and unfinished work.", required=True)
    flags.DEFINE_string("predictions", None, "Folder of ID.py, ID.html or ID.md, with pairs.json where names differ.")
    flags.DEFINE_string("model", None, "Hugging Face folder, or assets:NAME, to be asked; needs --config.")
    flags.DEFINE_string("checkpoint", None, "Workdir of a run, or one of its checkpoints, to be asked; needs --config.")
    flags.DEFINE_float("temperature", 0.0, "Of the answers; 0 takes the most likely token.", lower_bound=0.0)
    flags.DEFINE_integer("seed", 0, "Of the answers.")
    flags.DEFINE_boolean("detail", False, "Write precision, recall, traces and the like to scores.json as well.")
    flags.DEFINE_multi_string("option", [], "NAME=VALUE for the benchmark, for instance filter=no_filter.")
    flags.DEFINE_string("judge_url", "", "OpenAI-compatible endpoint that grades charts; key in OPENAI_API_KEY.")
    flags.DEFINE_string("judge_model", "", "Name of the model there.")
    flags.DEFINE_string("judge_model_dir", "", "Folder of a Qwen3-VL that grades charts instead.")
    flags.DEFINE_string("judge_price", "", "Dollars per million input,output tokens, to show what grading cost.")
    flags.DEFINE_string("clip", "", "Hugging Face folder of CLIP ViT-B/32, for the CLIP column of web pages.")
    flags.DEFINE_integer("workers", 0, "Warm render processes; 0: one per core.", lower_bound=0)
    flags.DEFINE_integer("limit", 0, "Score only the first examples; 0: all.", lower_bound=0)
    flags.DEFINE_integer("host_index", 0, "Number of this host, from 0.", lower_bound=0)
    flags.DEFINE_integer("host_count", 1, "Hosts that share the work.", lower_bound=1)


def main(config: ConfigDict | None) -> None:
    given = flags.FLAGS
    options = dict(_option(text) for text in given.option)
    options |= {name: given[name].value for name in _OPTIONS if given[name].value}
    benchmark = open_benchmark(given.benchmark, options)
    examples = benchmark.load(epath.Path(given.data))
    out = epath.Path(given.out)
    store = Store(out, repr((given.benchmark, sorted(options.items()))))
    share = run.Share(given.host_index, given.host_count)
    if share.index >= share.count:
        raise UserError(f"--host_index={share.index} must be less than --host_count={share.count}")
    # As published: a busy machine must not turn a good page into a failure.
    limits = RenderLimits(wall_seconds=60) if config is None else RenderLimits(wall_seconds=config.render.seconds)
    with RenderFarm(given.workers, limits) as farm:
        workshop = Workshop(farm)
        if given.predictions is not None:
            predictions = read_predictions(epath.Path(given.predictions), examples)[: given.limit or None]
            asked: Iterable[Prediction] = share.of(predictions)
            count = len(share.of(predictions))
        else:
            examples = examples[: given.limit or None]
            answers = _answers(config, out)
            asked, count = answers.predictions(share.of(examples), workshop), len(share.of(examples))
        run.score_all(benchmark, examples, asked, workshop, store, threads=farm.workers + 2, count=count)
    if given.predictions is None:
        predictions = answers.all(examples)
    _finish(benchmark, examples, predictions, store, out, options)


def _answers(config: ConfigDict | None, out: epath.Path):
    given = flags.FLAGS
    if config is None:
        raise UserError("give --predictions=DIR, or --config=FILE with --model=HF_DIR or --checkpoint=WORKDIR")
    # Only a model needs JAX.
    from vsdpo_jax.evaluation.generate import Answers, model_of

    with config.unlocked():
        config.model = model_of(given.model, given.checkpoint, out)
    return Answers(config, out, temperature=given.temperature, seed=given.seed)


def _finish(
    benchmark: Benchmark,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    store: Store,
    out: epath.Path,
    options: dict[str, str],
) -> None:
    """Writes and prints the totals, if the results of all hosts are there."""
    outcome = run.gather(benchmark, examples, predictions, store)
    if isinstance(outcome, int):
        print(f"this host's share is done; {outcome} of {len(predictions)} examples are left to the other hosts")
        return
    notes = benchmark.notes(outcome.scores)
    facts = {"benchmark": benchmark.name, "options": options, "notes": notes}
    run.write_json(out / "scores.json", run.scores_json(outcome, flags.FLAGS.detail, facts))
    shown = [f"{name}: {value}" for name, value in sorted(options.items())]
    page = write_gallery(out / "gallery.html", benchmark, outcome, store, [*notes, *shown])
    print(run.table(benchmark, outcome))
    for line in notes:
        print(line)
    print(f"\n  {out / 'scores.json'}\n  {page}   <- open this in a browser")


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--option={text} must be NAME=VALUE")
    return name, value


if __name__ == "__main__":
    define_flags()
    config_flags.run(main, required=False)
