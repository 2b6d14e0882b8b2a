"""Slips of authors: one text or number of the instruction is miscopied, as small models do all the time.

A report quotes what stands there and what should, so following it is a matter of reading.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

from vsdpo_jax.data.tasks import words
from vsdpo_jax.data.tasks.domain import choose

_TEXTS = {"note": words.NOTES, "series": words.SERIES}


def miscopied(content: Any, rng: np.random.Generator) -> Any:
    """`content` with one of its texts or numbers changed, or one of its categories left out."""
    possible = ["title", "label", "value", *(name for name in _TEXTS if getattr(content, name, ""))]
    name = choose(rng, possible)
    if name in _TEXTS:
        return dataclasses.replace(content, **{name: _other(_TEXTS[name], getattr(content, name), rng)})
    if name == "title":
        return dataclasses.replace(content, title=_retitled(content.title, rng))
    place = int(rng.integers(len(content.labels)))
    labels, values = list(content.labels), list(content.values)
    if name == "value":
        # Another of its own numbers, or a digit more or less.
        values[place] = _other((*content.values, values[place] * 10, values[place] // 10 + 1), values[place], rng)
    elif len(labels) > 3 and rng.random() < 0.5:
        del labels[place], values[place]
    else:
        labels[place] = _other(choose(rng, words.GROUPS).words, labels[place], rng)
    return dataclasses.replace(content, labels=tuple(labels), values=tuple(values))


def restored(content: Any, written: Any, source: str) -> list[tuple[int, int]]:
    """Characters [start, end) of `source`, made of `content`, where `written` had something else."""
    patterns = [
        re.escape(getattr(content, name))
        for name in ("title", *_TEXTS)
        if getattr(content, name, "") != getattr(written, name, "")
    ]
    there = set(zip(written.labels, written.values, strict=True))
    for label, value in zip(content.labels, content.values, strict=True):
        if (label, value) not in there:
            # Side by side on pages and slides; charts have a line of labels and one of values.
            single = rf"(?<=')\b{label}\b(?=')" if label not in written.labels else rf"(?<=[\[ ]){value}(?=[],])"
            patterns.append(rf"\b{label}(: |<br>){value}\b|{single}")
    found = (re.search(pattern, source) for pattern in patterns)
    return [match.span() for match in found if match]


def _retitled(title: str, rng: np.random.Generator) -> str:
    """The title with one of its words from elsewhere."""
    parts = title.split()
    place = int(rng.integers(len(parts)))
    others = [word for subject in words.SUBJECTS for word in subject.name.split()]
    parts[place] = _other((*others, *(group.name for group in words.GROUPS)), parts[place], rng)
    return " ".join(parts)


def _other(options: tuple, than: Any, rng: np.random.Generator):
    return choose(rng, [option for option in options if option != than])
