"""The code of a rollout, line by line, each character shaded by the credit weight and the KL of its token."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

import numpy as np

from vsdpo_jax.record import RolloutRecord
from vsdpo_jax.report.markup import escape, number

MAX_CHARACTERS = 16_000
# ast counts these as ends of a line, and nothing else.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


@dataclasses.dataclass(frozen=True)
class HeatScale:
    """The value with full colour, over all rollouts on the page, so that shades compare between rollouts.

    Attributes:
      weight: the largest credit weight; 1 has no colour.
      divergence: the 99th percentile of the KL, in nats; 0 if no rollout has one.
    """

    weight: float
    divergence: float

    @classmethod
    def of(cls, records: Iterable[RolloutRecord]) -> HeatScale:
        """Returns the scale for these rollouts."""
        weights, divergences = [1.0], [0.0]
        for record in records:
            weights += record.weights[np.isfinite(record.weights)].tolist()
            if record.divergence is not None:
                divergences += record.divergence[np.isfinite(record.divergence)].tolist()
        return cls(weight=max(weights), divergence=float(np.percentile(divergences, 99)))


def code_lines(record: RolloutRecord, scale: HeatScale) -> str:
    """Returns `<ol class="code">`; a line that a defect is blamed on carries the defect's index."""
    code = record.code[:MAX_CHARACTERS]
    owner = _owners(record, len(code))
    blamed = _blamed_lines(record)
    failed = _lines_of([record.error.statement]) if record.error and record.error.statement else set()
    items = []
    for index, match in enumerate(line for line in _LINE.finditer(code) if line.group() or not code):
        text = match.group().rstrip("\r\n")
        shaded = _shaded(record, scale, owner, match.start(), match.start() + len(text))
        items.append(_line(shaded, blamed.get(index + 1, []), index + 1 in failed))
    if len(record.code) > MAX_CHARACTERS:
        items.append(f'<li class="cut">… {len(record.code) - MAX_CHARACTERS:,} more characters</li>')
    return f'<ol class="code">{"".join(items)}</ol>'


def _owners(record: RolloutRecord, length: int) -> np.ndarray:
    """int[length]: the token that wrote each character of the code, -1 for none."""
    owner = np.full(length, -1)
    for token, (start, end) in enumerate(record.spans - record.code_start):
        # A character that several tokens wrote together belongs to the last of them.
        owner[max(start, 0) : max(end, 0)] = token
    return owner


def _blamed_lines(record: RolloutRecord) -> dict[int, list[int]]:
    blamed: dict[int, list[int]] = {}
    for index, defect in enumerate(record.defects):
        for line in _lines_of(defect.statements):
            blamed.setdefault(line, []).append(index)
    return blamed


def _lines_of(statements: Iterable) -> set[int]:
    # Lines come from a file: a statement cannot be longer than the code that is shown.
    return {line for one in statements for line in range(one.line_start, min(one.line_end, MAX_CHARACTERS) + 1)}


def _line(shaded: str, defects: list[int], failed: bool) -> str:
    if not defects and not failed:
        return f"<li><code>{shaded}</code></li>"
    numbers = "".join(f"<i>{index + 1}</i>" for index in defects[:4])
    numbers += f"<i>+{len(defects) - 4}</i>" if len(defects) > 4 else ""
    marks = f'<span class="marks"><span class="unseen">defects </span>{numbers}</span>' if defects else ""
    kind = "blamed failed" if failed else "blamed"
    indices = " ".join(map(str, defects))
    focus = ' tabindex="0"' if defects else ""
    return f'<li class="{kind}" data-defects="{indices}"{focus}><code>{shaded}</code>{marks}</li>'


def _shaded(record: RolloutRecord, scale: HeatScale, owner: np.ndarray, start: int, end: int) -> str:
    parts = []
    position = start
    while position < end:
        token = owner[position]
        stop = position + 1
        while stop < end and owner[stop] == token:
            stop += 1
        parts.append(_token(record, scale, int(token), record.code[position:stop]))
        position = stop
    return "".join(parts)


def _token(record: RolloutRecord, scale: HeatScale, token: int, text: str) -> str:
    if token < 0:
        return escape(text)
    weight = float(record.weights[token])
    divergence = float(record.divergence[token]) if record.divergence is not None else 0.0
    weight_heat = _share(weight - 1, scale.weight - 1)
    # A few tokens carry most of the divergence: its square root keeps the others visible.
    divergence_heat = _share(divergence, scale.divergence) ** 0.5
    if weight_heat < 0.01 and divergence_heat < 0.05:
        return escape(text)
    data = f'data-w="{number(weight)}"'
    if record.divergence is not None:
        data += f' data-k="{number(divergence, 3)}"'
    return f'<span {data} style="--w:{weight_heat:.2f};--k:{divergence_heat:.2f}">{escape(text)}</span>'


def _share(value: float, full: float) -> float:
    return min(max(value / full, 0.0), 1.0) if full > 0 and np.isfinite(value) else 0.0
