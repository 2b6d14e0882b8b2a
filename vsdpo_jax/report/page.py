"""Puts the page together."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from absl import logging
from etils import epath

import vsdpo_jax
from vsdpo_jax.record import RolloutRecord
from vsdpo_jax.report import curves, rollouts
from vsdpo_jax.report.heatmap import HeatScale
from vsdpo_jax.report.markup import duration, escape, number, percent, plural, signed
from vsdpo_jax.report.run import ReportError, Run, read_run
from vsdpo_jax.storage import StorageError, write_whole

ASSETS = Path(vsdpo_jax.__file__).parent / "assets" / "report"
MAX_BYTES = 9_000_000
GALLERY_PROMPTS, GALLERY_OPEN = 12, 4
ROLLOUTS_IN_DEPTH = 5

# key, name, whether larger is better, how a value is written
MEASURES = (
    ("reward", "Reward", True, number),
    ("exec_rate", "Programs that run", True, percent),
    ("defects_per_render", "Defects per render", False, number),
)


def write_report(workdir: epath.PathLike, out: epath.PathLike | None = None) -> epath.Path:
    """Writes the page about a run.

    Args:
      workdir: folder of the run, local or `gs://`, finished or not.
      out: the file to write, `report.html` in the workdir if None.

    Returns:
      The path of the page.

    Raises:
      ReportError: the folder or its metrics are missing or unreadable, or `out` cannot be written.
    """
    run = read_run(workdir)
    for note in run.notes:
        logging.warning("%s", note)
    path = epath.Path(out) if out is not None else epath.Path(workdir) / "report.html"
    content = render_page(run).encode("utf-8")
    try:
        write_whole(path, content)
    except StorageError as error:
        raise ReportError(str(error)) from error
    return path


def render_page(run: Run, max_bytes: int = MAX_BYTES) -> str:
    """Returns the HTML of the page; rollouts that would make it larger are left out, and the page says so."""
    style, script = (ASSETS / "page.css").read_text(), (ASSETS / "page.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Whatever a model wrote, the browser runs this script only, and asks the network for nothing.
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    in_depth = {name: records for name, records in run.groups.items() if name.startswith("step_")} or run.groups
    chosen = {name: _choose(records) for name, records in in_depth.items()}
    budget = _Budget(max_bytes)
    sections = [
        ("gallery", "Before and after", _gallery(run, budget)),
        ("rollouts", "Rollouts in depth", _in_depth(run, chosen, budget)),
        ("curves", "Training", _training(run)),
    ]
    sections = [section for section in sections if section[2]]
    links = "".join(f'<a href="#{key}">{escape(name)}</a>' for key, name, _ in sections)
    body = "".join(f'<section id="{key}"><h2>{escape(name)}</h2>{content}</section>' for key, name, content in sections)
    notes = "".join(f"<li>{escape(note, 400)}</li>" for note in run.notes)
    notes = f"<footer><h2>Notes</h2><ul>{notes}</ul></footer>" if notes else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(run.name, 80)} · Visual-SDPO</title><style>{style}</style></head>"
        f'<body><div class="top">{_header(run, links)}{_results(run)}</div><main>{body}</main>{notes}'
        f"<script>{script}</script></body></html>\n"
    )


class _Budget:
    """Counts the bytes of the page and says when it is full."""

    def __init__(self, limit: int):
        self.left = limit
        self.refused = 0

    def take(self, content: str) -> bool:
        size = len(content.encode("utf-8"))
        if size > self.left:
            self.refused += 1
            return False
        self.left -= size
        return True


def _header(run: Run, links: str) -> str:
    last = run.steps if run.steps is not None else int(run.metrics[-1]["step"])
    facts = [plural(last, "step")]
    if run.seconds is not None:
        facts.append(duration(run.seconds))
    if not run.after:
        facts.append("unfinished")
    return (
        f'<header><p class="kind">Visual-SDPO</p><h1>{escape(run.name, 80)}</h1>'
        f'<p class="facts">{" · ".join(facts)}</p>'
        '<p class="lede">The student writes code, the code is rendered, and each defect in the render is traced to the '
        "statement that caused it. A teacher with the same weights sees what went wrong and pulls the student’s "
        f"tokens towards better ones, hardest where the blame lies.</p><nav>{links}</nav></header>"
    )


def _results(run: Run) -> str:
    if not run.before and not run.after:
        return ""
    rows = []
    for key, name, larger_is_better, write in MEASURES:
        before, after = run.before.get(key), run.after.get(key)
        change, kind = "", ""
        if before is not None and after is not None:
            difference = after - before
            change = f"{signed(100 * difference, 0)} points" if write is percent else signed(difference)
            kind = "" if not difference else "good" if (difference > 0) == larger_is_better else "bad"
        rows.append(
            f'<tr><th scope="row">{name}</th><td class="was">{write(before)}{_error_of(run.before, key)}</td>'
            f'<td class="now">{write(after)}{_error_of(run.after, key)}</td>'
            f'<td class="change {kind}">{change or "–"}</td>'
            f"<td>{curves.sparkline(run.metrics, 'eval/' + key)}</td></tr>"
        )
    has_errors = any(key.endswith("_stderr") for key in run.before)
    hint = ' <span class="hint">± standard error</span>' if has_errors else ""
    return (
        f'<table class="results"><caption>Held-out tasks{hint}</caption><thead><tr><td></td><th scope="col">before</th>'
        '<th scope="col">after</th><th scope="col">change</th><th scope="col">in training</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _error_of(measures: dict[str, float], key: str) -> str:
    """The standard error, where the run estimated one."""
    error = measures.get(f"{key}_stderr")
    return f" <small>±{number(error)}</small>" if error else ""


def _gallery(run: Run, budget: _Budget) -> str:
    moments = {name: records for name, records in run.groups.items() if not name.startswith("step_")}
    if not moments:
        return ""
    by_prompt = {name: _first_by_prompt(records) for name, records in moments.items()}
    prompts = list(next(iter(by_prompt.values())))[:GALLERY_PROMPTS]
    rows = []
    for prompt in prompts:
        shown = [(name, records[prompt]) for name, records in by_prompt.items() if prompt in records]
        first = shown[0][1]
        figures = rollouts.target_figure(first, rollouts.THUMBNAIL_SIDE)
        figures += "".join(rollouts.thumbnail(record, rollouts.title(name)) for name, record in shown)
        row = (
            f'<article class="prompt-row"><h3>{escape(prompt, 80)}</h3>'
            f'<p class="ask">{escape(first.prompt_text, 400)}</p><div class="strip">{figures}</div></article>'
        )
        if budget.take(row):
            rows.append(row)
    shown, rest = "".join(rows[:GALLERY_OPEN]), "".join(rows[GALLERY_OPEN:])
    if not rest:
        return shown
    label = plural(len(rows) - GALLERY_OPEN, "more prompt")
    return f'{shown}<details class="more"><summary>{label}</summary>{rest}</details>'


def _first_by_prompt(records: list[RolloutRecord]) -> dict[str, RolloutRecord]:
    first: dict[str, RolloutRecord] = {}
    for record in records:
        first.setdefault(record.prompt_id, record)
    return first


def _choose(records: list[RolloutRecord]) -> list[RolloutRecord]:
    """The rollouts with most to see first: traced defects, then a failure, then the best."""
    seen = sorted(
        (record for record in records if record.image is not None),
        key=lambda record: (
            -sum(bool(defect.statements and defect.boxes) for defect in record.defects),
            -record.reward,
        ),
    )
    failed = [record for record in records if record.image is None]
    best = max(seen, key=lambda record: record.reward, default=None)
    chosen = seen[: ROLLOUTS_IN_DEPTH - 1 - bool(failed)]
    if best is not None and not any(record is best for record in chosen):
        chosen.append(best)
    return chosen + failed[: ROLLOUTS_IN_DEPTH - len(chosen)]


def _in_depth(run: Run, chosen: dict[str, list[RolloutRecord]], budget: _Budget) -> str:
    if not chosen:
        return ""
    scale = HeatScale.of(record for records in chosen.values() for record in records)
    groups = []
    for order, (name, records) in enumerate(chosen.items()):
        articles = []
        for index, record in enumerate(records):
            content = rollouts.article(record, scale, is_open=order == 0 and index == 0)
            if budget.take(content):
                articles.append(content)
        everything = run.groups[name]
        facts = f"{len(articles)} of {plural(len(everything), 'rollout')}, {rollouts.share_executed(everything)} ran"
        groups.append(f"<h3>{rollouts.title(name)} <small>{facts}</small></h3>{''.join(articles)}")
    full = f"<p>{plural(budget.refused, 'item')} left out to keep the page small; all are in the run’s folder.</p>"
    return _heat_choice(scale) + "".join(groups) + (full if budget.refused else "")


def _training(run: Run) -> str:
    figures = curves.charts(run.metrics)
    hint = '<p class="hint">By training step. The heavy line is the trend of the thin one.</p>'
    return f'{hint}<div class="charts">{figures}</div>' if figures else ""


def _heat_choice(scale: HeatScale) -> str:
    if scale.divergence <= 0:
        kl = ' disabled title="This run wrote no KL per token"'
    else:
        kl = ""
    return (
        '<div class="toolbar"><fieldset class="heat"><legend>Shade the code by</legend>'
        '<label><input type="radio" name="heat" value="weight" checked> credit weight</label>'
        f'<label><input type="radio" name="heat" value="kl"{kl}> KL to the teacher</label></fieldset>'
        f'<p class="scale weight">1 <span class="ramp"></span> {number(scale.weight, 1)}</p>'
        f'<p class="scale kl">0 <span class="ramp"></span> {number(scale.divergence)} nats</p>'
        '<p class="reading" aria-live="off"></p></div>'
    )
