"""The render with its defects framed and numbered, and a legend below it."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from fontTools.ttLib import TTFont, TTLibError
from PIL import Image, ImageDraw, ImageFont

from vsdpo_jax.feedback import geometry
from vsdpo_jax.render.fonts import font_files
from vsdpo_jax.types import Box, Defect, Scene

# Each has a contrast of at least 4.5 with the white number on it.
COLORS = ("#c62828", "#1565c0", "#2e7d32", "#6a1b9a", "#b34700", "#00737d", "#ad1457", "#5d4037")
_INK = "#202124"
_SIZE, _LINE, _MARGIN = 13, 18, 6
_NARROWEST = 480
# A frame gets a number of its own only if no other number of the same defect is this near.
_APART = 80.0
_MOST_TAGS = 6


def overlay(scene: Scene, defects: Sequence[Defect]) -> Image.Image:
    """The render with a frame around every region of a defect; numbers are those of the list below it.

    Args:
      scene: with an image.
      defects: of the scene, in the order of their numbers.
    """
    width = max(scene.width, _NARROWEST)
    entries = [_wrapped(f"{defect.kind}: {defect.message}", width) for defect in defects] or [["no defects"]]
    height = scene.height + 2 * _MARGIN + _LINE * sum(map(len, entries))
    picture = Image.new("RGB", (width, height), "white")
    picture.paste(Image.fromarray(scene.image), (0, 0))
    draw = ImageDraw.Draw(picture)
    for number, defect in enumerate(defects):
        for box in dict.fromkeys(defect.boxes):
            draw.rectangle(_in_sight(scene, box), outline=COLORS[number % len(COLORS)], width=2)
    _tags(draw, scene, defects)
    _legend(draw, scene.height + _MARGIN, entries, numbered=bool(defects))
    return picture


def _in_sight(scene: Scene, box: Box) -> Box:
    """The frame of a box; regions outside the canvas are drawn at its edge, or they would not be seen."""
    left, right = (min(max(edge, 1.0), scene.width - 2.0) for edge in (box[0] - 2, box[2] + 1))
    top, bottom = (min(max(edge, 1.0), scene.height - 2.0) for edge in (box[1] - 2, box[3] + 1))
    return left, top, right, bottom


def _tags(draw: ImageDraw.ImageDraw, scene: Scene, defects: Sequence[Defect]) -> None:
    """Numbers beside the frames, where they cover no other number and as few words and frames as possible."""
    frames = [_in_sight(scene, box) for defect in defects for box in dict.fromkeys(defect.boxes)]
    words = [element.box for element in scene.elements if element.text]
    placed: list[Box] = []
    for number, defect in enumerate(defects):
        own: list[Box] = []
        for box in dict.fromkeys(defect.boxes):
            frame = _in_sight(scene, box)
            if len(own) == _MOST_TAGS or any(_near(frame, other) for other in own):
                continue
            width = 8 + int(_font("0").getlength(str(number + 1)))
            tag = _free_place(scene, frame, (width, _LINE - 2), placed, words, frames)
            placed.append(tag)
            own.append(frame)
            _tag(draw, tag, number)


def _near(first: Box, second: Box) -> bool:
    return abs(first[0] - second[0]) < _APART and abs(first[1] - second[1]) < _APART


def _free_place(
    scene: Scene, frame: Box, size: tuple[int, int], placed: Sequence[Box], words: Sequence[Box], frames: Sequence[Box]
) -> Box:
    left, top, right, bottom = frame
    width, height = size
    spots = [
        (left, top - height), (right - width, top - height), (left, bottom), (right - width, bottom),
        (left - width, top), (right, top), (left - width, bottom - height), (right, bottom - height),
        (left, top), (right - width, top), (left, bottom - height), (right - width, bottom - height),
    ]  # fmt: skip
    # Where many frames lie on each other, their numbers stand in a row, then in another below it.
    spots += [(left + column * width, top + row * height) for row in range(-3, 12) for column in range(12)]
    boxes = [(x, y, x + width, y + height) for x, y in (_inside(scene, spot, size) for spot in spots)]
    free = [box for box in boxes if not any(_shared(box, other) for other in placed)] or boxes

    def covered(box: Box) -> float:
        return sum(_shared(box, other) for other in words) + 0.2 * sum(_shared(box, other) for other in frames)

    return min(free[:12], key=covered)


def _inside(scene: Scene, spot: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    across, down = (max(0.0, min(at, whole - part)) for at, whole, part in zip(
        spot, (scene.width, scene.height), size, strict=True))  # fmt: skip
    return across, down


def _shared(first: Box, second: Box) -> float:
    return geometry.area(geometry.intersection(first, second))


def _tag(draw: ImageDraw.ImageDraw, box: Box, number: int) -> None:
    draw.rectangle(box, fill=COLORS[number % len(COLORS)])
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    draw.text(middle, str(number + 1), fill="white", font=_font("0"), anchor="mm")


def _legend(draw: ImageDraw.ImageDraw, top: int, entries: Sequence[Sequence[str]], *, numbered: bool) -> None:
    indent = 2 * _MARGIN + 8 + int(_font("0").getlength(str(len(entries)))) if numbered else _MARGIN
    for number, lines in enumerate(entries):
        if numbered:
            _tag(draw, (_MARGIN, top + 1, indent - _MARGIN, top + _LINE - 1), number)
        for line in lines:
            draw.text((indent, top + _LINE // 2), line, fill=_INK, font=_font(line), anchor="lm")
            top += _LINE


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of a text that fit beside the numbers."""
    room = width - 60
    text = text.encode("utf-8", "backslashreplace").decode()
    characters = max(10, int(len(text) * room / max(1.0, _font(text).getlength(text))))
    return textwrap.wrap(text, characters) or [text]


def _font(text: str) -> ImageFont.FreeTypeFont:
    """The first font that has all characters: the one that comes with Matplotlib, else one of this machine."""
    own = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    if not set(text) <= _characters(own):
        for path in font_files():
            if set(text) <= _characters(path):
                return _opened(path)
    return _opened(own)


@functools.cache
def _opened(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), _SIZE)


@functools.cache
def _characters(path: Path) -> frozenset[str]:
    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            return frozenset(map(chr, font.getBestCmap() or ()))
    except (TTLibError, OSError):
        return frozenset()
