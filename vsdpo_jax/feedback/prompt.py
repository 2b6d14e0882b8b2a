"""The teacher's extra turn: what went wrong with the response that it is about to re-read."""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.feedback.rubric import rubric
from vsdpo_jax.types import Defect, Scene

_RENDERED = "The image shows your render. Defects: {}\nWrite the corrected code."
_FAILED = "Your code failed:\n{}\nWrite the corrected code."


def feedback_text(scene: Scene, defects: Sequence[Defect], max_chars: int) -> str:
    """The rubric of a render, or the traceback of a failure, in at most about `max_chars` characters.

    The render itself is put in front of this text as an image by the packer. Program text is inserted, never
    interpreted: braces, quotes and instructions in it stay what they are.
    """
    if scene.error is None:
        return _RENDERED.format(rubric(defects, max_chars - len(_RENDERED)))
    error = scene.error
    report = error.traceback.strip() or error.message
    if error.message not in report:
        report = f"{report}\n{error.message}"
    room = max(0, max_chars - len(_FAILED))
    return _FAILED.format(_last_lines(report, room))


def _last_lines(report: str, room: int) -> str:
    """The end of a report, cut at a line: a traceback says what happened last."""
    lines = report.splitlines()
    while len(lines) > 1 and len("\n".join(lines)) > room:
        lines.pop(0)
    text = "\n".join(lines)
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
