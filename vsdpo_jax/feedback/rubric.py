"""Defects as compact JSON, shortened as text when there are many."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from vsdpo_jax.types import Defect


def rubric(defects: Sequence[Defect], max_chars: int) -> str:
    """A JSON list of {"kind", "line", "message"}, the gravest first; the rest is counted by kind in a last entry.

    `line` is that of the most responsible statement and left out where none is known. The list is valid JSON of at
    most `max_chars` characters as long as that leaves room for the counts.
    """
    ordered = sorted(defects, key=lambda defect: -defect.severity)
    for count in range(len(ordered), -1, -1):
        text = _dump(ordered[:count], ordered[count:])
        if len(text) <= max_chars:
            break
    return text


def _dump(shown: Sequence[Defect], rest: Sequence[Defect]) -> str:
    entries = [_entry(defect) for defect in shown]
    if rest:
        entries.append({"more": dict(Counter(defect.kind for defect in rest))})
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))


def _entry(defect: Defect) -> dict:
    line = {"line": defect.statements[0].line_start} if defect.statements else {}
    return {"kind": defect.kind, **line, "message": defect.message}
