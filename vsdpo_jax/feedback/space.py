"""How a slide fills its space: pictures in their own shape, no large empty areas, nothing all on one side.

Content is what has ink: a place counts as filled if any edge between colors lies within about 100 x 75 pixels of it.
This is the published white-space rule of AeSlides (a local standard deviation above 2.5 grey levels in windows of
201 x 151 pixels, in the middle of the slide) in the form of a dilation, which costs a hundredth of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import cause, make_defect
from vsdpo_jax.feedback.nesting import container
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.feedback.words import are, name_of
from vsdpo_jax.types import Box, Defect, Element, Scene

Indexed = tuple[int, Element]
_CELL = 8
# Half of the windows in cells, and the middle of the slide (rows, columns), as AeSlides has them.
_REACH = (75 / _CELL, 100 / _CELL)
_MIDDLE = ((0.15, 0.9), (0.1, 0.9))
# Neighbouring pixels that differ by more are an edge and not a gradient.
_STEP = 6
# The band of a slide that holds its body: below the heading, above the foot.
_BODY = (0.25, 0.92)
_MOST_BLAMED = 8
# These are as wide as their words.
_INLINE = ("a", "b", "code", "em", "i", "label", "small", "span", "strong")


def space(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """`aspect_ratio` of pictures on pages and slides; for slides also their own, `white_space` and `imbalance`."""
    if scene.kind == "chart":
        return
    yield from _distorted(scene, thresholds)
    if scene.kind != "web":
        yield from _too_tall(scene, thresholds)
        for slide in _slides(scene):
            yield from _unfilled(scene, slide, thresholds)


def _slides(scene: Scene) -> list[Box]:
    canvas = (0.0, 0.0, float(scene.width), float(scene.height))
    if scene.kind != "pptx":
        return [canvas]
    return sorted({element.clip for element in scene.elements if element.clip}) or [canvas]


def _distorted(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """One defect for the pictures that one rule, or one line of a loop, has stretched."""
    distorted: dict[tuple, list[tuple[int, float]]] = defaultdict(list)
    for index, element in enumerate(scene.elements):
        if element.natural_size is None:
            continue
        width, height = element.box[2] - element.box[0], element.box[3] - element.box[1]
        stretch = (width / height) / (element.natural_size[0] / element.natural_size[1])
        if not 1 / thresholds.stretch < stretch < thresholds.stretch:
            distorted[cause(scene, element, "aspect_ratio")].append((index, stretch))
    for found in distorted.values():
        stretch = max((stretch for _, stretch in found), key=lambda stretch: max(stretch, 1 / stretch))
        how = "wide" if stretch > 1 else "tall"
        elements = [scene.elements[index] for index, _ in found]
        message = f"{name_of(elements)} {are(elements)} stretched {max(stretch, 1 / stretch):.1f} times too {how}"
        yield make_defect("aspect_ratio", message, scene, [index for index, _ in found])


def _too_tall(scene: Scene, thresholds: Thresholds) -> Iterator[Defect]:
    """An HTML slide that is taller than the screen it is made for."""
    if scene.kind != "slide":
        return
    limit = thresholds.taller * scene.height
    tall = [
        (i, e)
        for i, e in enumerate(scene.elements)
        if not e.text and e.box[2] - e.box[0] >= 0.9 * scene.width and e.box[1] < 0.1 * scene.height < limit < e.box[3]
    ]
    # What is around it is as tall because of it.
    index, tallest = min(tall, key=lambda pair: (geometry.area(pair[1].box), -pair[0]), default=(0, None))
    if tallest is not None:
        height = round(tallest.box[3])
        message = f"the slide is {scene.width} x {height} px, not {scene.width} x {scene.height}"
        yield make_defect("aspect_ratio", message, scene, [index])


def _unfilled(scene: Scene, slide: Box, thresholds: Thresholds) -> Iterator[Defect]:
    elements = [
        (i, e)
        for i, e in enumerate(scene.elements)
        if (scene.kind != "pptx" or e.clip == slide) and geometry.area(e.box) < 0.8 * geometry.area(slide)
    ]
    if not elements or _is_title_slide(elements, slide):
        return
    ink = _ink(scene, slide)
    filled = _middle(_near(ink, slide))
    left, right = (
        float(half.mean()) for half in np.array_split(_middle(_near(ink | _frames(scene, slide), slide)), 2, axis=1)
    )
    if filled.mean() < thresholds.filled:
        yield _blame(scene, slide, elements, "white_space", f"{1 - filled.mean():.0%} of the slide is empty")
    elif min(left, right) < thresholds.bare_side and max(left, right) > thresholds.full_side:
        side = "left" if left > right else "right"
        if _has_content(elements, slide, left_half=left <= right):
            return
        yield _blame(scene, slide, elements, "imbalance", f"everything is on the {side} of the slide")


def _has_content(elements: list[tuple[int, Element]], slide: Box, *, left_half: bool) -> bool:
    """Some text of the body stands in this half: little beside a picture, but not nothing."""
    low, high = (slide[1] + share * (slide[3] - slide[1]) for share in _BODY)
    middle = (slide[0] + slide[2]) / 2
    return any(
        element.text
        and low < (element.box[1] + element.box[3]) / 2 < high
        and ((element.box[0] + element.box[2]) / 2 < middle) == left_half
        for _, element in elements
    )


def _ink(scene: Scene, slide: Box) -> np.ndarray:
    """bool[rows, columns]: the cells of a slide in which colors change."""
    left, top, right, bottom = (round(edge) for edge in slide)
    # One channel after the other: a sum over the last axis of an array takes ten times as long.
    red, green, blue = np.moveaxis(scene.image[top:bottom, left:right].astype(np.int16), 2, 0)
    gray = (red + green + blue) // 3
    ink = np.zeros(gray.shape, bool)
    ink[:, 1:] |= np.abs(np.diff(gray, axis=1)) > _STEP
    ink[1:] |= np.abs(np.diff(gray, axis=0)) > _STEP
    rows, columns = gray.shape[0] // _CELL, gray.shape[1] // _CELL
    in_rows = ink[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, -1).any(axis=1)
    return in_rows.reshape(rows, columns, _CELL).any(axis=2)


def _frames(scene: Scene, slide: Box) -> np.ndarray:
    """bool[rows, columns]: the lines of texts, as wide as the boxes that they are set in.

    Short lines of a wide list leave its right half white, and that is how lists look.
    """
    rows, columns = (int(slide[edge + 2] - slide[edge]) // _CELL for edge in (1, 0))
    cells = np.zeros((rows, columns), bool)
    boxes = [(i, e) for i, e in enumerate(scene.elements) if not e.text]
    low, high = (slide[1] + share * (slide[3] - slide[1]) for share in _BODY)
    for text in scene.elements:
        in_body = low < (text.box[1] + text.box[3]) / 2 < high
        if in_body and text.text and text.kind not in _INLINE and (scene.kind != "pptx" or text.clip == slide):
            found = container(text, boxes)
            if found is not None and geometry.area(found[1].box) < 0.8 * geometry.area(slide):
                box = geometry.intersection((found[1].box[0], text.box[1], found[1].box[2], text.box[3]), slide)
                left, top, right, bottom = (max(0, round((edge - slide[i % 2]) / _CELL)) for i, edge in enumerate(box))
                cells[top:bottom, left:right] = True
    return cells


def _near(ink: np.ndarray, slide: Box) -> np.ndarray:
    """bool[rows, columns]: the cells with ink in the window around them, which scales with the slide."""
    scale = (slide[2] - slide[0]) / 1280
    return _dilate(ink, *(max(1, round(reach * scale)) for reach in _REACH))


def _middle(cells: np.ndarray) -> np.ndarray:
    (first, last), (start, end) = _MIDDLE
    rows, columns = cells.shape
    return cells[int(first * rows) : int(last * rows), int(start * columns) : int(end * columns)]


def _dilate(cells: np.ndarray, up: int, across: int) -> np.ndarray:
    padded = np.pad(cells, ((up + 1, up), (across + 1, across))).astype(np.int32)
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    tall, wide = 2 * up + 1, 2 * across + 1
    return sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide] > 0


def _is_title_slide(elements: Sequence[Indexed], slide: Box) -> bool:
    """A few texts in the middle and nothing else: the first slide of a deck, or one between two parts."""
    texts = [e for _, e in elements if e.text]
    pictures = [e for _, e in elements if not e.text and e.group and e.kind != "text_box" and geometry.area(e.box)]
    middle = (slide[0] + slide[2]) / 2
    off = [abs((e.box[0] + e.box[2]) / 2 - middle) / (slide[2] - slide[0]) for e in texts]
    return 0 < len(texts) <= 3 and not pictures and max(off) < 0.06


def _blame(scene: Scene, slide: Box, elements: Sequence[Indexed], kind: str, message: str) -> Defect:
    """The region is that of the body: what should have been larger, or elsewhere."""
    body = _body(elements, slide)
    region = geometry.union(tuple(e.box for _, e in body)) if body else slide
    # What is too small is the content; what is on one side is the box around it.
    blamed = body if kind == "white_space" else _outermost(scene, elements)
    ranked = sorted(blamed, key=lambda pair: -geometry.iou(pair[1].box, region))[:_MOST_BLAMED]
    return make_defect(kind, message, scene, [i for i, _ in ranked], [region])


def _outermost(scene: Scene, elements: Sequence[Indexed]) -> Sequence[Indexed]:
    """The shapes of a deck without the texts in them: where a text stands is decided by its shape."""
    if scene.kind != "pptx":
        return elements
    shapes = {e.group for _, e in elements if not e.text}
    return [(i, e) for i, e in elements if not e.text or e.group not in shapes]


def _body(elements: Sequence[Indexed], slide: Box) -> list[Indexed]:
    """What is seen between heading and foot, with its siblings above; where nothing stands there, the longest text."""
    low, high = (slide[1] + share * (slide[3] - slide[1]) for share in _BODY)
    seen = [(i, e) for i, e in elements if (e.text or e.group) and geometry.area(e.box)]
    groups = {e.group for _, e in seen if low < (e.box[1] + e.box[3]) / 2 < high}
    if not groups and seen:
        groups = {max((e for _, e in seen), key=lambda element: len(element.text)).group}
    return [(i, e) for i, e in seen if e.group in groups]
