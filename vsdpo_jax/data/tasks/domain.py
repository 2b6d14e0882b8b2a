"""What a domain of generated tasks is: what can be drawn, how it is stated, how its programs are written and go wrong.

    tasks = Tasks(CHART, "train")
    task = tasks[17]
    task.instruction    # the prompt's text
    task.ideal.source   # a program whose render is what the prompt's image shows

Splits are disjoint by construction. A title is made of one subject and one group of categories (`words.py`), and the
pair (subject s, group g) belongs to the split that `SPLITS` gives for (s + g) mod 6. No title of one split, and so no
instruction, can be made in another, though every subject and every group occurs in each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vsdpo_jax.data.tasks import words
from vsdpo_jax.data.tasks.program import Failures, Part, Program, write

# Residues of (subject + group) mod 6 that belong to each split.
SPLITS = {"heldout": (0,), "train": (1, 2), "warmstart": (3, 4, 5)}
SIZES = {"heldout": 512, "train": 100_000, "warmstart": 100_000}


@dataclasses.dataclass(frozen=True)
class Blame:
    """Which decisions a reviser corrects when it reads of a defect.

    Attributes:
      owned: role of a statement -> the decisions that shape what it draws.
      relevant: kind of a defect -> the only decisions that can cause it.
      presence: decisions behind what is missing or too much, whatever the statement; for kinds in `PRESENCE_KINDS`.
      places: decisions that can cause any other kind of defect, which is about room.
      room: corrected as well where room is short, and alone when the guilty statement's own decisions are right.
      form: the decisions about the form of the whole, the last to be suspected.
    """

    owned: Mapping[str, tuple[str, ...]]
    relevant: Mapping[str, tuple[str, ...]]
    presence: tuple[str, ...]
    places: tuple[str, ...]
    room: tuple[str, ...]
    form: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Domain:
    """One sort of program.

    Attributes:
      name: for instance `chart`; part of the tasks' ids.
      kind: the renderer, as `Prompt.kind`.
      habits: decision -> what an author writes who does not look at the task at hand, value -> weight.
      seen: the decisions that are visible in the image only.
      optional: decisions that an author may leave out, but never takes where the ideal one is False.
      failures: the ways in which statements can raise.
      blame: which decisions cause which defects.
      draw: (rng, subject, group) -> content and ideal decisions, two dataclasses; decisions have a field `failures`.
      instruct: content -> the text of the prompt; it says nothing of what is `seen`.
      statements: (content, decisions) -> (role, parts) of every line.
    """

    name: str
    kind: str
    habits: Mapping[str, Mapping[Any, float]]
    seen: tuple[str, ...]
    optional: tuple[str, ...]
    failures: Failures
    blame: Blame
    draw: Callable[[np.random.Generator, words.Subject, words.Group], tuple[Any, Any]]
    instruct: Callable[[Any], str]
    statements: Callable[[Any, Any], Iterator[tuple[str, Sequence[Part]]]]


@dataclasses.dataclass(frozen=True)
class Task:
    """One thing to reproduce.

    Attributes:
      id: for instance `chart/train/000017`.
      domain: what it belongs to.
      content: text and data, all of it stated by `instruction`.
      decisions: the ideal ones; those that the domain has `seen` are visible in the image only.
    """

    id: str
    domain: Domain
    content: Any
    decisions: Any

    @property
    def instruction(self) -> str:
        """The text of the prompt."""
        return self.domain.instruct(self.content)

    @property
    def ideal(self) -> Program:
        """The reference program."""
        return self.write(self.decisions)

    def write(self, decisions: Any, content: Any = None) -> Program:
        """The program that other decisions make of the same content, or of a miscopied one."""
        content = content or self.content
        return write(self.domain.statements(content, decisions), content, decisions, self.domain.failures)


class Tasks(Sequence):
    """The tasks of a domain's split, by index. `size` only bounds the index: task i does not depend on it."""

    def __init__(self, domain: Domain, split: str, size: int | None = None):
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
        self.domain = domain
        self.split = split
        self.size = SIZES[split] if size is None else size
        self.pairs = split_pairs(split)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Task:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return self.variant(index, 0)

    def variant(self, index: int, attempt: int) -> Task:
        """Task `index`, drawn again for every `attempt`: a source replaces a task whose reference shows a defect."""
        rng = np.random.default_rng([list(SPLITS).index(self.split), index, attempt])
        subject, group = self.pairs[int(rng.integers(len(self.pairs)))]
        content, decisions = self.domain.draw(rng, words.SUBJECTS[subject], words.GROUPS[group])
        return Task(f"{self.domain.name}/{self.split}/{index:06d}", self.domain, content, decisions)


def split_pairs(split: str) -> tuple[tuple[int, int], ...]:
    """The (subject, group) indices that belong to `split`."""
    return tuple(
        (s, g) for s in range(len(words.SUBJECTS)) for g in range(len(words.GROUPS)) if (s + g) % 6 in SPLITS[split]
    )


def choose(rng: np.random.Generator, options: Sequence):
    """One of them, all equally likely."""
    return options[int(rng.integers(len(options)))]


def draw_title(rng: np.random.Generator, subject: words.Subject, group: words.Group) -> str:
    """A title that names the subject and the group."""
    pattern = choose(rng, words.TITLES)
    return pattern.format(
        subject=subject.name, lower=subject.name.lower(), group=group.name, year=choose(rng, words.YEARS)
    )


def draw_labels(rng: np.random.Generator, group: words.Group, count: int) -> tuple[str, ...]:
    """Different categories of the group, in its own order."""
    return tuple(group.words[i] for i in sorted(rng.choice(len(group.words), size=count, replace=False)))
