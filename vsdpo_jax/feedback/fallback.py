"""Who drew a region that introspection traced to no statement? The policy model is asked.

It sees the numbered source and the render with the region boxed, and answers with line numbers. The answer is read
strictly: `lines: 3-5` or `lines: 3, 7-8` and nothing else, lines that exist, no more than a few. Whatever else it says
blames nobody. The model that is asked is passed in as a function, so nothing here touches a device.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from vsdpo_jax.types import Box, Defect, Scene, Statement

# More lines than this say no more than "somewhere in the program".
MOST_LINES = 12
_ANSWER = re.compile(r"lines?:\s*(\d+(?:\s*-\s*\d+)?(?:\s*,\s*\d+(?:\s*-\s*\d+)?)*)\.?", re.I)
_BOX = (255, 0, 0)
_INSTRUCTION = (
    "The image shows what the program below draws. Problem in the red box: {}.\n"
    "Which lines of the program drew what is in the box? Answer with line numbers only, like this:\n"
    "lines: 3-5\n\n{}"
)


@dataclasses.dataclass(frozen=True)
class Question:
    """What the model is asked: `text`, and the render with the region boxed, uint8[height, width, 3]."""

    text: str
    image: np.ndarray


@dataclasses.dataclass(frozen=True)
class FallbackCounts:
    """Questions of a step.

    Attributes:
      regions: defects with a region and no statement.
      asked: questions put to the model; fewer than `regions` where the limit was reached.
      answered: answers that could be read.
    """

    regions: int = 0
    asked: int = 0
    answered: int = 0

    def metrics(self) -> dict[str, float]:
        """`fallback/regions`, `fallback/asked`, `fallback/answered`."""
        return {f"fallback/{name}": float(value) for name, value in dataclasses.asdict(self).items()}


def unexplained(scene: Scene, defects: Sequence[Defect]) -> list[int]:
    """Indices of the defects with a region for which introspection found no statement."""
    if scene.error is not None or scene.image is None:
        return []
    return [i for i, defect in enumerate(defects) if defect.boxes and not defect.statements and defect.severity > 0]


def question(scene: Scene, defect: Defect) -> Question:
    """The question about one defect. Program text is inserted, never interpreted."""
    lines = "\n".join(f"{number:>4} {line}" for number, line in enumerate(scene.source.split("\n"), 1))
    # Not by `format`: the message and the program may hold braces.
    before, middle, after = _INSTRUCTION.split("{}")
    return Question(before + defect.message + middle + lines + after, boxed(scene.image, defect.boxes))


def boxed(image: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """The picture with a red frame, 3 pixels wide, around each box; boxes outside are drawn at the edge."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    for left, top, right, bottom in boxes:
        left, right = (min(max(edge, 1), picture.width - 2) for edge in (left - 3, right + 3))
        top, bottom = (min(max(edge, 1), picture.height - 2) for edge in (top - 3, bottom + 3))
        draw.rectangle((left, top, right, bottom), outline=_BOX, width=3)
    return np.asarray(picture)


def read_lines(answer: str, last: int) -> list[int] | None:
    """The lines that an answer names, in order; None for any answer of another form.

    Args:
      answer: of the model.
      last: number of lines of the program; an answer beyond it is not read.
    """
    match = _ANSWER.fullmatch(answer.strip())
    if match is None:
        return None
    found: set[int] = set()
    for part in match[1].split(","):
        ends = [int(end) for end in part.split("-")]
        if not 1 <= ends[0] <= ends[-1] <= last or ends[-1] - ends[0] >= MOST_LINES:
            return None
        found |= set(range(ends[0], ends[-1] + 1))
    return sorted(found) if len(found) <= MOST_LINES else None


def with_lines(scene: Scene, defect: Defect, lines: Sequence[int]) -> Defect:
    """The defect charged to the innermost statement at each line; as it was if there is none."""
    found: dict[Statement, None] = {}
    for line in lines:
        around = [statement for statement in scene.statements if statement.line_start <= line <= statement.line_end]
        if around:
            found[min(around, key=lambda statement: statement.end - statement.start)] = None
    return dataclasses.replace(defect, statements=tuple(found))


def explain(
    cases: Sequence[tuple[Scene, Sequence[Defect]]], ask: Callable[[list[Question]], list[str]], most: int
) -> tuple[list[tuple[Defect, ...]], FallbackCounts]:
    """Asks about the unexplained defects of several renders, in one go.

    Args:
      cases: renders with their defects.
      ask: answers questions, in their order; called once, with at most `most`.
      most: questions; what is beyond stays unexplained.

    Returns:
      The defects of each render, and the counts.
    """
    places = [(row, index) for row, (scene, defects) in enumerate(cases) for index in unexplained(scene, defects)]
    asked = places[:most]
    answers = ask([question(cases[row][0], cases[row][1][index]) for row, index in asked])
    explained = [list(defects) for _, defects in cases]
    answered = 0
    for (row, index), answer in zip(asked, answers, strict=True):
        scene = cases[row][0]
        lines = read_lines(answer, scene.source.count("\n") + 1)
        if lines is not None:
            answered += 1
            explained[row][index] = with_lines(scene, explained[row][index], lines)
    return [tuple(defects) for defects in explained], FallbackCounts(len(places), len(asked), answered)
