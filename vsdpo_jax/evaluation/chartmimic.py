"""ChartMimic: charts to code, scored by what the code draws (arXiv 2406.09961; github.com/ChartMimic/ChartMimic).

Low is the mean F1 of text, layout, type and color (`reward/chartmimic.py`); High is a judge's score; Overall is the
mean of both. A program counts as executed if it runs to its end and saves its figure. The traces are those of the
published "interpreter" version of it, which goes on after an error with what has been drawn.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation import chartmimic_data
from vsdpo_jax.evaluation.defects import found_defects
from vsdpo_jax.evaluation.judge import Judge, open_judge
from vsdpo_jax.evaluation.types import Column, Example, ExampleScore, Prediction, Workshop
from vsdpo_jax.reward import chartmimic
from vsdpo_jax.types import ChartTraces, Scene

_BLOCK = re.compile(r"```python(.*?)```", re.DOTALL)
# The published expressions: with DOTALL they drop everything from the first call on.
_SAVE = re.compile(r"plt\.savefig\(.*\n*", re.DOTALL)
_SHOW = re.compile(r"plt.show\(.*\n*", re.DOTALL)
_EMPTY = "import matplotlib.pyplot as plt"
# Names that answers to Customized tasks may use without importing them.
_CUSTOMIZED_IMPORTS = (
    "import colorsys, math",
    "import matplotlib.colors as mcolors, matplotlib.gridspec as gridspec, matplotlib.pyplot as plt",
    "import networkx as nx, numpy as np, pandas as pd, seaborn as sns",
    "from matplotlib import cm",
    "from matplotlib.colors import LogNorm",
    "from matplotlib.gridspec import GridSpec",
    "from matplotlib_venn import venn2",
    "from scipy.stats import gaussian_kde, multivariate_normal, norm",
    "np.random.seed(0)",
)
# What the judge is shown is finer than what a screen needs.
_JUDGE_LINE = "import matplotlib; matplotlib.rcParams['savefig.dpi'] = 350\n"


class ChartMimic:
    """The benchmark.

    Args:
      task: `direct` or `customized`.
      split: `600` (the paper's test-mini), `1800`, `500` (first version) or `auto`, the first of them that is there.
      filter: `code_pass`: an example that did not execute scores 0, as published; `no_filter`: what it drew counts.
      exec: `checker`: executed means that the program runs to its end; `interpreter`: that it leaves a figure behind,
        even after an error, and a response without a program leaves an empty one.
      judge_url, judge_model: OpenAI-compatible endpoint for High, and the model to ask for.
      judge_model_dir: folder of a Qwen3-VL as judge instead.
      judge_price: US dollars per million input and output tokens, as `2.5,10`, to show what judging cost.
    """

    name = "chartmimic"
    columns = (
        Column("exec", "Exec"),
        Column("low", "Low"),
        Column("high", "High"),
        Column("overall", "Overall"),
        Column("text", "Text"),
        Column("layout", "Layout"),
        Column("type", "Type"),
        Column("color", "Color"),
    )

    def __init__(
        self,
        task: str = "direct",
        split: str = "auto",
        filter: str = "code_pass",
        exec: str = "checker",
        judge_url: str = "",
        judge_model: str = "",
        judge_model_dir: str = "",
        judge_price: str = "",
    ):
        self._task = _choice("task", task, ("direct", "customized"))
        self._split = _choice("split", split, ("auto", *chartmimic_data.SPLITS))
        self._filter = _choice("filter", filter, ("code_pass", "no_filter"))
        self._exec = _choice("exec", exec, ("checker", "interpreter"))
        self._judge: Judge | None = open_judge(judge_url, judge_model, judge_model_dir, judge_price)

    def load(self, folder: epath.Path) -> tuple[Example, ...]:
        return chartmimic_data.load(folder, self._task, self._split)

    def script(self, example: Example, prediction: Prediction) -> str | None:
        """The program with the published truncation; an error in it does not stop the figure from being saved."""
        code = _code(prediction)
        if not code and self._exec == "interpreter" and prediction.text is not None:
            code = _EMPTY
        if not code:
            return None
        code = code.replace("\n", "\n    ")
        if self._task == "customized":
            code = _data_lines(example) + "\n    " + code
        code = _SHOW.sub("", _SAVE.sub("", code))
        return f'try:\n    {code.strip()}\nfinally:\n    pass\nplt.savefig("chart.pdf")'

    def score(self, example: Example, prediction: Prediction, workshop: Workshop) -> ExampleScore:
        script = self.script(example, prediction)
        future = None if script is None else workshop.farm.submit(script, "chart", traces=True)
        reference = workshop.once("chartmimic", example.reference, lambda: _render(example.reference, workshop))
        scene = None if future is None else future.result()
        found = None if scene is None else _drawn(scene)
        wanted = reference.traces if reference.error is None else None
        scores = chartmimic.scores(found, wanted, graph=example.id.startswith("graph"))
        executed = found is not None and (self._exec == "interpreter" or _ran(scene))
        detail = {name: dataclasses.asdict(score) for name, score in scores.items()}
        detail["traces"] = {"prediction": _json(found), "reference": _json(wanted)}
        columns: dict[str, float | None] = {name: score.f1 for name, score in scores.items()}
        columns["high"] = None
        if self._judge is not None:
            columns["high"], detail["judge"] = self._high(example, script, executed, workshop)
        return ExampleScore(
            id=prediction.id,
            reference_id=example.id,
            executed=executed,
            columns=columns,
            detail=detail,
            images={
                title: side.image
                for title, side in (("reference", reference), ("prediction", scene))
                if side is not None and side.image is not None
            },
            defects=() if scene is None else found_defects(scene, reference, self._first_line(example)),
            error=_error(scene, reference, prediction),
        )

    def _first_line(self, example: Example) -> int:
        """The line of the script in which the answer's program begins."""
        return 2 + (_data_lines(example).count("\n") + 1 if self._task == "customized" else 0)

    def _high(
        self, example: Example, script: str | None, executed: bool, workshop: Workshop
    ) -> tuple[float, dict[str, Any]]:
        """The judge's score in 0–1; 0 without a question for what did not execute or is blank."""
        if not executed or script is None:
            return 0.0, {"asked": False}
        sides = [
            workshop.farm.submit(_JUDGE_LINE + example.reference, "chart"),
            workshop.farm.submit(_JUDGE_LINE + script, "chart"),
        ]
        images = [side.result().image for side in sides]
        if any(image is None for image in images) or images[1].min() > 254:
            return 0.0, {"asked": False}
        verdict = self._judge.compare(images[0], images[1])
        return verdict.score, {"asked": True, **dataclasses.asdict(verdict)}

    def row(self, score: ExampleScore) -> Mapping[str, float | None]:
        counts = score.executed or self._filter == "no_filter"
        row: dict[str, float | None] = {"exec": float(score.executed)}
        for name in chartmimic.PARTS:
            row[name] = score.columns[name] if counts else 0.0
        row["high"] = score.columns["high"]
        return row

    def total(self, means: Mapping[str, float | None]) -> dict[str, float | None]:
        low = sum(means[name] for name in chartmimic.PARTS) / len(chartmimic.PARTS)
        high = means["high"]
        overall = None if high is None else (low + high) / 2
        return {**means, "low": low, "overall": overall}

    def notes(self, scores: Sequence[ExampleScore]) -> list[str]:
        """What a reader of the table has to know."""
        if self._judge is None:
            return ["High and Overall need a judge: give --judge_url and --judge_model, or --judge_model_dir"]
        return self._judge.notes([score.detail["judge"] for score in scores if score.detail["judge"]["asked"]])


def _render(source: str, workshop: Workshop) -> Scene:
    return workshop.farm.submit(source, "chart", traces=True).result()


def _code(prediction: Prediction) -> str | None:
    if prediction.text is None or prediction.is_code:
        return prediction.text
    blocks = _BLOCK.findall(prediction.text)
    return blocks[0] if blocks else None


def _data_lines(example: Example) -> str:
    return "\n    ".join([*_CUSTOMIZED_IMPORTS, *chartmimic_data.data_part(example.reference).split("\n")])


def _ran(scene: Scene) -> bool:
    return scene.error is None and scene.traces is not None and scene.traces.complete


def _drawn(scene: Scene) -> ChartTraces | None:
    """What the script has left behind; nothing if it left by `exit` or its last line, which saves, failed."""
    if scene.traces is None or (scene.error is None and not scene.traces.complete):
        return None
    if scene.error is not None and scene.error.statement is not None:
        last = scene.source.count("\n") + 1
        return None if scene.error.statement.line_start == last else scene.traces
    return scene.traces


def _json(traces: ChartTraces | None) -> dict[str, Any] | None:
    return None if traces is None else dataclasses.asdict(traces)


def _error(scene: Scene | None, reference: Scene, prediction: Prediction) -> str:
    if reference.error is not None:
        return f"the reference does not run: {reference.error.message}"
    if scene is None:
        return "no prediction" if prediction.text is None else "the response holds no ```python block"
    if scene.error is not None:
        return scene.error.message
    return "" if _ran(scene) else "the program left before its end"


def _choice(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise UserError(f"chartmimic: {name}={value} is unknown: choose from {', '.join(known)}")
    return value
