"""Design2Code: screenshots to web pages (arXiv 2403.03163; github.com/NoviScl/Design2Code).

Block-match, text, position and color are those of `reward/design2code.py` on blocks that the browser's pixels give;
CLIP is the similarity of the pages without their texts and needs weights (`--option=clip=HF_DIR`). Overall is the mean
of the five, or of the four where CLIP was not measured. A missing answer counts as a blank page, as one that does not
render does: 0 on the four, and on CLIP what a white picture gets. The means are over all examples.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath
from PIL import Image, ImageDraw

from vsdpo_jax.evaluation import design2code_data
from vsdpo_jax.evaluation.defects import found_defects
from vsdpo_jax.evaluation.page_similarity import PageSimilarity, open_similarity
from vsdpo_jax.evaluation.types import Column, Example, ExampleScore, Prediction, Workshop
from vsdpo_jax.reward import design2code
from vsdpo_jax.reward.text_blocks import TextBlock
from vsdpo_jax.types import Scene

# What the reference procedure has for a page that does not render.
_BLANK = (960, 1280, 3)
_MATCHED, _UNMATCHED = (20, 140, 60), (210, 40, 40)


class Design2Code:
    """The benchmark.

    Args:
      clip: Hugging Face folder of CLIP ViT-B/32 (`openai/clip-vit-base-patch32`); empty: CLIP is not measured.
    """

    name = "design2code"
    columns = (
        Column("clip", "CLIP"),
        Column("block_match", "Block"),
        Column("text", "Text"),
        Column("position", "Position"),
        Column("color", "Color"),
        Column("overall", "Overall"),
    )

    def __init__(self, clip: str = ""):
        self._similarity: PageSimilarity | None = open_similarity(clip) if clip else None

    def load(self, folder: epath.Path) -> tuple[Example, ...]:
        return design2code_data.load(folder)

    def script(self, example: Example, prediction: Prediction) -> str | None:
        """The page in the answer, cleaned as published: no fence, nothing before the doctype or after `</html>`."""
        del example
        if prediction.text is None or not prediction.text.strip():
            return None
        return prediction.text if prediction.is_code else page_of(prediction.text)

    def score(self, example: Example, prediction: Prediction, workshop: Workshop) -> ExampleScore:
        page = self.script(example, prediction)
        farm = workshop.farm
        futures = []
        if page is not None:
            assets = _assets(example, page)
            futures = [farm.submit(page, kind, assets=assets) for kind in ("answer_blocks", "web")]
        wanted = workshop.once("design2code", example.id + example.reference, lambda: _Reference(example, workshop))
        found, plain = (future.result() for future in futures) if futures else (None, None)
        blocks = () if found is None else design2code.page_blocks(found)
        scores = design2code.score(blocks, wanted.blocks)
        executed = found is not None and found.error is None
        image = found.image if executed else np.full(_BLANK, 255, np.uint8)
        columns: dict[str, float | None] = dict(scores.values)
        columns["clip"] = self._clip(image, blocks, wanted)
        return ExampleScore(
            id=prediction.id,
            reference_id=example.id,
            executed=executed,
            columns=columns,
            detail=_detail(scores) | {"missing_files": _missing(example, example.reference)},
            images=_pictures(image, wanted, scores),
            defects=() if plain is None else found_defects(plain, wanted.plain),
            error=_error(found, wanted, prediction),
        )

    def _clip(self, image: np.ndarray, blocks: Sequence[TextBlock], wanted: _Reference) -> float | None:
        if self._similarity is None or wanted.scene.image is None:
            return None
        return self._similarity(image, blocks, wanted.scene.image, wanted.blocks)

    def row(self, score: ExampleScore) -> Mapping[str, float | None]:
        return dict(score.columns)

    def total(self, means: Mapping[str, float | None]) -> dict[str, float | None]:
        parts = [means[name] for name in (*design2code.NAMES, "clip") if means[name] is not None]
        return {**means, "overall": sum(parts) / len(parts), "overall_of": len(parts)}

    def notes(self, scores: Sequence[ExampleScore]) -> list[str]:
        """What a reader of the table has to know."""
        notes = [] if self._similarity else ["Overall is the mean of 4 metrics: CLIP needs --option=clip=HF_DIR"]
        missing = sorted({name for score in scores for name in score.detail.get("missing_files", ())})
        if missing:
            notes.append(f"not in --data and so not shown: {', '.join(missing[:5])}")
        return notes


class _Reference:
    """The reference page: rendered and read once."""

    def __init__(self, example: Example, workshop: Workshop):
        assets = _assets(example, example.reference)
        futures = [workshop.farm.submit(example.reference, kind, assets=assets) for kind in ("page_blocks", "web")]
        self.scene, self.plain = (future.result() for future in futures)
        self.blocks = design2code.page_blocks(self.scene)


def page_of(response: str) -> str:
    """The page in a model's response."""
    text = response.strip()
    fenced = re.search(r"```[a-zA-Z]*\s*\n(.*?)(?:```|\Z)", text, re.DOTALL)
    if fenced and "<" in fenced.group(1):
        text = fenced.group(1).strip()
    if text.lower().startswith("html"):
        text = text[4:].lstrip()
    start = re.search(r"<!DOCTYPE", text, re.IGNORECASE)
    text = text[start.start() :] if start else text
    end = text.lower().rfind("</html>")
    return text[: end + len("</html>")] if end >= 0 else text


def _assets(example: Example, page: str) -> dict[str, bytes]:
    """The files beside the reference that a page mentions."""
    return {name: path.read_bytes() for name, path in example.meta["assets"].items() if name in page}


def _missing(example: Example, page: str) -> list[str]:
    """Files that a page shows and the folder lacks."""
    names = re.findall(r"""<img[^>]*?\ssrc\s*=\s*["']?([^"'\s>:]+)["'\s>]""", page)
    return sorted({name for name in names if name not in example.meta["assets"] and not name.startswith("//")})


def _detail(scores: design2code.BlockScores) -> dict[str, Any]:
    matching = scores.matching
    return {
        "blocks": [len(matching.found), len(matching.wanted)],
        "pairs": [
            {"prediction": matching.found[i].text, "reference": matching.wanted[j].text, "similarity": ratio}
            for i, j, ratio in matching.pairs
        ],
    }


def _pictures(image: np.ndarray, wanted: _Reference, scores: design2code.BlockScores) -> dict[str, np.ndarray]:
    pictures = {"prediction": image}
    matching = scores.matching
    pictures["prediction-blocks"] = _drawn(image, matching.found, {i for i, _, _ in matching.pairs})
    if wanted.scene.image is not None:
        pictures["reference"] = wanted.scene.image
        marked = _drawn(wanted.scene.image, matching.wanted, {j for _, j, _ in matching.pairs})
        pictures["reference-blocks"] = marked
    return pictures


def _drawn(image: np.ndarray, blocks: Sequence[TextBlock], matched: set[int]) -> np.ndarray:
    """The page with its blocks outlined: green where they have a partner, red where not."""
    picture = Image.fromarray(image)
    canvas = ImageDraw.Draw(picture)
    width, height = picture.size
    for index, block in enumerate(blocks):
        left, top = block.box[0] * width, block.box[1] * height
        corners = [left - 2, top - 2, left + block.box[2] * width + 2, top + block.box[3] * height + 2]
        canvas.rectangle(corners, outline=_MATCHED if index in matched else _UNMATCHED, width=3)
    return np.asarray(picture)


def _error(found: Scene | None, wanted: _Reference, prediction: Prediction) -> str:
    if wanted.scene.error is not None:
        return f"the reference does not render: {wanted.scene.error.message}"
    if found is None:
        return "no prediction" if prediction.text is None else "the answer is empty"
    return "" if found.error is None else found.error.message
