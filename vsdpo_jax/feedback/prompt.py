"""The teacher's extra turn: what went wrong with the response that it is about to re-read."""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.feedback.rubric import rubric, shortened
from vsdpo_jax.types import Defect, RenderError, Scene

_RENDERED = ("The image shows your render. Defects: ", "\nWrite the corrected code.")
_FAILED = ("Your code failed:\n", "\nWrite the corrected code.")


def feedback_text(scene: Scene, defects: Sequence[Defect], max_chars: int) -> str:
    """The rubric of a render, or the traceback of a failure, in at most `max_chars` characters.

    The render itself is put in front of this text as an image by the packer. Program text is inserted, never
    interpreted: braces, quotes and instructions in it stay what they are. Where not even the frame around the report
    fits, there is no text.
    """
    before, after = _RENDERED if scene.error is None else _FAILED
    room = max_chars - len(before) - len(after)
    if room < 2:
        return ""
    report = rubric(defects, room) if scene.error is None else _traceback(scene.error, room)
    # An empty list would say that nothing is wrong.
    return "" if report == "[]" and defects else before + report + after


def without_rubric() -> str:
    """The turn of a render about which nothing is said: for a control of what the report teaches."""
    return "The image shows your render." + _RENDERED[1]


def _traceback(error: RenderError, room: int) -> str:
    """The last lines of a traceback that fit whole: they say what happened last.

    A lone line that is too long is cut between words, with a mark.
    """
    report = error.traceback.strip() or error.message
    if error.message not in report:
        report = f"{report}\n{error.message}"
    lines = report.splitlines()
    while len(lines) > 1 and len("\n".join(lines)) > room:
        lines.pop(0)
    text = "\n".join(lines)
    return text if len(text) <= room else shortened(text, room)
