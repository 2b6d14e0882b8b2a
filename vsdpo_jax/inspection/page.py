"""The source as a page: every statement shaded by the blame that it carries."""

from __future__ import annotations

from collections.abc import Sequence

from vsdpo_jax.feedback.credit import responsibilities
from vsdpo_jax.inspection.tables import guilty
from vsdpo_jax.render.statements import split_lines
from vsdpo_jax.report.markup import escape, plural
from vsdpo_jax.types import Defect, Scene

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --soft: #59636e; --rule: #d1d9e0; --link: #0550ae;
  --heat: 0.75; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0f1318; --soft: #9aa4af; --rule: #30363d; --link: #79b8ff; --heat: 0.5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
p { margin: .5rem 0; color: var(--soft); }
a { color: var(--link); }
img { display: block; max-width: 100%; height: auto; border: 1px solid var(--rule); margin: 1rem 0; }
ol { padding-left: 1.8rem; overflow-wrap: anywhere; }
.code { border: 1px solid var(--rule); border-radius: 6px; padding: .5rem 0; font: 14px/1.5 ui-monospace, monospace; }
.line { display: grid; grid-template-columns: 3.2rem 2.8rem 1fr; }
.line:target { outline: 2px solid var(--link); outline-offset: -2px; }
.number { color: var(--soft); text-align: right; padding-right: .6rem; user-select: none; }
.share { color: var(--soft); user-select: none; padding-right: .4rem; }
code { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; tab-size: 4; padding-right: .5rem; }
mark { color: inherit; background: rgb(255 120 0 / calc(var(--heat) * var(--share))); }
@media (max-width: 40rem) {
  .code { font-size: 12px; } .line { grid-template-columns: 2.2rem 2.1rem 1fr; } .number { padding-right: .3rem; } }
"""
_NOTE = (
    "The stronger its color, the more of the blame a statement carries; beside it stands its share, from 0 to 1. "
    "In training its tokens weigh 1 + (&alpha; &minus; 1) times that."
)


def credit_html(scene: Scene, defects: Sequence[Defect]) -> str:
    """A page with the defects, the overlay beside it (`overlay.png`, where there is one), and the shaded source."""
    resp = responsibilities(scene, defects)
    levels = [0.0] * len(scene.source)
    for statement in sorted(resp, key=lambda statement: (statement.start, -statement.end)):
        levels[statement.start : statement.end] = [resp[statement]] * (statement.end - statement.start)
    lines, at = [], 0
    for number, text in enumerate(split_lines(scene.source), 1):
        lines.append(_line(number, text.rstrip("\r\n"), levels[at : at + len(text)]))
        at += len(text)
    picture = "" if scene.image is None else '<img src="overlay.png" alt="The render with its defects framed">'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{plural(len(defects), 'defect')}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{plural(len(defects), 'defect')}</h1><ol>{''.join(_entry(scene, one) for one in defects)}</ol>{picture}"
        f'<p>{_NOTE}</p><div class="code">{"".join(lines)}</div></body></html>'
    )


def _entry(scene: Scene, defect: Defect) -> str:
    links = [f'<a href="#line{one.line_start}">line {one.line_start}</a>' for one in guilty(scene, defect)]
    where = f" ({', '.join(dict.fromkeys(links))})" if links else ""
    return f"<li><b>{escape(defect.kind)}</b>{where}: {escape(defect.message)}</li>"


def _line(number: int, text: str, levels: Sequence[float]) -> str:
    most = max(levels[: len(text)], default=0.0)
    share = f"{most:.2f}" if most >= 0.005 else ""
    return (
        f'<div class="line" id="line{number}"><span class="number">{number}</span>'
        f'<span class="share">{share}</span><code>{_marked(text, levels)}</code></div>'
    )


def _marked(text: str, levels: Sequence[float]) -> str:
    pieces, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or levels[end] != levels[start]:
            piece, level = escape(text[start:end]), levels[start]
            style = f'style="--share:{level:.2f}" title="responsibility {level:.2f}"'
            pieces.append(f"<mark {style}>{piece}</mark>" if level >= 0.005 else piece)
            start = end
    return "".join(pieces)
