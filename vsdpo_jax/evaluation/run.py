"""Scores predictions: what is not finished yet, in parallel, each result kept as soon as it is there."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from etils import epath
from tqdm import tqdm

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.bootstrap import intervals, means
from vsdpo_jax.evaluation.store import Store
from vsdpo_jax.evaluation.types import Benchmark, Example, ExampleScore, Prediction, Workshop
from vsdpo_jax.storage import write_whole


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of the work that this host does: predictions number `index`, `index + count`, …"""

    index: int = 0
    count: int = 1

    def of(self, items: Sequence[Any]) -> list[Any]:
        return list(items[self.index :: self.count])


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A finished evaluation.

    Attributes:
      scores: in the order of the predictions.
      keys: of their files in the store.
      total: the benchmark's table, in 0–1.
      interval: 95% interval of each figure in `total`, None where it has none.
    """

    scores: tuple[ExampleScore, ...]
    keys: tuple[str, ...]
    total: Mapping[str, float | None]
    interval: Mapping[str, tuple[float, float] | None]


def score_all(
    benchmark: Benchmark,
    examples: Sequence[Example],
    predictions: Iterable[Prediction],
    workshop: Workshop,
    store: Store,
    *,
    threads: int,
    count: int | None = None,
) -> None:
    """Scores every prediction that has no result in the store.

    Args:
      predictions: may be made while this runs; a prediction is scored while the next ones are sampled.
      threads: predictions that are scored at once: a little more than the farm has workers.
      count: how many predictions there will be, for the progress bar.
    """
    by_id = {example.id: example for example in examples}
    finished = store.finished()
    if count is None and isinstance(predictions, Sequence):
        count = len(predictions)
    with ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        with tqdm(total=count, unit="example", desc=benchmark.name, dynamic_ncols=True) as bar:
            running: collections.deque[Future] = collections.deque()
            try:
                for prediction in predictions:
                    # What failed is said now, not after the last answer was sampled.
                    while running and running[0].done():
                        running.popleft().result()
                    example = by_id[prediction.reference_id]
                    key = store.key(example, prediction)
                    if key in finished:
                        bar.update()
                        continue
                    running.append(pool.submit(_score, benchmark, example, prediction, workshop, store, key, bar))
                for future in running:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _score(benchmark, example, prediction, workshop, store, key, bar) -> None:
    store.write(key, benchmark.score(example, prediction, workshop))
    bar.update()


def gather(
    benchmark: Benchmark, examples: Sequence[Example], predictions: Sequence[Prediction], store: Store
) -> Outcome | int:
    """The outcome from the results of all hosts, or how many are still missing."""
    by_id = {example.id: example for example in examples}
    keys = [store.key(by_id[prediction.reference_id], prediction) for prediction in predictions]
    missing = set(keys) - store.finished()
    if missing:
        return len(missing)
    scores = [store.read(key) for key in keys]
    if not scores:
        raise UserError("there is nothing to score: --data holds no example")
    rows = [benchmark.row(score) for score in scores]
    clusters = [score.reference_id for score in scores]
    return Outcome(
        scores=tuple(scores),
        keys=tuple(keys),
        total=benchmark.total(means(rows)),
        interval=intervals(rows, clusters, benchmark.total),
    )


def scores_json(outcome: Outcome, detail: bool, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What `scores.json` holds: `total` with the table and `interval`, and `examples` by the prediction's id."""
    examples = {}
    for score in outcome.scores:
        row: dict[str, Any] = {"exec": score.executed, **score.columns}
        if score.reference_id != score.id:
            row["reference"] = score.reference_id
        if score.error:
            row["error"] = score.error
        if detail:
            row["detail"] = score.detail
        examples[score.id] = row
    return {
        "total": {**outcome.total, "count": len(examples)},
        "interval": outcome.interval,
        **facts,
        "examples": examples,
    }


def table(benchmark: Benchmark, outcome: Outcome) -> str:
    """The paper's columns times 100 with the half width of their intervals, `–` for what was not measured."""
    titles, values, spreads = [], [], []
    for column in benchmark.columns:
        value, interval = outcome.total.get(column.key), outcome.interval.get(column.key)
        titles.append(column.title)
        values.append("–" if value is None else f"{100 * value:.1f}")
        spreads.append("" if interval is None else f"±{50 * (interval[1] - interval[0]):.1f}")
    widths = [max(map(len, cells)) for cells in zip(titles, values, spreads, strict=True)]
    lines = [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in (titles, values, spreads)
    ]
    return "\n".join(line.rstrip() for line in lines)


def write_json(path: epath.Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file whole or not at all."""
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False))
