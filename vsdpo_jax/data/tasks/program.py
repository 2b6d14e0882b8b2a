"""Programs as authors write them: one statement a line, each with its role and the values that were decided.

A defect that is traced to a line is traced to its role, and by `Blame.owned` to a few decisions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Span = tuple[int, int]
# Plain text, or (decision, its value as text).
Part = str | tuple[str, str]
# (role, name of the failure) -> what becomes of the statement; it raises when the program runs.
Failures = Mapping[tuple[str, str], Callable[[str], str]]


@dataclasses.dataclass(frozen=True)
class Program:
    """A program.

    Attributes:
      content, decisions: what it was made of.
      source: one statement a line.
      roles: the role of every line, `roles[0]` being line 1.
      spans: characters [start, end) of `source` where a decision's value stands, by decision; of one whether to write
        a statement at all, what it begins with.
    """

    content: Any
    decisions: Any
    source: str
    roles: tuple[str, ...]
    spans: dict[str, Span]

    def wording(self, role: str) -> tuple[Span, ...]:
        """Characters [start, end) of the statements with `role` that no decision chose."""
        found, start = [], 0
        for own, line in zip(self.roles, self.source.split("\n"), strict=True):
            end = start + len(line)
            if own == role:
                inner = sorted(span for span in self.spans.values() if start <= span[0] < end)
                edges = [start, *(edge for span in inner for edge in span), end]
                found += [span for span in zip(edges[::2], edges[1::2], strict=True) if span[0] < span[1]]
            start = end + 1
        return tuple(found)


def write(
    statements: Iterable[tuple[str, Sequence[Part]]], content: Any, decisions: Any, failures: Failures
) -> Program:
    """Puts (role, parts) of every line together; `decisions.failures` names the statements that are to raise."""
    text, roles, spans = "", [], {}
    failing = dict(decisions.failures)
    for role, parts in statements:
        line, found = "", {}
        for part in parts:
            if isinstance(part, str):
                line += part
                continue
            name, value = part
            found[name] = (len(line), len(line) + len(value))
            line += value
        if role in failing:
            line, found = failures[role, failing[role]](line), {}
        for name, (start, end) in found.items():
            spans[name] = (len(text) + start, len(text) + end)
        text += line + "\n"
        roles.append(role)
    return Program(content, decisions, text.removesuffix("\n"), tuple(roles), spans)


def replacing(old: str, new: str) -> Callable[[str], str]:
    """A failure that writes `new` for the first `old`."""
    return lambda line: line.replace(old, new, 1)
