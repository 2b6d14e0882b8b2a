"""The authors of the warm-start corpus: one writes flawed programs, one revises them by what was reported.

A small language model that learns from them has what a large one has from its pretraining: programs that mostly run
and are often flawed, and the ability to follow feedback. The flaws are habits: values that suit many tasks, taken
without a look at this one. Nothing here knows what a render looks like: rendering decides whether a habit is a defect.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from vsdpo_jax.data.tasks.domain import Task
from vsdpo_jax.data.tasks.program import Program
from vsdpo_jax.data.tasks.slips import miscopied
from vsdpo_jax.types import Defect

PRESENCE_KINDS = ("missing_text", "extra_text", "wrong_text")


@dataclasses.dataclass(frozen=True)
class Author:
    """Writes programs as people do.

    Attributes:
      skill: probability per decision of taking the ideal value instead of a habit.
      sight: the same for what is seen only in the image.
      failure_rate: probability per possible failure (`Domain.failures`, at most one a statement) of writing it.
      slip_rate: probability of copying one text or number wrongly from the instruction.
    """

    skill: float = 0.45
    sight: float = 0.7
    failure_rate: float = 0.012
    slip_rate: float = 0.4

    def write(self, task: Task, rng: np.random.Generator) -> Program:
        """A program for `task`. The same `rng` state gives the same program."""
        domain = task.domain
        chosen = {}
        for name, habit in domain.habits.items():
            looked = rng.random() < (self.sight if name in domain.seen else self.skill)
            chosen[name] = getattr(task.decisions, name) if looked else _weighted(habit, rng)
        chosen |= {name: False for name in domain.optional if not getattr(task.decisions, name)}
        failures = {}
        for role, failure in domain.failures:
            if rng.random() < self.failure_rate:
                failures.setdefault(role, failure)
        content = miscopied(task.content, rng) if rng.random() < self.slip_rate else task.content
        return task.write(dataclasses.replace(task.decisions, **chosen, failures=tuple(failures.items())), content)


@dataclasses.dataclass(frozen=True)
class Correction:
    """What a report asks to change: the names of `decisions`, and the roles of statements with `failures`."""

    decisions: frozenset[str] = frozenset()
    failures: frozenset[str] = frozenset()


def correction(
    task: Task, program: Program, defects: Iterable[Defect], rng: np.random.Generator, skill: float = 0.95
) -> Correction:
    """What `defects` of `program` complain about; every one is heeded with probability `skill`."""
    decisions: set[str] = set()
    failures: set[str] = set()
    for defect in defects:
        if rng.random() >= skill:
            continue
        if defect.kind == "execution_error":
            failures |= {_failed_role(program, defect)} - {None}
        else:
            decisions |= guilty_decisions(task, program, defect)
    return Correction(frozenset(decisions), frozenset(failures))


def revise(task: Task, program: Program, minded: Correction) -> Program:
    """`program` with what `minded` names made right, and no other decision changed.

    What the report was silent about stays as it was, so that the revised program is as good as its author and the
    report make it. Only what was miscopied is always corrected: a slip is no habit, and no model should learn it.
    """
    ideal = {name: getattr(task.decisions, name) for name in minded.decisions}
    failures = tuple(pair for pair in program.decisions.failures if pair[0] not in minded.failures)
    return task.write(dataclasses.replace(program.decisions, **ideal, failures=failures))


def guilty_decisions(task: Task, program: Program, defect: Defect) -> set[str]:
    """The names of the decisions that caused `defect`: those of its statements that differ from the ideal ones.

    Where all of those are right, another decision of the same sort is guilty, or something else took the room.
    """
    blame = task.domain.blame
    differing = {n for n in task.domain.habits if getattr(task.decisions, n) != getattr(program.decisions, n)}
    if defect.kind in PRESENCE_KINDS:
        return differing & set(blame.presence)
    relevant = set(blame.relevant.get(defect.kind, blame.places))
    owned = {name for role in _roles(program, defect) for name in blame.owned.get(role, ())}
    guilty = owned & differing & relevant
    if defect.kind not in blame.relevant:
        guilty |= differing & {*blame.room, *(owned & set(blame.form))}
    return guilty or differing & relevant or differing & {*blame.places, *blame.room} or differing & set(blame.form)


def _roles(program: Program, defect: Defect) -> list[str]:
    lines = {line for statement in defect.statements for line in range(statement.line_start, statement.line_end + 1)}
    return [program.roles[line - 1] for line in sorted(lines) if 1 <= line <= len(program.roles)]


def _failed_role(program: Program, defect: Defect) -> str | None:
    """The role of the failure behind an execution error: a wrong list of values only fails where it is drawn."""
    failing = [role for role in program.roles if role in dict(program.decisions.failures)]
    for role in _roles(program, defect):
        if role in failing:
            return role
    return failing[0] if failing else None


def _weighted(habit: dict, rng: np.random.Generator):
    values, weights = list(habit), np.array(list(habit.values()), dtype=float)
    return values[int(rng.choice(len(values), p=weights / weights.sum()))]
