"""r_vis from the scores of the benchmarks, on the scene that rendering has already produced: no judge, no CLIP, no
second render. What evaluation measures, training is then rewarded for.

Three approximations make it cheap. The texts of pages come with the boxes and colors that the browser reports, not from
recolored pixels; the tree of a slide is read from its elements, which know no class names or background pictures; and
whitespace is measured at a quarter of the resolution.

All are multiplied by cleanliness, the share that detected defects leave. A slide that keeps every rule but shows
something else is worth nothing where there is a reference: rules and likeness are multiplied too.
"""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.reward import aeslides, design2code, slide_tree, whitespace
from vsdpo_jax.reward.chart import cleanliness
from vsdpo_jax.types import Defect, Scene

Visual = tuple[float, dict[str, float]]


def web(scene: Scene, reference: Scene | None, defects: Sequence[Defect]) -> Visual:
    """(r_vis, its parts) of a page: the mean of Design2Code's four; only cleanliness counts without a reference."""
    parts = {"cleanliness": cleanliness(defects)}
    likeness = _likeness(scene, reference)
    return parts["cleanliness"] * _mean(likeness), parts | likeness


def slide(scene: Scene, reference: Scene | None, defects: Sequence[Defect]) -> Visual:
    """(r_vis, its parts) of an HTML slide or a deck: the mean of AeSlides' four rules.

    With a reference it is multiplied by the mean of Design2Code's four. Of several slides the mean counts.
    """
    scores = [_rules(scene, tree, top) for tree, top in _slides(scene)]
    rules = {name: sum(score[name] for score in scores) / len(scores) for name in aeslides.NAMES}
    parts = {"cleanliness": cleanliness(defects), **rules}
    likeness = _likeness(scene, reference)
    return parts["cleanliness"] * _mean(rules) * _mean(likeness), parts | likeness


def _likeness(scene: Scene, reference: Scene | None) -> dict[str, float]:
    if reference is None or reference.error is not None:
        return {}
    return design2code.score(design2code.scene_blocks(scene), design2code.scene_blocks(reference)).values


def _slides(scene: Scene) -> list[tuple[slide_tree.SlideTree, int]]:
    trees, top = [], 0.0
    for tree in slide_tree.from_scene(scene):
        trees.append((tree, round(top)))
        top += tree.height
    return trees


def _rules(scene: Scene, tree: slide_tree.SlideTree, top: int) -> dict[str, float]:
    height = round(tree.height)
    filled = whitespace.rough_content_ratio(scene.image[top : top + height])
    # An HTML slide is as high as what is on it, a slide of a deck as its program says.
    lowest = max((node.full[3] for node in tree.nodes if node.shown and scene.kind != "pptx"), default=0.0)
    return aeslides.score(tree, max(tree.height, lowest), filled).values


def _mean(values: dict[str, float]) -> float:
    return sum(values.values()) / len(values) if values else 1.0
