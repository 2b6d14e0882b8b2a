"""One self-contained page about an evaluation: the table, and reference beside prediction with scores and defects."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from etils import epath

import vsdpo_jax
from vsdpo_jax.evaluation.run import Outcome
from vsdpo_jax.evaluation.store import Store
from vsdpo_jax.evaluation.types import Benchmark, ExampleScore
from vsdpo_jax.report.markup import escape, number, plural

ASSETS = Path(vsdpo_jax.__file__).parent / "assets" / "report"
# Of more examples the worst, the middle and the best are shown, this many of each.
SHOWN_OF_EACH = 20
_DETAIL_CHARS = 6000
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
_TITLES = {"reference": "Reference", "prediction": "Prediction"}


def write_gallery(
    path: epath.Path, benchmark: Benchmark, outcome: Outcome, store: Store, facts: Sequence[str]
) -> epath.Path:
    """Writes the page and returns its path; `facts` are lines for the reader (options, notes of the benchmark)."""
    temporary = path.parent / f".{path.name}.part"
    temporary.write_text(render(benchmark, outcome, store, facts))
    temporary.replace(path)
    return path


def render(benchmark: Benchmark, outcome: Outcome, store: Store, facts: Sequence[str]) -> str:
    """The page as HTML. It loads nothing and runs no script: models write what they like."""
    style = (ASSETS / "page.css").read_text() + (ASSETS / "gallery.css").read_text()
    groups = _choose(outcome)
    links = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, title, _ in groups if len(groups) > 1)
    body = "".join(
        f'<section id="{key}"><h2>{escape(title)}</h2>'
        + "".join(_article(benchmark, score, result, store) for score, result in chosen)
        + "</section>"
        for key, title, chosen in groups
    )
    count = len(outcome.scores)
    lines = "".join(f"<li>{escape(fact, 400)}</li>" for fact in facts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(benchmark.name, 80)} · {plural(count, 'example')}</title><style>{style}</style></head>"
        f'<body><header><p class="kind">Evaluation</p><h1>{escape(benchmark.name, 80)}</h1>'
        f'<p class="facts">{plural(count, "example")}</p></header>{_totals(benchmark, outcome)}'
        f'<ul class="remarks">{lines}</ul><nav>{links}</nav><main>{body}</main></body></html>\n'
    )


def _choose(outcome: Outcome) -> list[tuple[str, str, list[tuple[ExampleScore, str]]]]:
    ranked = sorted(zip(outcome.scores, outcome.keys, strict=True), key=lambda pair: (_mean(pair[0]), pair[0].id))
    if len(ranked) <= 3 * SHOWN_OF_EACH:
        return [("examples", "Examples, worst first", ranked)]
    middle = (len(ranked) - SHOWN_OF_EACH) // 2
    return [
        ("worst", "The worst", ranked[:SHOWN_OF_EACH]),
        ("middle", "Around the median", ranked[middle : middle + SHOWN_OF_EACH]),
        ("best", "The best", ranked[-SHOWN_OF_EACH:]),
    ]


def _mean(score: ExampleScore) -> float:
    values = [value for value in score.columns.values() if value is not None]
    return (sum(values) / len(values) if values else 0.0) + float(score.executed)


def _totals(benchmark: Benchmark, outcome: Outcome) -> str:
    cells = []
    for column in benchmark.columns:
        value, interval = outcome.total.get(column.key), outcome.interval.get(column.key)
        spread = "not measured" if value is None else ""
        if value is not None and interval is not None:
            spread = f"{number(100 * interval[0], 1)} to {number(100 * interval[1], 1)}"
        shown = number(None if value is None else 100 * value, 1)
        cells.append(
            f'<div class="total{"" if value is not None else " missing"}"><dt>{escape(column.title)}</dt>'
            f"<dd>{shown}<small>{spread}</small></dd></div>"
        )
    return (
        f'<dl class="totals">{"".join(cells)}</dl><p class="remark">Times 100, with 95% intervals over references.</p>'
    )


def _article(benchmark: Benchmark, score: ExampleScore, key: str, store: Store) -> str:
    name = escape(score.id, 120)
    if score.reference_id != score.id:
        name += f" <small>against {escape(score.reference_id, 120)}</small>"
    state = '<span class="outcome good">ran</span>' if score.executed else '<span class="outcome bad">failed</span>'
    figures = "".join(_figure(title, score, key, store) for title in ("reference", "prediction"))
    error = f'<p class="raised">{escape(score.error, 400)}</p>' if score.error else ""
    return (
        f'<article class="compared"><h3>{name} {state}</h3>{error}<div class="three">{figures}'
        f'<div class="judged">{_metrics(benchmark, score)}{_defects(score)}{_detail(score)}</div></div></article>'
    )


def _figure(title: str, score: ExampleScore, key: str, store: Store) -> str:
    data = store.picture_file(key, title)
    shown = _TITLES[title]
    if data is None:
        return f'<figure class="shot none"><p>no picture</p><figcaption>{shown}</figcaption></figure>'
    source = "data:image/webp;base64," + base64.b64encode(data).decode("ascii")
    alt = f"{shown} of {escape(score.id, 120)}"
    return f'<figure class="shot"><img src="{source}" alt="{alt}"><figcaption>{shown}</figcaption></figure>'


def _metrics(benchmark: Benchmark, score: ExampleScore) -> str:
    titles = {column.key: column.title for column in benchmark.columns}
    rows = []
    for key, value in score.columns.items():
        share = 0.0 if value is None else min(max(value, 0.0), 1.0)
        bar = f'<svg viewBox="0 0 100 6" preserveAspectRatio="none"><rect width="{100 * share:.1f}" height="6"/></svg>'
        rows.append(
            f'<tr><th scope="row">{escape(titles.get(key, key), 40)}</th><td>{number(value)}</td><td>{bar}</td>'
            f"<td>{_precision_recall(score.detail.get(key))}</td></tr>"
        )
    return f'<table class="marks"><tbody>{"".join(rows)}</tbody></table>'


def _precision_recall(part: Any) -> str:
    if not isinstance(part, Mapping) or not {"precision", "recall"} <= part.keys():
        return ""
    return f"<small>P {number(part['precision'])} R {number(part['recall'])}</small>"


def _defects(score: ExampleScore) -> str:
    if not score.defects:
        return ""
    rows = []
    for defect in score.defects[:12]:
        lines = defect.get("lines") or []
        place = f" <small>line {lines[0][0]}</small>" if lines else ""
        rows.append(f"<li>{escape(str(defect['message']), 240)}{place}</li>")
    more = len(score.defects) - len(rows)
    rest = f"<li>and {more} more</li>" if more > 0 else ""
    return f'<p class="heading">{plural(len(score.defects), "defect")}</p><ul class="found">{"".join(rows)}{rest}</ul>'


def _detail(score: ExampleScore) -> str:
    if not score.detail:
        return ""
    text = json.dumps(score.detail, indent=1, ensure_ascii=False)
    return f"<details><summary>Detail</summary><pre>{escape(text, _DETAIL_CHARS)}</pre></details>"
