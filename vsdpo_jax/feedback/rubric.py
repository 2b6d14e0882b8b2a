"""Defects as compact JSON, shortened as text when there are many."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator, Sequence

from vsdpo_jax.types import Defect

SHORTEST_MESSAGE = 16


def rubric(defects: Sequence[Defect], max_chars: int) -> str:
    """A JSON list of {"kind", "line", "message"}, the gravest first; the rest is counted by kind in a last entry.

    `line` is that of the most responsible statement and left out where none is known. The list is valid JSON of at
    most `max_chars` characters: a first entry that is too long alone gets a message of fewer words, and `[]` says that
    not even the counts fit.
    """
    ordered = sorted(defects, key=lambda defect: -defect.severity)
    for count in range(len(ordered), 0, -1):
        text = _dump(ordered[:count], ordered[count:])
        if len(text) <= max_chars:
            return text
    for defect in _shortened(ordered[0]) if ordered else ():
        text = _dump([defect], ordered[1:])
        if len(text) <= max_chars:
            return text
    counts = _dump([], ordered)
    return counts if len(counts) <= max_chars else "[]"


def shortened(text: str, room: int) -> str:
    """The first words of a text that fit into `room` characters with the mark that there were more.

    A text without a space, as Chinese has none, is cut between characters.
    """
    if len(text) <= room:
        return text
    head = text[: max(0, room - 1)]
    whole = head if text[len(head) : len(head) + 1].isspace() else head.rpartition(" ")[0]
    return (whole.rstrip() or head) + "…" if room > 0 else ""


def _shortened(defect: Defect) -> Iterator[Defect]:
    for length in range(len(defect.message) - 1, SHORTEST_MESSAGE, -1):
        yield dataclasses.replace(defect, message=shortened(defect.message, length))


def _dump(shown: Sequence[Defect], rest: Sequence[Defect]) -> str:
    entries = [_entry(defect) for defect in shown]
    if rest:
        entries.append({"more": dict(Counter(defect.kind for defect in rest))})
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))


def _entry(defect: Defect) -> dict:
    line = {"line": defect.statements[0].line_start} if defect.statements else {}
    return {"kind": defect.kind, **line, "message": defect.message}
