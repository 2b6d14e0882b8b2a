"""Cuts the warm-start texts where a token must not cross: at decided values, quoted text, labels and line ends.

The same word is then the same tokens in an instruction, in a program and in feedback: copying is easy to learn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_QUOTES = re.compile(r"(')")


def of_program(source: str, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Fragments of a program: boilerplate with its quotes, quoted texts, and the decided values at `spans`."""
    cuts = {0, len(source)}
    for start, end in spans:
        cuts |= {start, end}
    # Without this cut "ax.bar" becomes a token of `ax.bar_label`, and stands across the border of the chart kind.
    cuts |= {match.end() for match in re.finditer(r"\bax\.(?=bar)", source)}
    for line in re.finditer(r"[^\n]*\n?", source):
        cuts |= {line.start(), line.end()}
        quotes = [quote.start() for quote in _QUOTES.finditer(line.group())]
        # Text between an opening and a closing quote; the quotes belong to the boilerplate around it.
        for opening, closing in zip(quotes[::2], quotes[1::2], strict=False):
            cuts |= {line.start() + opening + 1, line.start() + closing}
    ordered = sorted(cuts)
    for start, end in zip(ordered, ordered[1:], strict=False):
        yield source[start:end].strip("\n")


def of_instruction(text: str) -> Iterator[str]:
    """Fragments of an instruction: names of fields and labels, the separator, what it separates."""
    for line in text.split("\n"):
        name, separator, value = line.partition(": ")
        yield from (name, separator, value)


def of_feedback(text: str) -> Iterator[str]:
    """Fragments of feedback: quoted names apart from the sentences that quote them, cut at numbers."""
    for line in text.split("\n"):
        for index, piece in enumerate(re.split(r"['\"]", line)):
            if index:
                yield '"'
            yield from re.split(r"\d+", piece)
