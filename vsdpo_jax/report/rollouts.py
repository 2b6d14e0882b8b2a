"""Rollouts as HTML: a render with its defects boxed, beside the code that they were traced to."""

from __future__ import annotations

import math

import numpy as np

from vsdpo_jax.record import RolloutRecord
from vsdpo_jax.report.heatmap import HeatScale, code_lines
from vsdpo_jax.report.markup import escape, number, percent, picture, plural, signed
from vsdpo_jax.types import Box, Defect

MAX_DEFECTS = 24
MAX_BOXES = 60
RENDER_SIDE, TARGET_SIDE, THUMBNAIL_SIDE = 760, 360, 420


def title(name: str) -> str:
    """Returns what people call a record: `Before training`, `Step 120`, `After training`."""
    if name in ("before", "after"):
        return f"{name.capitalize()} training"
    kind, step = name.rsplit("_", 1)
    return f"{'Held out, step' if kind == 'eval' else 'Step'} {int(step)}"


def article(record: RolloutRecord, scale: HeatScale, is_open: bool) -> str:
    """Returns one rollout in depth, as a `<details>`."""
    seen = f'<div class="seen">{_outcome(record)}{_defects(record)}</div>'
    code = f'<div class="written" role="region" aria-label="Code" tabindex="0">{code_lines(record, scale)}</div>'
    return (
        f'<details class="rollout"{" open" if is_open else ""}>{_summary(record)}'
        f'<div class="pair">{seen}<div class="wrote">{code}{_context(record)}</div></div></details>'
    )


def thumbnail(record: RolloutRecord, caption: str) -> str:
    """Returns the small render of one rollout with its boxes, its reward and its defects."""
    status = f"reward {number(record.reward)}"
    if record.image is None:
        message = record.error.message if record.error else "no render"
        height, width = record.target.shape[:2] if record.target is not None else (3, 4)
        body = (
            f'<div class="blank" style="aspect-ratio: {width} / {height}"><b>Did not run</b>'
            f"<span>{escape(message, 140)}</span></div>"
        )
        found = "no render"
    else:
        body = _cropped(_boxed(record, THUMBNAIL_SIDE, linked=False), record.image)
        found = plural(_count(record.defects), "defect")
    return f"<figure>{body}<figcaption><b>{escape(caption)}</b> {status} · {found}</figcaption></figure>"


def target_figure(record: RolloutRecord, side: int) -> str:
    """Returns the picture to match, empty if there is none."""
    if record.target is None:
        return ""
    height, width = record.target.shape[:2]
    source = picture(record.target, side)
    image = f'<img src="{source}" width="{width}" height="{height}" alt="The target">'
    body = _cropped(f'<div class="canvas">{image}</div>', record.target)
    return f"<figure>{body}<figcaption><b>Target</b></figcaption></figure>"


def _count(defects: tuple[Defect, ...]) -> int:
    return sum(defect.severity > 0 for defect in defects)


def _summary(record: RolloutRecord) -> str:
    chips = [f'<span class="chip">reward <b>{number(record.reward)}</b></span>']
    if record.advantage is not None:
        side = "good" if record.advantage > 0 else "bad" if record.advantage < 0 else ""
        chips.append(f'<span class="chip {side}">advantage <b>{signed(record.advantage)}</b></span>')
    if record.error is not None:
        chips.append('<span class="chip bad">did not run</span>')
    else:
        count = _count(record.defects)
        found = plural(count, "defect") if count else "no defects"
        chips.append(f'<span class="chip {"bad" if count else "good"}">{found}</span>')
    if record.truncated:
        chips.append('<span class="chip bad">truncated</span>')
    return f'<summary><span class="id">{escape(record.prompt_id, 80)}</span>{"".join(chips)}</summary>'


def _outcome(record: RolloutRecord) -> str:
    if record.image is not None:
        return f"<figure>{_boxed(record, RENDER_SIDE, linked=True)}</figure>"
    if record.error is None:
        return '<div class="failure"><b>No render was kept.</b></div>'
    trace = f'<pre tabindex="0">{escape(record.error.traceback, 3000)}</pre>' if record.error.traceback else ""
    message = escape(record.error.message, 400)
    return (
        f'<div class="failure"><b>Did not run</b> <span class="chip">{escape(record.error.status, 40)}</span>'
        f"<p>{message}</p>{trace}</div>"
    )


def _defects(record: RolloutRecord) -> str:
    items = []
    for index, defect in enumerate(record.defects[:MAX_DEFECTS]):
        remark, style = ("", "") if defect.severity > 0 else ('<span class="chip">remark</span>', ' class="remark"')
        kind = escape(defect.kind.replace("_", " "), 40)
        items.append(
            f'<li{style}><button type="button" data-defect="{index}" aria-pressed="false"><i>{index + 1}</i><span>'
            f"{remark}<b>{kind}:</b> {escape(defect.message, 300)}{_blame(record, defect)}</span></button></li>"
        )
    if len(record.defects) > MAX_DEFECTS:
        items.append(f"<li>… and {len(record.defects) - MAX_DEFECTS} more</li>")
    return f'<ol class="defects">{"".join(items)}</ol>' if items else ""


def _blame(record: RolloutRecord, defect: Defect) -> str:
    """The statement that is most responsible, so that the link to the code needs no pointer."""
    if not defect.statements:
        return ""
    first = defect.statements[0]
    line = next(iter(record.code[first.start : first.end].strip().splitlines()), "")
    return f"<small>line {int(first.line_start)} <code>{escape(line, 90)}</code></small>"


def _context(record: RolloutRecord) -> str:
    bars = "".join(
        f'<dt>{escape(name.replace("_", " "), 40)}</dt><dd><span class="bar" style="--v:{_unit(value):.3f}"></span>'
        f"{number(value)}</dd>"
        for name, value in list(record.parts.items())[:12]
    )
    scores = f"<dt>executed</dt><dd>{_bar(record.executed)}</dd><dt>visual</dt><dd>{_bar(record.visual)}</dd>{bars}"
    prompt = f'<details class="prompt"><summary>Prompt</summary><p>{escape(record.prompt_text, 3000)}</p></details>'
    return f'<div class="context">{target_figure(record, TARGET_SIDE)}<dl class="scores">{scores}</dl></div>{prompt}'


def _bar(value: float) -> str:
    return f'<span class="bar" style="--v:{_unit(value):.3f}"></span>{number(value)}'


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def _boxed(record: RolloutRecord, side: int, linked: bool) -> str:
    """The render under its boxes. Boxes are in percent of the canvas, so that their labels keep their size."""
    height, width = record.image.shape[:2]
    boxes, corners = [], {}
    for index, defect in enumerate(record.defects[:MAX_DEFECTS]):
        places = [_place(box, record.width or width, record.height or height) for box in defect.boxes]
        places = [place for place in places if place]
        if places and len(boxes) < MAX_BOXES:
            boxes.append(_region(index, defect, places, corners if linked else None))
    alt = f"The render, with {plural(_count(record.defects), 'defect')}"
    return (
        '<div class="canvas">'
        f'<img src="{picture(record.image, side)}" width="{width}" height="{height}" alt="{alt}">'
        f'<svg class="boxes" aria-hidden="true">{"".join(boxes)}</svg></div>'
    )


def _cropped(canvas: str, image: np.ndarray) -> str:
    """Shows the top of a tall page only, where pictures stand side by side."""
    height, width = image.shape[:2]
    return f'<div class="crop">{canvas}</div>' if height > 1.4 * width else canvas


def _region(index: int, defect: Defect, places: list[Box], corners: dict[tuple[int, int], int] | None) -> str:
    parts = [
        f'<rect x="{left:.2f}%" y="{top:.2f}%" width="{right - left:.2f}%" height="{bottom - top:.2f}%" rx="2"/>'
        for left, top, right, bottom in places[:8]
    ]
    if corners is not None:
        left, top = places[0][:2]
        # Labels of defects that share a corner stand side by side.
        corner = (round(left / 4), round(top / 4))
        shift = 18 * corners.get(corner, 0)
        corners[corner] = corners.get(corner, 0) + 1
        above = -17 if top > 5 else 1
        parts.append(
            f'<svg x="{left:.2f}%" y="{top:.2f}%" overflow="visible">'
            f'<rect class="tag" x="{shift}" y="{above}" width="16" height="16" rx="3"/>'
            f'<text x="{shift + 8}" y="{above + 12}" text-anchor="middle">{index + 1}</text></svg>'
        )
    kind = "" if defect.severity > 0 else ' class="remark"'
    name = escape(f"{defect.kind.replace('_', ' ')}: {defect.message}", 200)
    return f'<g{kind} data-defect="{index}"><title>{name}</title>{"".join(parts)}</g>'


def _place(box: Box, width: int, height: int) -> Box | None:
    """A box in percent, kept within a small margin of the canvas and large enough to be seen."""
    if not all(map(math.isfinite, box)) or width <= 0 or height <= 0:
        return None
    sides = []
    for low, high, size in ((box[0], box[2], width), (box[1], box[3], height)):
        low, high = sorted((100 * low / size, 100 * high / size))
        low, high = min(max(low, -1.0), 99.5), min(max(high, 0.5), 101.0)
        sides.append((low, max(high, low + 1.5)))
    (left, right), (top, bottom) = sides
    return left, top, right, bottom


def share_executed(records: list[RolloutRecord]) -> str:
    """Returns the share of rollouts that ran, as text."""
    return percent(sum(record.error is None for record in records) / len(records)) if records else "–"
