"""Defects of a scene, as a person would name them. Detectors see `Scene` only, so they serve every renderer."""

from __future__ import annotations

from vsdpo_jax.feedback.alignment import misalignments
from vsdpo_jax.feedback.compare import compare
from vsdpo_jax.feedback.credit import blamed_first
from vsdpo_jax.feedback.layout import layout
from vsdpo_jax.feedback.overlaps import overlaps
from vsdpo_jax.feedback.palette import confusable
from vsdpo_jax.feedback.space import space
from vsdpo_jax.feedback.texts import edges, glyphs, low_contrast, small
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.types import Defect, Scene

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
      reference: the scene it should look like; adds the kinds `wrong_type`, `wrong_color`, `wrong_layout`,
        `wrong_text`, `missing_text` and `extra_text`.
      thresholds: when something is a defect.
    """
    if scene.error is not None:
        statements = () if scene.error.statement is None else (scene.error.statement,)
        return (Defect("execution_error", scene.error.message, statements=statements),)
    if _is_blank(scene, thresholds):
        return (Defect("empty_render", "nothing is drawn", ((0.0, 0.0, scene.width, scene.height),)),)
    found = [
        *edges(scene, thresholds),
        *overlaps(scene, thresholds),
        *low_contrast(scene, thresholds),
        *confusable(scene, thresholds),
        *small(scene, thresholds),
        *glyphs(scene),
        *layout(scene, thresholds),
        *misalignments(scene, thresholds),
        *space(scene, thresholds),
        *(compare(scene, reference, thresholds) if reference is not None else ()),
    ]
    found.sort(key=lambda defect: KINDS.index(defect.kind))
    return tuple(blamed_first(scene, defect) for defect in found)


def _is_blank(scene: Scene, thresholds: Thresholds) -> bool:
    pixels = scene.image.reshape(-1, 3)
    bare = scene.kind == "chart" and all(element.kind in _FRAME for element in scene.elements)
    # Some of the pixels are nearly always enough to see that there are others, and looking at all of them is slow.
    return bare or all(
        int((part != pixels[0]).any(axis=1).sum()) < thresholds.blank_pixels for part in (pixels[::101], pixels)
    )
