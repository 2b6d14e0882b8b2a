# ruff: noqa: E501 (a statement a line)
"""Parts of pages and slides: each gives style rules and elements, one a line, with the roles that injectors change."""

from __future__ import annotations

import base64
import dataclasses
import io

import numpy as np
from PIL import Image

Lines = list[tuple[str, str]]
NAMES = (
    "Harbour Garden Station Market Museum Library Theatre Bakery Studio Workshop Valley Forest River Bridge Castle "
    "Island Meadow Orchard Mill Tower"
).split()
VERBS = "opens closes grows moves sells buys paints repairs teaches collects prints delivers plans counts".split()
THINGS = (
    "fresh bread|old maps|quiet rooms|paper boats|bicycle parts|winter coats|garden tools|good coffee|small engines|"
    "clay pots|wooden toys|local honey"
).split("|")
# Background, text, accent, tint behind cards: each pair in use has a contrast above 4.5.
THEMES = (
    ("#ffffff", "#222222", "#1d4e89", "#eef3f8"),
    ("#fdfaf4", "#2b2320", "#8a3b12", "#f3e7d8"),
    ("#f7f7f7", "#1f2933", "#0b6e4f", "#e3f1ec"),
    ("#14213d", "#f5f5f5", "#fca311", "#22335a"),
    ("#ffffff", "#333333", "#6a1b9a", "#f4ecf8"),
    ("#101418", "#e6e6e6", "#7fd1ae", "#1f2a30"),
)
FONTS = ("Arial, sans-serif", "Helvetica, sans-serif", "Georgia, serif", "'Times New Roman', serif", "sans-serif")


@dataclasses.dataclass(frozen=True)
class Part:
    """Style rules and body lines; `roles` are those of its repeated items."""

    name: str
    rules: Lines
    body: Lines


def sentence(rng: np.random.Generator) -> str:
    return f"The {rng.choice(NAMES).lower()} {rng.choice(VERBS)} {rng.choice(THINGS)}"


def words(rng: np.random.Generator) -> str:
    return f"{rng.choice(NAMES)} {rng.choice(NAMES).lower()}"


def paragraph(rng: np.random.Generator, count: int = 3) -> str:
    return ". ".join(sentence(rng) for _ in range(count)) + "."


def picture_data(rng: np.random.Generator, width: int, height: int) -> str:
    """A small picture with some structure, as a data address."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    first, second = rng.integers(30, 200, 3), rng.integers(30, 200, 3)
    mixed = (np.sin(6 * x + 4 * y) > 0)[..., None]
    file = io.BytesIO()
    Image.fromarray(np.where(mixed, first, second).astype(np.uint8)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def cards(rng: np.random.Generator, theme, width: int, tall: int = 0) -> Part:
    count = int(rng.integers(3, 5))
    gap = int(rng.choice([16, 20, 24]))
    style = str(rng.choice(["border-radius:8px;", "border:1px solid #999;", ""]))
    room = (width - gap * (count - 1)) // count
    height = f"height:{tall}px;" if tall else ""
    how = str(rng.choice(["flex", "grid", "inline"]))
    rules = [
        ("cards.css", {
            "flex": f".cards {{ display: flex; gap: {gap}px; }}",
            "grid": f".cards {{ display: grid; grid-template-columns: repeat({count}, {room}px); gap: {gap}px; }}",
            "inline": f".cards {{ display: flex; justify-content: space-between; width: {width}px; }}",
        }[how]),
        ("card.css", f".card {{ background: {theme[3]}; padding: 16px; width: {room}px; box-sizing: border-box; {style}{height} }}"),
        ("card.h.css", f".card h3 {{ color: {theme[2]}; margin: 0 0 8px; font-size: {rng.choice([18, 20, 22])}px; }}"),
        ("card.p.css", f".card p {{ margin: 0; font-size: {rng.choice([14, 15, 16])}px; }}"),
    ]  # fmt: skip
    body = [("", '<div class="cards">')]
    body += [
        (f"card{i}", f'<div class="card"><h3>{rng.choice(NAMES)}</h3><p>{sentence(rng)}</p></div>')
        for i in range(count)
    ]
    return Part("cards", rules, [*body, ("", "</div>")])


def stats(rng: np.random.Generator, theme, width: int) -> Part:
    count = int(rng.integers(3, 6))
    rules = [
        ("stats.css", f".stats {{ display: flex; justify-content: space-between; width: {width}px; margin: 20px 0; }}"),
        ("stat.css", ".stat { width: 150px; text-align: center; }"),
        ("stat.b.css", f".stat b {{ display: block; font-size: 34px; color: {theme[2]}; }}"),
        ("stat.s.css", ".stat span { font-size: 15px; }"),
    ]
    body = [("", '<div class="stats">')]
    body += [
        (f"stat{i}", f'<div class="stat"><b>{rng.integers(2, 99)}%</b><span>{rng.choice(NAMES)}</span></div>')
        for i in range(count)
    ]
    return Part("stats", rules, [*body, ("", "</div>")])


def table(rng: np.random.Generator, theme, width: int, padding: int = 8) -> Part:
    rules = [
        ("table.css", f"table {{ border-collapse: collapse; width: {width}px; margin: 16px 0; table-layout: fixed; }}"),
        (
            "cell.css",
            f"td, th {{ padding: {padding}px 12px; text-align: left; border-bottom: 1px solid #888; font-size: {8 + padding}px; }}",
        ),
        ("th.css", f"th {{ color: {theme[2]}; }}"),
    ]
    rows = [("row0", "<tr><th>Place</th><th>Visitors</th><th>Change</th></tr>")]
    rows += [
        (
            f"row{i}",
            f"<tr><td>{rng.choice(NAMES)}</td><td>{rng.integers(100, 9000)}</td><td>+{rng.integers(1, 30)}%</td></tr>",
        )
        for i in range(1, int(rng.integers(4, 6)))
    ]
    return Part("table", rules, [("", "<table>"), *rows, ("", "</table>")])


def bullets(rng: np.random.Generator, theme, size: int, most: int = 5) -> Part:
    rules = [
        ("list.css", f"ul {{ margin: 16px 0; padding-left: 28px; font-size: {size}px; line-height: 1.5; }}"),
        ("item.css", "li { margin-bottom: 6px; }"),
    ]
    items = [(f"item{i}", f"<li>{sentence(rng)}</li>") for i in range(int(rng.integers(most - 2, most + 1)))]
    return Part("list", rules, [("", "<ul>"), *items, ("", "</ul>")])


def columns(rng: np.random.Generator, theme, width: int, size: int, sentences: int = 4) -> Part:
    rules = [
        ("columns.css", f".columns {{ display: grid; grid-template-columns: 1fr 1fr; gap: 40px; width: {width}px; }}"),
        ("column.css", f".column {{ font-size: {size}px; line-height: 1.45; }}"),
    ]
    body = [
        ("", '<div class="columns">'),
        ("column0", f'<div class="column">{paragraph(rng, sentences)}</div>'),
        ("column1", f'<div class="column">{paragraph(rng, sentences)}</div>'),
        ("", "</div>"),
    ]
    return Part("columns", rules, body)


def picture(rng: np.random.Generator, theme, width: int, size: int, shown: int = 400, tallest: int = 600) -> Part:
    natural = (int(rng.integers(60, 120)), int(rng.integers(50, 90)))
    shown = min(shown + int(rng.choice([-20, 0, 20])), tallest * natural[0] // natural[1])
    rules = [
        (
            "figure.css",
            f".figure {{ display: flex; gap: 40px; align-items: center; width: {width}px; margin: 16px 0; }}",
        ),
        ("img.css", f"img {{ flex: none; width: {shown}px; height: {round(shown * natural[1] / natural[0])}px; }}"),
        ("beside.css", f".beside {{ font-size: {size}px; line-height: 1.45; }}"),
    ]
    body = [
        ("", '<div class="figure">'),
        ("img", f'<img alt="a picture" src="{picture_data(rng, *natural)}">'),
        ("beside", f'<div class="beside">{paragraph(rng, 3)}</div>'),
        ("", "</div>"),
    ]
    return Part("picture", rules, body)


def form(rng: np.random.Generator, theme, width: int) -> Part:
    rules = [
        ("form.css", ".form { width: 420px; margin: 16px 0; }"),
        ("label.css", ".form label { display: block; font-size: 15px; margin: 10px 0 4px; }"),
        ("input.css", ".form input { width: 100%; box-sizing: border-box; padding: 6px; font-size: 15px; }"),
    ]
    body = [("", '<div class="form">')]
    for i in range(3):
        body += [(f"label{i}", f"<label>{words(rng)}</label>"), ("", "<input>")]
    return Part("form", rules, [*body, ("", "</div>")])


def steps(rng: np.random.Generator, theme, width: int) -> Part:
    count = int(rng.integers(4, 6))
    rules = [
        ("steps.css", f".steps {{ display: flex; width: {width}px; gap: 30px; margin: 24px 0; }}"),
        ("step.css", f".step {{ flex: 1; border-top: 4px solid {theme[2]}; padding-top: 10px; font-size: 17px; }}"),
    ]
    body = [("", '<div class="steps">')]
    body += [(f"step{i}", f'<div class="step">{i + 1}. {rng.choice(NAMES)}</div>') for i in range(count)]
    return Part("steps", rules, [*body, ("", "</div>")])
