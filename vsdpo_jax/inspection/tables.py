"""A scene and its defects as plain JSON values, with line numbers in place of statements."""

from __future__ import annotations

import dataclasses
from typing import Any

from vsdpo_jax.feedback.credit import shares
from vsdpo_jax.feedback.geometry import union
from vsdpo_jax.types import Defect, Scene, Statement

# A statement is named beside a defect if it carries at least this share of the blame: who made the thing, the line
# that called it, and that line's caller.
NAMED = 0.25


def scene_json(scene: Scene) -> dict[str, Any]:
    """The scene without its pixels; elements carry the lines of their most responsible statement."""
    elements = []
    for element in scene.elements:
        lines = element.statements[0] if element.statements else None
        elements.append(
            {
                "kind": element.kind,
                "box": [round(edge, 1) for edge in element.box],
                "text": element.text,
                "line_start": lines.line_start if lines else None,
                "line_end": lines.line_end if lines else None,
                "group": element.group,
                "color": element.color,
                "background": element.background,
                "font_size": element.font_size,
                "clip": element.clip,
            }
        )
    error = dataclasses.asdict(scene.error) if scene.error is not None else None
    size = {"width": scene.width, "height": scene.height}
    return {"kind": scene.kind, **size, "elements": elements, "warnings": scene.warnings, "error": error}


def defect_json(scene: Scene, defect: Defect) -> dict[str, Any]:
    """A defect with the lines that carry its blame, the most responsible first, and the box around all of it."""
    return {
        "kind": defect.kind,
        "lines": [[statement.line_start, statement.line_end] for statement in guilty(scene, defect)],
        "box": [round(edge, 1) for edge in union(defect.boxes)] if defect.boxes else None,
        "message": defect.message,
    }


def guilty(scene: Scene, defect: Defect) -> list[Statement]:
    """The statements that are named beside a defect, in the order of their blame; none where nobody knows."""
    blame = shares(scene, defect)
    named = [statement for statement in defect.statements if blame[statement] >= NAMED]
    return named or list(defect.statements[:1])
