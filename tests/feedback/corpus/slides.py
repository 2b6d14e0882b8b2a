# ruff: noqa: E501 (a statement a line)
"""Clean HTML slides of 1280 x 720: a heading and a body that fills the slide, in flow or placed by coordinates."""

from __future__ import annotations

import numpy as np

from tests.feedback.corpus import parts
from tests.feedback.corpus.case import Design
from tests.feedback.corpus.pages import document

WIDTH = 1152
BUILDERS = {
    "cards": lambda rng, theme: [parts.cards(rng, theme, WIDTH, 340)],
    "stats": lambda rng, theme: [parts.stats(rng, theme, WIDTH), parts.bullets(rng, theme, 28)],
    "table": lambda rng, theme: [parts.table(rng, theme, WIDTH, 14), parts.stats(rng, theme, WIDTH)],
    "columns": lambda rng, theme: [parts.columns(rng, theme, WIDTH, 30, 7)],
    "picture": lambda rng, theme: [parts.picture(rng, theme, WIDTH, 28, 420, 380)],
    "steps": lambda rng, theme: [parts.steps(rng, theme, WIDTH), parts.columns(rng, theme, WIDTH, 26, 6)],
    "placed": lambda rng, theme: [_placed(rng, theme)],
    "list": lambda rng, theme: [parts.bullets(rng, theme, 36, 7)],
}
FAMILIES = tuple(BUILDERS)


def design(seed: int) -> Design:
    """A clean slide; the families take turns."""
    rng = np.random.default_rng([4, seed])
    family = FAMILIES[seed % len(FAMILIES)]
    theme = parts.THEMES[int(rng.integers(len(parts.THEMES)))]
    made = BUILDERS[family](rng, theme)
    rules = [
        ("body.css", f"body {{ margin: 0; font-family: {rng.choice(parts.FONTS)}; }}"),
        ("slide.css", ".slide { position: relative; width: 1280px; height: 720px; box-sizing: border-box; overflow: hidden; "
                      f"padding: 48px 64px; background: {theme[0]}; color: {theme[1]}; }}"),
        ("h1.css", f"h1 {{ font-size: {rng.choice([44, 48, 54])}px; margin: 0 0 12px; color: {theme[2]}; }}"),
        ("lead.css", ".lead { font-size: 24px; margin: 0 0 28px; }"),
        ("foot.css", ".foot { position: absolute; left: 64px; right: 64px; bottom: 24px; font-size: 16px; text-align: right; }"),
        *[line for part in made for line in part.rules],
    ]  # fmt: skip
    body = [
        ("slide", '<div class="slide">'),
        ("h1", f"<h1>{parts.words(rng)}</h1>"),
        ("lead", f'<p class="lead">{parts.sentence(rng)}</p>'),
        *[line for part in made for line in part.body],
        ("foot", f'<div class="foot">{parts.words(rng)} {rng.integers(1, 40)}</div>'),
        ("close", "</div>"),
    ]
    lines = document(rules, body)
    twin = tuple((role, text.replace("padding: 48px 64px;", "padding: 44px 64px;")) for role, text in lines)
    facts = {"domain": "slide", "parts": tuple(part.name for part in made), "theme": theme, "width": WIDTH}
    return Design(family, lines, facts, twin)


def _placed(rng: np.random.Generator, theme: tuple[str, ...]) -> parts.Part:
    """Boxes at coordinates, as drawing programs and models write them."""
    rules = [
        (
            "box.css",
            f".box {{ position: absolute; background: {theme[3]}; padding: 14px; box-sizing: border-box; font-size: 20px; }}",
        )
    ]
    body = []
    for i in range(4):
        left, top = 64 + 592 * (i % 2), 220 + 220 * (i // 2)
        place = f"left:{left}px;top:{top}px;width:560px;height:190px"
        body.append((f"box{i}", f'<div class="box" style="{place}">{parts.paragraph(rng, 3)}</div>'))
    return parts.Part("placed", rules, body)
