"""Programs with the judgement of a person written beside them: which line is responsible for what the program shows.

A line that ends in `#> what; what` is responsible for every element that matches one of them: `kind`, `kind=text`,
`kind@group` (a part of the name of the group), or `=text` for a text of whatever kind. The marks are taken out
before the program runs.
"""

from __future__ import annotations

import dataclasses
import re

MARK = re.compile(r"[ \t]*#> ([^\n]*)$", re.M)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How many elements were judged by hand, how many there are, and which belong to a line that they should not."""

    judged: int
    visible: int
    wrong: tuple[str, ...]


def read(marked: str) -> tuple[str, dict[str, int]]:
    """(source, {what: line})."""
    source = MARK.sub("", marked)
    expected = {}
    for number, line in enumerate(marked.split("\n"), 1):
        if found := MARK.search(line):
            expected |= {what.strip(): number for what in found[1].split(";")}
    return source, expected


def matches(element, what: str) -> bool:
    """Whether an element is one of those that a mark names."""
    kind, equals, text = what.partition("=")
    if equals:
        return element.text == text and kind in ("", element.kind)
    kind, _, group = what.partition("@")
    return element.kind == kind and group in element.group


def judge(scene, expected: dict[str, int]) -> Judgement:
    """Compares what the renderer says with what a person says; a mark that matches nothing is wrong as well.

    Elements without a mark are right if their statement can have made them.
    """
    wrong, judged = [], set()
    # The more particular marks come first: `text=a` before `text`.
    for what, line in sorted(expected.items(), key=_particular, reverse=True):
        found = [(i, e) for i, e in enumerate(scene.elements) if matches(e, what)]
        if not found:
            wrong.append(f"nothing is {what!r}")
        for index, element in found:
            if index in judged:
                continue
            judged.add(index)
            lines = [statement.line_start for statement in element.statements[:1]]
            if lines != [line]:
                wrong.append(f"{element.kind} {element.text!r} ({what}): line {lines} instead of {line}")
    rest = [element for index, element in enumerate(scene.elements) if index not in judged]
    wrong += [f"{e.kind} {e.text!r} belongs to {_said(scene, e)[:60]!r}" for e in rest if not is_plausible(scene, e)]
    return Judgement(len(judged), len(scene.elements), tuple(wrong))


def is_plausible(scene, element) -> bool:
    """Whether the statement of an element that nobody marked can have made it, by what it says."""
    said = _said(scene, element)
    if scene.kind == "web":
        # The browser puts these around what a document does not wrap in them.
        if element.kind in ("body", "tbody") and not said:
            return True
        return "<script" in scene.source or said.lower().startswith(f"<{element.kind}")
    if scene.kind == "pptx":
        return ("add_" if not element.text else "text") in said or "add_chart" in said
    return "(" in said


def _said(scene, element) -> str:
    return "".join(scene.source[s.start : s.end] for s in element.statements[:1])


def _particular(mark: tuple[str, int]) -> tuple[bool, bool, int]:
    return "=" in mark[0], "@" in mark[0], len(mark[0])
