"""The authors of the warm-start corpus: one writes flawed programs, one revises them by what was reported.

A small language model that learns from them has what a large one has from its pretraining: programs that mostly run
and are often flawed, and the ability to follow feedback. The flaws are habits: values that suit many charts, taken
without a look at this one. Nothing here knows what a render looks like: rendering decides whether a habit is a defect.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from vsdpo_jax.data.tasks.chart import MARK_COLORS, TITLE_COLORS, ChartTask
from vsdpo_jax.data.tasks.program import FAILURES, OWNED, Decisions, Program, write
from vsdpo_jax.types import Defect

# What an author writes who does not look at the chart at hand: value -> weight.
HABITS = {
    "kind": {"bar": 5, "barh": 2, "line": 3, "scatter": 2},
    "color": dict.fromkeys(MARK_COLORS, 1),
    "figure_size": {(4, 3): 5, (5, 3): 1, (3, 2): 2, (2, 2): 1},
    "title_size": {14: 3, 12: 3, 10: 2, 18: 3, 24: 2, 5: 2, 4: 1},
    "title_color": {**dict.fromkeys(TITLE_COLORS, 1), "lightgray": 3, "yellow": 2, "pink": 2},
    "rotation": {0: 6, 45: 1, 90: 3},
    "label_size": {9: 3, 8: 1, 4: 2, 5: 2, 16: 2, 20: 1},
    "show_values": {True: 1, False: 1},
    "show_extra": {True: 2, False: 1},
    "value_size": {9: 2, 8: 1, 4: 2, 28: 1, 36: 1},
    "value_color": {"black": 2, "lightgray": 2, "yellow": 1},
    "margin": {0.2: 2, 0.4: 1, 0.0: 3},
    "note_x": {0.3: 3, 0.5: 1, 0.9: 3, 0.95: 1},
    "note_y": {0.76: 2, 0.9: 3, 0.3: 2, 0.4: 2},
    "legend": {"upper right": 3, "upper left": 3, "center": 2, "lower right": 2, "lower left": 1},
    "tight": {True: 1, False: 1},
}

# Decisions that a reviser corrects when it reads of a defect of this kind, whatever the statement was.
_COLOR_KINDS = ("low_contrast", "wrong_color")
_COLORS = ("title_color", "value_color", "color")
_SIZES = ("title_size", "label_size", "value_size")
_PRESENCE = ("show_values", "show_extra", "kind")
_PLACES = ("rotation", "margin", "note_x", "note_y", "legend", *_SIZES)
_BY_KIND = {
    "low_contrast": _COLORS,
    "wrong_color": _COLORS,
    "unreadable_size": _SIZES,
    "wrong_type": ("kind",),
    "missing_text": _PRESENCE,
    "extra_text": _PRESENCE,
    "wrong_text": _PRESENCE,
}
# Where room is short, these are corrected as well, and alone when the guilty statement's own decisions are right.
_ROOM = ("figure_size", "tight")


@dataclasses.dataclass(frozen=True)
class Author:
    """Writes programs as people do.

    Attributes:
      skill: probability per decision of taking the ideal value instead of a habit.
      sight: the same for what is seen only in the image, kind and colour of the marks.
      failure_rate: probability per possible failure (`FAILURES`, at most one a statement) of writing it.
    """

    skill: float = 0.45
    sight: float = 0.7
    failure_rate: float = 0.012

    def write(self, task: ChartTask, rng: np.random.Generator) -> Program:
        """A program for `task`. The same `rng` state gives the same program."""
        chosen = {}
        for name, habit in HABITS.items():
            looked = rng.random() < (self.sight if name in ("kind", "color") else self.skill)
            chosen[name] = getattr(task.decisions, name) if looked else _weighted(habit, rng)
        if not task.decisions.show_values:
            chosen["show_values"] = False
        failures = {}
        for role, failure in FAILURES:
            if rng.random() < self.failure_rate:
                failures.setdefault(role, failure)
        decisions = Decisions(**chosen, failures=tuple(failures.items()))
        return write(task.content, decisions)


def revise(
    task: ChartTask, program: Program, defects: Iterable[Defect], rng: np.random.Generator, skill: float = 0.95
) -> Program:
    """`program` with what `defects` complain about corrected, and nothing else changed.

    Every reported defect is corrected with probability `skill`. What was not reported stays as it was, so that the
    revised program is as good as its author and the report make it.
    """
    changes: set[str] = set()
    failures = dict(program.decisions.failures)
    for defect in defects:
        if rng.random() >= skill:
            continue
        if defect.kind == "execution_error":
            failures.pop(_failed_role(program, defect), None)
        else:
            changes |= guilty_decisions(task, program, defect)
    ideal = {name: getattr(task.decisions, name) for name in changes}
    return write(program.content, dataclasses.replace(program.decisions, **ideal, failures=tuple(failures.items())))


def guilty_decisions(task: ChartTask, program: Program, defect: Defect) -> set[str]:
    """The names of the decisions that caused `defect`: those of its statements that differ from the ideal ones.

    Where all of those are right, another decision of the same sort is guilty, or something else took the room.
    """
    relevant = _BY_KIND.get(defect.kind, _PLACES)
    differing = {name for name in HABITS if getattr(task.decisions, name) != getattr(program.decisions, name)}
    if relevant is _PRESENCE:
        return differing & set(_PRESENCE)
    roles = _roles(program, defect)
    owned = {name for role in roles for name in OWNED.get(role, ())}
    guilty = owned & differing & set(relevant)
    if relevant is _PLACES:
        guilty |= differing & set(_ROOM)
        if "mark" in roles:
            guilty |= differing & {"kind"}
    return guilty or differing & set(relevant) or differing & {*_PLACES, *_ROOM} or differing & {"kind"}


def _roles(program: Program, defect: Defect) -> list[str]:
    lines = {line for statement in defect.statements for line in range(statement.line_start, statement.line_end + 1)}
    return [program.roles[line - 1] for line in sorted(lines) if 1 <= line <= len(program.roles)]


def _failed_role(program: Program, defect: Defect) -> str | None:
    """The role of the failure behind an execution error: a wrong `values` list only fails where it is drawn."""
    failing = [role for role in program.roles if role in dict(program.decisions.failures)]
    for role in _roles(program, defect):
        if role in failing:
            return role
    return failing[0] if failing else None


def _weighted(habit: dict, rng: np.random.Generator):
    values, weights = list(habit), np.array(list(habit.values()), dtype=float)
    return values[int(rng.choice(len(values), p=weights / weights.sum()))]
