"""AeSlides: slides from instructions, scored by four rules without a reference (arXiv 2604.22840).

The rules are those of `reward/aeslides.py`, whose docstring says what of them is published and what is ours. Avg is
their mean; a slide that does not render scores 0 on all four. Answers are HTML, rendered as published, or programs for
python-pptx, scored on the shapes and pixels of every slide that they make, the mean of which counts.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation import aeslides_data
from vsdpo_jax.evaluation.defects import found_defects
from vsdpo_jax.evaluation.design2code import page_of
from vsdpo_jax.evaluation.types import Column, Example, ExampleScore, Prediction, Workshop
from vsdpo_jax.reward import aeslides, slide_tree, whitespace
from vsdpo_jax.rollout.response import find_code
from vsdpo_jax.types import Scene

_FORMATS = ("auto", "html", "pptx")
_REMOTE = re.compile(r"""(?:src|href)\s*=\s*["']?(https?:[^"'\s>]+)""")


class AeSlides:
    """The benchmark.

    Args:
      format: of the answers: `html`, `pptx`, or `auto`, by what is in them.
      instruction, identity: columns of the table of instructions.
      resources: folder with copies of remote files, `HOST/PATH` each, that slides may load (Tailwind, fonts, icons).
    """

    name = "aeslides"
    columns = (
        Column("aspect", "Aspect"),
        Column("whitespace", "Whitespace"),
        Column("imbalance", "Imbalance"),
        Column("collision", "Collision"),
        Column("average", "Avg"),
    )

    def __init__(
        self, format: str = "auto", instruction: str = "instruction", identity: str = "id", resources: str = ""
    ):
        if format not in _FORMATS:
            raise UserError(f"aeslides: format={format} is unknown: choose from {', '.join(_FORMATS)}")
        self._format, self._instruction, self._identity = format, instruction, identity
        self._resources = _read_resources(epath.Path(resources)) if resources else {}

    def load(self, folder: epath.Path) -> tuple[Example, ...]:
        deck = self._format == "pptx"
        request = aeslides_data.DECK_REQUEST if deck else aeslides_data.HTML_REQUEST
        return aeslides_data.load(folder, self._instruction, self._identity, request, "pptx" if deck else "slide")

    def script(self, example: Example, prediction: Prediction) -> str | None:
        """The document or program in the answer."""
        del example
        if prediction.text is None or not prediction.text.strip():
            return None
        if prediction.is_code:
            return prediction.text
        program = find_code(prediction.text)[0]
        return program if self._is_program(program) else page_of(prediction.text)

    def _is_program(self, code: str) -> bool:
        if self._format != "auto":
            return self._format == "pptx"
        return bool(re.search(r"^\s*(from|import)\s+pptx\b", code, re.MULTILINE))

    def score(self, example: Example, prediction: Prediction, workshop: Workshop) -> ExampleScore:
        code = self.script(example, prediction)
        scene = plain = None
        slides: list[aeslides.SlideScores] = []
        if code is not None and self._is_program(code):
            scene = plain = workshop.farm.submit(code, "pptx").result()
            slides = deck_scores(scene)
        elif code is not None:
            assets = self._resources if _REMOTE.search(code) else None
            futures = [workshop.farm.submit(code, kind, assets=assets) for kind in ("slide_tree", "slide")]
            scene, plain = (future.result() for future in futures)
            slides = [] if scene.error is not None else [html_scores(scene)]
        columns: dict[str, float | None] = dict.fromkeys(aeslides.NAMES, 0.0)
        if slides:
            columns = {name: float(np.mean([slide.values[name] for slide in slides])) for name in aeslides.NAMES}
        return ExampleScore(
            id=prediction.id,
            reference_id=example.id,
            executed=bool(slides),
            columns=columns,
            detail={"slides": [dataclasses.asdict(slide) for slide in slides], **self._absent(code)},
            images=_pictures(example, scene, workshop, self._resources),
            defects=() if plain is None else found_defects(plain, None),
            error=_error(scene, prediction),
        )

    def _absent(self, code: str | None) -> dict[str, Any]:
        asked = set(_REMOTE.findall(code or ""))
        return {"missing_files": sorted(address for address in asked if address not in self._resources)}

    def row(self, score: ExampleScore) -> Mapping[str, float | None]:
        return {"exec": float(score.executed), **score.columns}

    def total(self, means: Mapping[str, float | None]) -> dict[str, float | None]:
        return {**means, "average": sum(means[name] for name in aeslides.NAMES) / len(aeslides.NAMES)}

    def notes(self, scores: Sequence[ExampleScore]) -> list[str]:
        """What a reader of the table has to know."""
        missing = {name for score in scores for name in score.detail["missing_files"]}
        if not missing:
            return []
        first = sorted(missing)[0]
        return [f"{len(missing)} remote files were not loaded ({first}, …): copy them and give --option=resources=DIR"]


def html_scores(scene: Scene) -> aeslides.SlideScores:
    """The scores of a scene of the kind `slide_tree`. Raises ValueError if it is malformed."""
    height = scene.report.get("full_height")
    if not isinstance(height, int) or height < 1:
        raise ValueError("the report of the slide has no height")
    _, inner = whitespace.content_ratios(scene.image)
    return aeslides.score(slide_tree.from_report(scene.report), height, inner)


def deck_scores(scene: Scene) -> list[aeslides.SlideScores]:
    """The scores of every slide of a python-pptx scene; none if it failed."""
    scores, top = [], 0
    for tree in slide_tree.from_scene(scene):
        bottom = top + round(tree.height)
        _, inner = whitespace.content_ratios(scene.image[top:bottom])
        scores.append(aeslides.score(tree, tree.height, inner))
        top = bottom
    return scores


def _pictures(example: Example, scene: Scene | None, workshop: Workshop, resources) -> dict[str, np.ndarray]:
    pictures = {}
    if example.reference:
        reference = workshop.once(
            "aeslides",
            example.reference,
            lambda: workshop.farm.submit(example.reference, "slide_tree", assets=resources).result(),
        )
        if reference.image is not None:
            pictures["reference"] = reference.image
    if scene is not None and scene.image is not None:
        pictures["prediction"] = scene.image
    return pictures


def _error(scene: Scene | None, prediction: Prediction) -> str:
    if scene is None:
        return "no prediction" if prediction.text is None else "the answer is empty"
    return "" if scene.error is None else scene.error.message


def _read_resources(folder: epath.Path) -> dict[str, bytes]:
    """Address -> content of the copies of remote files."""
    if not folder.is_dir():
        raise UserError(f"aeslides: resources={folder} is not a folder")
    found: dict[str, bytes] = {}
    waiting = [(path, f"https://{path.name}/") for path in folder.iterdir() if path.is_dir()]
    while waiting:
        place, address = waiting.pop()
        for path in place.iterdir():
            if path.is_dir():
                waiting.append((path, f"{address}{path.name}/"))
                continue
            found[address + path.name] = path.read_bytes()
            if path.name == "index.html":
                found[address] = found[address.rstrip("/")] = found[address + path.name]
    return found
