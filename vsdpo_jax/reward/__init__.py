"""Scores of renders: r(y) = r_exec(y) * r_vis(y). The same code serves training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.reward import chart, page
from vsdpo_jax.types import Defect, Reward, Scene

_VISUAL = {"chart": chart.visual, "web": page.visual, "slide": page.visual, "pptx": page.visual}


def score(scene: Scene, reference: Scene | None, defects: Sequence[Defect]) -> Reward:
    """The reward of one render; 0 if the code did not draw. Raises KeyError for a kind without a score."""
    if scene.error is not None:
        return Reward(0.0, 0.0, 0.0)
    visual, parts = _VISUAL[scene.kind](scene, reference, defects)
    return Reward(visual, 1.0, visual, parts)
