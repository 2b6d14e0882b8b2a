"""Defects of a scene, as a person would name them. Detectors see `Scene` only, so they serve every renderer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.color import background_of, contrast_ratio
from vsdpo_jax.feedback.compare import compare
from vsdpo_jax.feedback.defect import MARKS, make_defect
from vsdpo_jax.feedback.layout import layout
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import name_of
from vsdpo_jax.types import Box, Defect, Element, Scene

_SIDES = (("left", 0, -1), ("top", 1, -1), ("right", 2, 1), ("bottom", 3, 1))
_MISSING_GLYPH = re.compile(r"Glyph (\d+) .* missing from")
# All kinds, in the order in which defects are reported: what hides most comes first.
KINDS = (
    "execution_error empty_render wrong_type off_canvas clipped_text overflow overlap collision wrong_color "
    "low_contrast unreadable_size missing_glyph wrong_text missing_text extra_text wrong_layout misalignment "
    "aspect_ratio white_space imbalance"
).split()
# What surrounds the data of a chart.
_FRAME = ("axes", "tick_label", "axis_label", "title", "legend", "legend_text")
DEFAULT_THRESHOLDS = Thresholds()


def detect(
    scene: Scene, reference: Scene | None = None, thresholds: Thresholds = DEFAULT_THRESHOLDS
) -> tuple[Defect, ...]:
    """All defects, the gravest kinds first; only an `execution_error` if the code did not draw.

    Args:
      scene: of any renderer.
      reference: the scene it should look like; adds the kinds `wrong_type`, `wrong_color`, `wrong_text`,
        `missing_text` and `extra_text`.
    """
    if scene.error is not None:
        statements = () if scene.error.statement is None else (scene.error.statement,)
        return (Defect("execution_error", scene.error.message, statements=statements),)
    if _is_blank(scene, thresholds):
        return (Defect("empty_render", "nothing is drawn", ((0.0, 0.0, scene.width, scene.height),)),)
    found = [
        *_edges(scene, thresholds),
        *_overlaps(scene, thresholds),
        *_contrast(scene, thresholds),
        *_sizes(scene, thresholds),
        *_glyphs(scene),
        *layout(scene, thresholds),
        *(compare(scene, reference, thresholds) if reference is not None else ()),
    ]
    return tuple(sorted(found, key=lambda defect: KINDS.index(defect.kind)))


def _is_blank(scene: Scene, thresholds: Thresholds) -> bool:
    pixels = scene.image.reshape(-1, 3)
    bare = scene.kind == "chart" and all(element.kind in _FRAME for element in scene.elements)
    # Some of the pixels are nearly always enough to see that there are others, and looking at all of them is slow.
    return bare or all(
        int((part != pixels[0]).any(axis=1).sum()) < thresholds.blank_pixels for part in (pixels[::101], pixels)
    )


def _texts(scene: Scene) -> list[tuple[int, Element]]:
    return [(i, element) for i, element in enumerate(scene.elements) if element.text.strip() and element.font_size > 0]


def _edges(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Text that the edge of the canvas, or its own clip box, cuts off or hides; one defect a group and side."""
    canvas = (0.0, 0.0, float(scene.width), float(scene.height))
    cut: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    gone: dict[str, list[int]] = defaultdict(list)
    for index, element in _texts(scene):
        limit = canvas if element.clip is None else geometry.intersection(canvas, element.clip)
        visible = geometry.area(geometry.intersection(element.box, limit))
        if visible < (1 - thresholds.gone) * geometry.area(element.box):
            gone[element.group].append(index)
            continue
        for side, axis, sign in _SIDES:
            excess = sign * (element.box[axis] - limit[axis])
            if excess > thresholds.edge and (
                excess > thresholds.ink * element.font_size or _ink_at_edge(scene, element, limit, side)
            ):
                cut[element.group, side].append((index, excess))
    for indices in gone.values():
        elements = [scene.elements[index] for index in indices]
        yield make_defect("off_canvas", f"{name_of(elements)} {_be(elements)} outside the picture", scene, indices)
    for (_, side), found in cut.items():
        elements = [scene.elements[index] for index, _ in found]
        pixels = max(round(excess) for _, excess in found)
        verb = "run" if _plural(elements) else "runs"
        message = f"{name_of(elements)} {verb} {pixels} px past the {side} edge"
        yield make_defect("clipped_text", message, scene, [index for index, _ in found])


def _ink_at_edge(scene: Scene, element: Element, limit: Box, side: str) -> bool:
    """Whether the outermost visible pixels of a text, along one side of `limit`, hold parts of letters."""
    left, top, right, bottom = (round(edge) for edge in geometry.intersection(element.box, limit))
    strips = {
        "left": scene.image[top:bottom, left : left + 1],
        "right": scene.image[top:bottom, right - 1 : right],
        "top": scene.image[top : top + 1, left:right],
        "bottom": scene.image[bottom - 1 : bottom, left:right],
    }
    strip = strips[side].reshape(-1, 3).astype(np.int32)
    return bool(len(strip)) and int(np.abs(strip - np.median(strip, axis=0)).sum(axis=1).max()) > 96


def _overlaps(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Texts on texts, texts across marks, and legends over marks; one defect for each pair of groups."""
    pairs: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    texts = [pair for pair in _texts(scene) if pair[1].kind != "legend_text"]
    legends = [(i, e) for i, e in enumerate(scene.elements) if e.kind == "legend"]
    marks = [(i, e) for i, e in enumerate(scene.elements) if e.kind in MARKS]
    rules = [(i, e) for i, e in enumerate(scene.elements) if e.kind == "rule"]
    for position, (i, first) in enumerate(texts):
        for j, second in texts[position + 1 :] + legends:
            if _collide(first, second, thresholds):
                pairs[first.group, second.group].append((i, j))
        for j, mark in [] if _framed(scene, first) else marks + rules:
            if _crosses(first, mark, thresholds):
                pairs[first.group, mark.group].append((i, j))
    for i, legend in legends:
        for j, mark in marks:
            share = thresholds.legend_area_share if mark.kind in ("area", "wedge") else thresholds.legend_share
            if geometry.common_area(legend, mark, thresholds.text_margin / 2) > share * _covered(legend):
                pairs[legend.group, mark.group].append((i, j))
    for (first, second), found in pairs.items():
        firsts = [scene.elements[i] for i, _ in found]
        seconds = [scene.elements[j] for _, j in found]
        if first == second and firsts[0].kind != "tick_label" and len(found) == 1:
            message = f"{name_of(firsts)} overlaps {name_of(seconds)}"
        elif first == second:
            message = f"{name_of([*firsts, *seconds])} overlap each other"
        else:
            verb = "overlap" if _plural(firsts) else "overlaps"
            message = f"{name_of(firsts)} {verb} {name_of(seconds)}"
        # What lies in front of the data is to blame, not the data; of two texts both are.
        in_front = all(e.kind in (*MARKS, "rule") for e in seconds)
        boxes = tuple(dict.fromkeys(e.box for e in (firsts if in_front else [*firsts, *seconds])))
        yield make_defect("overlap", message, scene, [index for pair in found for index in pair], boxes)


def _collide(first: Element, second: Element, thresholds: Thresholds) -> bool:
    smaller = min(_covered(first), _covered(second))
    shared = geometry.common_area(first, second, thresholds.text_margin)
    return shared > max(thresholds.overlap_share * smaller, 2.0)


def _crosses(text: Element, mark: Element, thresholds: Thresholds) -> bool:
    """The mark crosses the text; a label that lies wholly inside a bar or wedge is there on purpose."""
    if mark.kind == "area" or (mark.kind in ("bar", "wedge") and geometry.inside(text.box, mark.box)):
        return False
    if mark.kind in ("line", "rule"):
        return _runs_through(text, mark, thresholds)
    return geometry.common_area(text, mark, thresholds.text_margin / 2) > thresholds.mark_share * _covered(text)


def _runs_through(text: Element, line: Element, thresholds: Thresholds) -> bool:
    """A line has hardly any area, so what counts is how far it runs through the middle of the text."""
    length = 0.0
    for left, top, right, bottom in geometry.cover(text):
        width, height = right - left, bottom - top
        core = (left + width / 20, top + height / 4, right - width / 20, bottom - height / 4)
        needed = thresholds.crossing * min(core[2] - core[0], core[3] - core[1])
        for part in geometry.cover(line):
            shared = geometry.intersection(part, core)
            if shared[2] > shared[0] and shared[3] > shared[1]:
                length += max(shared[2] - shared[0], shared[3] - shared[1])
        if length > needed:
            return True
    return False


def _framed(scene: Scene, text: Element) -> bool:
    """The text has an opaque box of its own, which hides what is behind it."""
    return any(element.kind == "frame" and geometry.inside(text.box, element.box) for element in scene.elements)


def _covered(element: Element) -> float:
    return max(1.0, sum(geometry.area(box) for box in geometry.cover(element)))


def _contrast(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Text that does not stand out from the pixels behind it."""
    weak: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for index, element in _texts(scene):
        if element.color is None:
            continue
        ratio = contrast_ratio(element.color, background_of(scene, element))
        if ratio < thresholds.contrast:
            weak[element.group].append((index, ratio))
    for found in weak.values():
        elements = [scene.elements[index] for index, _ in found]
        ratio = min(ratio for _, ratio in found)
        verb = "have" if _plural(elements) else "has"
        message = f"{name_of(elements)} {verb} a contrast of only {ratio:.1f}"
        yield make_defect("low_contrast", message, scene, [index for index, _ in found])


def _sizes(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Text too small to read."""
    small: dict[str, list[int]] = defaultdict(list)
    for index, element in _texts(scene):
        if element.font_size < thresholds.readable:
            small[element.group].append(index)
    for indices in small.values():
        elements = [scene.elements[index] for index in indices]
        size = min(element.font_size for element in elements)
        message = f"{name_of(elements)} {_be(elements)} only {size:.0f} px tall"
        yield make_defect("unreadable_size", message, scene, indices)


def _glyphs(scene: Scene) -> Iterator[Defect]:
    """Characters that the font lacks: drawn as empty boxes. One defect for each group of texts."""
    missing = {chr(int(match[1])) for warning in scene.warnings if (match := _MISSING_GLYPH.match(warning))}
    found: dict[str, list[int]] = defaultdict(list)
    for index, element in _texts(scene):
        if missing & set(element.text):
            found[element.group].append(index)
    for indices in found.values():
        elements = [scene.elements[index] for index in indices]
        character = next(letter for letter in elements[0].text if letter in missing)
        verb = "have" if _plural(elements) else "has"
        message = f"{name_of(elements)} {verb} a character that the font cannot draw: {character!r}"
        yield make_defect("missing_glyph", message, scene, indices)


def _plural(elements: Sequence[Element]) -> bool:
    return name_of(elements).endswith("s") and elements[0].kind in ("tick_label", "annotation", "bar", "points")


def _be(elements: Sequence[Element]) -> str:
    return "are" if _plural(elements) else "is"
