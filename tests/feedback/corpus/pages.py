# ruff: noqa: E501 (a statement a line)
"""Clean web pages: a heading and two or three parts in one of several themes."""

from __future__ import annotations

import numpy as np

from tests.feedback.corpus import parts
from tests.feedback.corpus.case import Design

WIDTH = 1000
BUILDERS = {
    "cards": lambda rng, theme: parts.cards(rng, theme, WIDTH),
    "stats": lambda rng, theme: parts.stats(rng, theme, WIDTH),
    "table": lambda rng, theme: parts.table(rng, theme, WIDTH),
    "list": lambda rng, theme: parts.bullets(rng, theme, 17),
    "columns": lambda rng, theme: parts.columns(rng, theme, WIDTH, 16),
    "picture": lambda rng, theme: parts.picture(rng, theme, WIDTH, 17),
    "form": lambda rng, theme: parts.form(rng, theme, WIDTH),
    "steps": lambda rng, theme: parts.steps(rng, theme, WIDTH),
}
FAMILIES = tuple(BUILDERS)


def design(seed: int) -> Design:
    """A clean page; the first parts take turns, the others are drawn."""
    rng = np.random.default_rng([3, seed])
    first = FAMILIES[seed % len(FAMILIES)]
    others = [str(name) for name in rng.permutation(FAMILIES) if name != first][: int(rng.integers(1, 3))]
    theme = parts.THEMES[int(rng.integers(len(parts.THEMES)))]
    made = [BUILDERS[name](rng, theme) for name in (first, *others)]
    margin, size = int(rng.choice([24, 32, 40])), int(rng.choice([30, 34, 40]))
    rules = [
        (
            "body.css",
            f"body {{ margin: {margin}px; background: {theme[0]}; color: {theme[1]}; font-family: {rng.choice(parts.FONTS)}; }}",
        ),
        ("h1.css", f"h1 {{ font-size: {size}px; margin: 0 0 12px; }}"),
        ("lead.css", ".lead { font-size: 18px; margin: 0 0 20px; }"),
        ("nav.css", f".nav {{ background: {theme[3]}; padding: 12px 16px; margin-bottom: 24px; font-size: 16px; }}"),
        ("foot.css", ".foot { margin-top: 28px; font-size: 14px; border-top: 1px solid #888; padding-top: 10px; }"),
        *[line for part in made for line in part.rules],
    ]
    body = [
        ("nav", f'<div class="nav">{" | ".join(str(name) for name in rng.choice(parts.NAMES, 4, replace=False))}</div>'),
        ("h1", f"<h1>{parts.words(rng)}</h1>"),
        ("lead", f'<p class="lead">{parts.sentence(rng)}</p>'),
        *[line for part in made for line in part.body],
        ("foot", f'<div class="foot">{parts.words(rng)}</div>'),
    ]  # fmt: skip
    lines = document(rules, body)
    twin = tuple((role, text.replace(f"margin: {margin}px;", f"margin: {margin + 4}px;")) for role, text in lines)
    facts = {"domain": "web", "parts": (first, *others), "theme": theme, "width": WIDTH}
    return Design(first, lines, facts, twin)


def document(rules: parts.Lines, body: parts.Lines) -> tuple[tuple[str, str], ...]:
    """A whole document of one statement a line."""
    return (
        ("", '<!doctype html><html lang="en"><head><meta charset="utf-8">'),
        ("", "<style>"),
        *rules,
        ("rules", "</style>"),
        ("", "</head><body>"),
        *body,
        ("end", "</body></html>"),
    )
