"""The defects of a prediction, as the gallery and `scores.json` show them."""

from __future__ import annotations

from typing import Any

from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.inspect import defect_json
from vsdpo_jax.types import Scene


def found_defects(scene: Scene, reference: Scene | None, first_line: int = 1) -> tuple[dict[str, Any], ...]:
    """What the detectors find in a render, with its lines.

    Args:
      scene: of the prediction.
      reference: of the reference, compared with where it rendered.
      first_line: of the rendered source that was the first of the answer; lines before it are left out.
    """
    reference = None if reference is None or reference.error is not None else reference
    found = []
    for defect in detect(scene, reference):
        row = defect_json(scene, defect)
        lines = [[start - first_line + 1, end - first_line + 1] for start, end in row["lines"]]
        row["lines"] = [line for line in lines if line[0] >= 1]
        found.append(row)
    return tuple(found)
