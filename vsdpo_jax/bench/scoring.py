"""What scoring adds to rendering, when the benchmarks' scores are the reward: measured by processor time in one run.

    python -m vsdpo_jax.bench.scoring

A render is scored against a reference that was rendered before, as in training. For charts the cost of recording the
traces in the worker counts as scoring. No judge and no CLIP; detectors run for every reward and are left out.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from vsdpo_jax.bench.processes import processor_seconds
from vsdpo_jax.bench.programs import CHARTS, PAGES
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.reward import VISUALS
from vsdpo_jax.types import Scene

ROUNDS, ITEMS = 3, 24


@dataclasses.dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time an item.

    Attributes:
      kind: of the scenes.
      render: of a render without anything for scoring.
      record: what recording the traces adds to it; 0 for pages, whose scene is enough.
      score: of the score itself, here.
    """

    kind: str
    render: float
    record: float
    score: float

    @property
    def added(self) -> float:
        """Scoring as a share of rendering."""
        return (self.record + self.score) / self.render


def measure() -> list[Cost]:
    """The cost for charts and for web pages."""
    with RenderFarm(workers=1, cache=0) as farm:
        return [_measure(farm, "chart", CHARTS), _measure(farm, "web", PAGES)]


def _measure(farm: RenderFarm, kind: str, templates: Sequence[str]) -> Cost:
    references = _render(farm, kind, [template.format(value=3) for template in templates], traces=True)
    plain, traced, scoring = [], [], []
    for turn in range(ROUNDS):
        numbers = range(100 * turn, 100 * turn + ITEMS)
        sources = [templates[number % len(templates)].format(value=number) for number in numbers]
        plain.append(_timed(farm, kind, sources, traces=False)[1])
        scenes, spent = _timed(farm, kind, sources, traces=True)
        traced.append(spent)
        began = time.process_time()
        for number, scene in zip(numbers, scenes, strict=True):
            VISUALS["benchmark"][kind](scene, references[number % len(templates)], ())
        scoring.append(1000 * (time.process_time() - began) / ITEMS)
    # What disturbs only ever adds, so the best round is the truest.
    record = max(0.0, min(traced) - min(plain)) if kind == "chart" else 0.0
    return Cost(kind, min(plain), record, min(scoring))


def _timed(farm: RenderFarm, kind: str, sources: Sequence[str], *, traces: bool) -> tuple[list[Scene], float]:
    before = processor_seconds()
    scenes = _render(farm, kind, sources, traces=traces)
    return scenes, 1000 * (processor_seconds() - before) / len(sources)


def _render(farm: RenderFarm, kind: str, sources: Sequence[str], *, traces: bool) -> list[Scene]:
    options = {"traces": traces} if kind == "chart" else {}
    scenes = [future.result() for future in [farm.submit(source, kind, **options) for source in sources]]
    failed = next((scene.error for scene in scenes if scene.error is not None), None)
    if failed is not None:
        raise RuntimeError(f"a program of the measurement failed: {failed.message}")
    return scenes


def run() -> list[str]:
    """Measures everything; returns the lines to print."""
    lines = ["scoring by the benchmarks' rules, processor time per item:"]
    for cost in measure():
        lines.append(
            f"  {cost.kind}: render {cost.render:.1f} ms, traces {cost.record:.1f} ms, score {cost.score:.1f} ms: "
            f"+{cost.added:.0%}"
        )
    return lines


if __name__ == "__main__":
    print("\n".join(run()))
