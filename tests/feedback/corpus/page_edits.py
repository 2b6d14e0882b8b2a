# ruff: noqa: E501 (a statement a line)
"""What the injectors of defects in pages and HTML slides have in common."""

from __future__ import annotations

from tests.feedback.corpus.case import Design

PALE = {True: ("#dddddd", "#e8e8e8", "lightgray", "#f0e6c8"), False: ("#333333", "#2b2b3a", "#3a2f2f", "#26323a")}
ITEMS = ("card", "stat", "step", "column", "item", "label", "box")


def items_of(design: Design) -> list[str]:
    for name in ITEMS:
        found = [role for role in design.roles(name) if role[len(name) :].isdigit()]
        if len(found) >= 2:
            return found
    return []


def styled(line: str, style: str) -> str:
    """The line with a declaration more in its first start tag."""
    head, tail = line.split(">", 1)
    if 'style="' in head:
        return head.replace('style="', f'style="{style};') + ">" + tail
    return f'{head} style="{style}">{tail}'


def rule(design: Design, role: str, declaration: str) -> dict[str, str]:
    return {role: design.text(role).replace(" }", f" {declaration}; }}")}


def absolute(x: int, y: int, words: str, more: str = "") -> str:
    return f'<p style="position:absolute;left:{x}px;top:{y}px;margin:0;font-size:18px;white-space:nowrap;{more}">{words}</p>'


def place(design: Design) -> str:
    return "close" if design.facts["domain"] == "slide" else "end"


def light(design: Design) -> bool:
    return design.facts["theme"][0] in ("#ffffff", "#fdfaf4", "#f7f7f7")


def without(rule: str, start: str) -> str:
    body = [part for part in rule.split(";") if not part.strip().startswith(start)]
    return ";".join(body)
