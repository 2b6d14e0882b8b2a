"""Do exact visible pixels find overlaps better than boxes and parts do?

    python -m tests.render.visible_figures --count=60

renders pairs of charts of which one has an injected overlap, and asks both: the detector, which compares boxes and
parts, and the same question put to the pixels in front (`Scene.front`): how much of a text's middle do the pixels of
something else cover, how much of a text or of data is hidden. Prints found, falsely reported, and the processor time.
"""

from __future__ import annotations

import argparse
import os

import numpy as np

from tests.feedback.corpus import case
from vsdpo_jax.feedback import geometry
from vsdpo_jax.feedback.defect import MARKS
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render import usage
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Element, Scene

TEXTS = ("text", "title", "axis_label", "tick_label", "annotation", "legend_text")
# Chosen on the seeds from 1000, so that the pixels have their best chance on those that are reported.
COVERED, HIDDEN, LINE = 0.15, 0.12, 0.05


def by_boxes(scene: Scene) -> bool:
    """Whether the detector reports an overlap."""
    return any(defect.kind == "overlap" for defect in detect(scene))


def by_pixels(scene: Scene) -> bool:
    """Whether the pixels show one: something is hidden, or the pixels of a mark lie across a text."""
    covering = {i: e for i, e in enumerate(scene.elements) if e.kind in (*MARKS, "rule")}
    for index, element in enumerate(scene.elements):
        if element.kind in TEXTS:
            if element.visible is not None and 1 - element.visible > HIDDEN:
                return True
            if _is_crossed(scene, index, element, covering):
                return True
    legends = [e for e in scene.elements if e.kind == "legend"]
    return any(_lies_on_data(scene, legend, covering) for legend in legends)


def _is_crossed(scene: Scene, index: int, text: Element, covering: dict[int, Element]) -> bool:
    left, top, right, bottom = (round(edge) for edge in geometry.shrink(text.box, 1.0))
    height = bottom - top
    inside = scene.front[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    middle = inside[height // 4 : max(1, height - height // 4)]
    framed = any(e.kind == "frame" and geometry.inside(text.box, e.box) for e in scene.elements)
    for number, mark in covering.items():
        if framed or mark.kind == "area" or (mark.kind in ("bar", "wedge") and geometry.inside(text.box, mark.box)):
            continue
        if mark.kind in ("line", "rule"):
            if middle.size and np.count_nonzero(middle == number) > LINE * middle.size:
                return True
        elif inside.size and np.count_nonzero(inside == number) > COVERED * inside.size:
            return True
    left, top, right, bottom = (max(0, round(edge)) for edge in text.box)
    others = [i for i, e in enumerate(scene.elements) if e.kind in TEXTS and i != index]
    return bool(np.isin(scene.front[top:bottom, left:right], others).mean() > 0.03) if right > left else False


def _lies_on_data(scene: Scene, legend: Element, covering: dict[int, Element]) -> bool:
    """Data that comes near a legend and loses pixels there."""
    for mark in covering.values():
        near = geometry.common_area(legend, mark, 0.0) > 0
        if near and mark.visible is not None and 1 - mark.visible > 0.01 and mark.kind != "area":
            return True
    return False


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    cases = [case("chart", "overlap", seed) for seed in range(options.first, options.first + options.count)]
    spent = {}
    with RenderFarm(workers=1, cache=0) as farm:
        farm.render([cases[0].clean])
        for visible in (False, True):
            before = usage.tree_seconds(os.getpid()) - usage.seconds(os.getpid())
            scenes = [
                [farm.submit(source, visible=visible).result() for source in (one.flawed, one.clean)] for one in cases
            ]
            spent[visible] = usage.tree_seconds(os.getpid()) - usage.seconds(os.getpid()) - before
    for name, ask in (("boxes and parts", by_boxes), ("pixels", by_pixels)):
        found = sum(ask(flawed) for flawed, _ in scenes)
        false = sum(ask(clean) for _, clean in scenes)
        print(f"{name}: found {found} of {len(cases)}, falsely reported {false} of {len(cases)}")
    milliseconds = [1000 * spent[visible] / (2 * len(cases)) for visible in (False, True)]
    print(f"processor time of a chart: {milliseconds[0]:.0f} ms, with the pixels {milliseconds[1]:.0f} ms")
    for one, (flawed, clean) in zip(cases, scenes, strict=True):
        for scene, truth in ((flawed, True), (clean, False)):
            for name, ask in (("boxes", by_boxes), ("pixels", by_pixels)):
                if ask(scene) != truth:
                    print(f"  {name} wrong on {'flawed' if truth else 'clean'} {one.injection}, {one.family}")


if __name__ == "__main__":
    main()
