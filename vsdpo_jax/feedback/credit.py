"""Visual-grounded code credit: defects to statements to weights on the sampled tokens.

    resp(s) = max over defects d of IoU(region(s), region(d)) * severity(d) * 0.5 ** rank(s, d)
    w_t     = 1 + (alpha - 1) * resp(statement of token t)

region(s) is the set of boxes of the elements that statement s made, region(d) the set of boxes of the defect, and
the IoU of two sets is that of their most similar pair: a statement that drew the clipped title has IoU 1 with it,
however many other things it drew. Only statements that the defect names can carry its blame. rank(s, d) is 0 for
the statement that made the element (or changed the looks in question) and grows along the chain of its callers, so
that a helper carries twice as much as the line that calls it. A helper most of whose products are fine is not what is
wrong: it and the line that called it with bad values change places (`defect.responsible`). A token belongs to the
innermost statement around it. An execution error has no region: the failing statement has responsibility 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from vsdpo_jax.feedback.defect import excused, responsible
from vsdpo_jax.feedback.geometry import iou
from vsdpo_jax.types import Credit, Defect, Scene, Statement

CALLER_SHARE = 0.5


def responsibilities(scene: Scene, defects: Sequence[Defect]) -> dict[Statement, float]:
    """Statement -> resp in 0–1, for every statement of the scene and every one that a defect names."""
    found = dict.fromkeys(scene.statements, 0.0)
    for defect in defects:
        for statement, blame in shares(scene, defect).items():
            found[statement] = max(found.get(statement, 0.0), blame)
    return dict(sorted(found.items()))


def shares(scene: Scene, defect: Defect) -> dict[Statement, float]:
    """Statement -> its responsibility for one defect, for those that the defect names, in its order."""
    if scene.error is not None or not defect.boxes:
        return {one: defect.severity * CALLER_SHARE**rank for rank, one in enumerate(defect.statements)}
    innocent = excused(scene, defect.kind, defect.elements)
    found = dict.fromkeys(defect.statements, 0.0)
    behind: set[Statement] = set()
    for index, element in enumerate(scene.elements):
        if found.keys().isdisjoint((*element.statements, *(statement for _, statement in element.styles))):
            continue
        chain = responsible(scene, element, defect.kind, innocent)
        likeness = max(iou(element.box, box) for box in defect.boxes)
        for rank, statement in enumerate(chain):
            if statement in found:
                found[statement] = max(found[statement], defect.severity * likeness * CALLER_SHARE**rank)
        if index in defect.elements:
            behind.update(chain)
    # A statement that made none of the elements was named by the model (`fallback.py`): it drew the region.
    return {one: share if one in behind else defect.severity for one, share in found.items()}


def blamed_first(scene: Scene, defect: Defect) -> Defect:
    """The defect with the statements that carry most of its blame in front; equal ones keep their order."""
    blame = shares(scene, defect)
    return dataclasses.replace(defect, statements=tuple(sorted(blame, key=lambda statement: -blame[statement])))


def assign(scene: Scene, defects: Sequence[Defect], spans: np.ndarray, code_start: int, alpha: float) -> Credit:
    """Weights of the sampled tokens.

    Args:
      scene: the render of the code in the response.
      defects: of that render.
      spans: int32[R, 2], characters of the response text that each sampled id wrote.
      code_start: where the code starts in the response text.
      alpha: the largest weight, at least 1.
    """
    if alpha < 1:
        raise ValueError(f"alpha={alpha} must be at least 1: guilty tokens weigh more, not less")
    blame = responsibilities(scene, defects)
    by_character = np.zeros(len(scene.source) + 1, np.float32)
    # Outer statements first, so that inner ones overwrite them.
    for statement in sorted(blame, key=lambda statement: (statement.start, -statement.end)):
        by_character[statement.start : statement.end] = blame[statement]
    weights = np.ones(len(spans), np.float32)
    for token, (start, end) in enumerate(np.asarray(spans) - code_start):
        covered = by_character[max(0, start) : max(0, end)]
        if len(covered):
            weights[token] = 1 + (alpha - 1) * covered.max()
    return Credit(tuple(blame.items()), weights)
