"""Scores of renders: r(y) = r_exec(y) * r_vis(y). The same code serves training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.reward import benchmark, chart, chartmimic, page
from vsdpo_jax.types import Defect, Reward, Scene

# How r_vis is made, by name and kind of scene. `fidelity` is graded by degrees and forgives more, which short training
# runs need; `benchmark` is what the paper's tables measure. Of charts it needs scenes with traces.
VISUALS = {
    "fidelity": {"chart": chart.visual, "web": page.visual, "slide": page.visual, "pptx": page.visual},
    "benchmark": {"chart": chartmimic.visual, "web": benchmark.web, "slide": benchmark.slide, "pptx": benchmark.slide},
}


def score(scene: Scene, reference: Scene | None, defects: Sequence[Defect], visual: str = "fidelity") -> Reward:
    """The reward of one render; 0 if the code did not draw.

    Args:
      scene: of the candidate.
      reference: of the target, None if there is none.
      defects: of the candidate.
      visual: a name in `VISUALS`.

    Raises:
      KeyError: an unknown name, or a kind without a score.
    """
    if scene.error is not None:
        return Reward(0.0, 0.0, 0.0)
    value, parts = VISUALS[visual][scene.kind](scene, reference, defects)
    return Reward(value, 1.0, value, parts)
