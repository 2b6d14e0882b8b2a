"""Defects of single texts: cut off, outside the picture, pale, tiny, or with characters that the font lacks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.color import background_of, contrast_ratio
from vsdpo_jax.feedback.defect import cause, make_defect
from vsdpo_jax.feedback.nesting import cover
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import are, is_plural, name_of
from vsdpo_jax.types import Box, Defect, Element, Scene

_SIDES = (("left", 0, -1), ("top", 1, -1), ("right", 2, 1), ("bottom", 3, 1))
_MISSING_GLYPH = re.compile(r"Glyph (\d+) .* missing from")
# Text moved this far away, or clipped to a spot, is there for screen readers.
_HIDDEN_OFFSET, _HIDDEN_AREA = 1000.0, 4.0


def texts_of(scene: Scene) -> list[tuple[int, Element]]:
    return [(i, element) for i, element in enumerate(scene.elements) if element.text.strip() and element.font_size > 0]


def edges(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Text that the edge of the canvas, or its own clip box, cuts off or hides; one defect a cause."""
    canvas = (0.0, 0.0, float(scene.width), float(scene.height))
    cut: dict[tuple, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    gone: dict[tuple, list[int]] = defaultdict(list)
    for index, element in texts_of(scene):
        if _is_for_screen_readers(scene, element):
            continue
        limit = canvas if element.clip is None else geometry.intersection(canvas, element.clip)
        visible = geometry.area(geometry.intersection(element.box, limit))
        if visible < (1 - thresholds.gone) * geometry.area(element.box):
            gone[cause(scene, element, "off_canvas")].append(index)
            continue
        for side, axis, sign in _SIDES:
            excess = sign * (element.box[axis] - limit[axis])
            if excess > thresholds.edge and (
                excess > thresholds.ink * element.font_size or _ink_at_edge(scene, element, limit, side)
            ):
                cut[cause(scene, element, "clipped_text")][side].append((index, excess))
    for indices in gone.values():
        elements = [scene.elements[index] for index in indices]
        yield make_defect("off_canvas", f"{name_of(elements)} {are(elements)} outside the picture", scene, indices)
    for sides in cut.values():
        yield _clipped(scene, sides)


def _clipped(scene: Scene, sides: dict[str, list[tuple[int, float]]]) -> Defect:
    """One defect for texts of one sort, whatever the number of sides on which they are cut."""
    indices = sorted({index for found in sides.values() for index, _ in found})
    elements = [scene.elements[index] for index in indices]
    far = [(side, max(round(excess) for _, excess in found)) for side, found in sides.items()]
    places = " and ".join(f"{pixels} px past the {side} edge" for side, pixels in far)
    verb = "run" if is_plural(elements) else "runs"
    return make_defect("clipped_text", f"{name_of(elements)} {verb} {places}", scene, indices)


def _is_for_screen_readers(scene: Scene, element: Element) -> bool:
    """Pages hide text from the eye, and not from screen readers, by clipping it to a spot or moving it far away."""
    if scene.kind not in ("web", "slide"):
        return False
    far = element.box[2] < -_HIDDEN_OFFSET or element.box[3] < -_HIDDEN_OFFSET
    return far or (element.clip is not None and geometry.area(element.clip) <= _HIDDEN_AREA)


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


def low_contrast(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Text that does not stand out from the pixels behind it."""
    weak: dict[tuple, list[tuple[int, float]]] = defaultdict(list)
    boxes = [(i, e) for i, e in enumerate(scene.elements) if scene.kind != "chart" and not e.text and e.group]
    for index, element in texts_of(scene):
        if element.color is None or _is_outside(scene, element) or not any(map(str.isalnum, element.text)):
            # Bullets, arrows and large quotation marks are decoration: nobody has to read them.
            continue
        ratio = contrast_ratio(element.color, background_of(scene, element))
        # Of a text that something hides, its color is not what is wrong.
        if ratio < thresholds.contrast and cover(element, boxes, thresholds.mark_share) is None:
            weak[cause(scene, element, "low_contrast")].append((index, ratio))
    for found in weak.values():
        elements = [scene.elements[index] for index, _ in found]
        ratio = min(ratio for _, ratio in found)
        verb = "have" if is_plural(elements) else "has"
        message = f"{name_of(elements)} {verb} a contrast of only {ratio:.1f}"
        yield make_defect("low_contrast", message, scene, [index for index, _ in found])


def _is_outside(scene: Scene, element: Element) -> bool:
    """Most of the text is outside of the picture, where nothing is behind it."""
    visible = geometry.intersection(element.box, (0.0, 0.0, float(scene.width), float(scene.height)))
    return geometry.area(visible) < 0.5 * geometry.area(element.box)


def small(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """Text too small to read."""
    small: dict[tuple, list[int]] = defaultdict(list)
    for index, element in texts_of(scene):
        if element.font_size < thresholds.readable:
            small[cause(scene, element, "unreadable_size")].append(index)
    for indices in small.values():
        elements = [scene.elements[index] for index in indices]
        size = min(element.font_size for element in elements)
        message = f"{name_of(elements)} {are(elements)} only {size:.0f} px tall"
        yield make_defect("unreadable_size", message, scene, indices)


def glyphs(scene: Scene) -> Iterator[Defect]:
    """Characters that the font lacks: drawn as empty boxes. One defect for each group of texts."""
    missing = {chr(int(match[1])) for warning in scene.warnings if (match := _MISSING_GLYPH.match(warning))}
    found: dict[str, list[int]] = defaultdict(list)
    for index, element in texts_of(scene):
        if missing & set(element.text):
            found[element.group].append(index)
    for indices in found.values():
        elements = [scene.elements[index] for index in indices]
        character = next(letter for letter in elements[0].text if letter in missing)
        verb = "have" if is_plural(elements) else "has"
        message = f"{name_of(elements)} {verb} a character that the font cannot draw: {character!r}"
        yield make_defect("missing_glyph", message, scene, indices)
