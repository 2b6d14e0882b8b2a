"""A program as lines with roles, edits of it, and the pair of programs that one injected defect makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Injector = Callable[["Design", np.random.Generator], "Edit | None"]


@dataclasses.dataclass(frozen=True)
class Design:
    """A clean program of one statement a line.

    Attributes:
      family: what it draws, for the report.
      lines: (role, text); roles name the lines that injectors change, empty for the rest.
      facts: what injectors need to know: free places, names, sizes.
      twin: the program again with harmless differences: what a reference looks like.
    """

    family: str
    lines: tuple[tuple[str, str], ...]
    facts: Mapping[str, Any]
    twin: tuple[tuple[str, str], ...] = ()

    @property
    def source(self) -> str:
        return "".join(f"{text}\n" for _, text in self.lines)

    @property
    def reference(self) -> str:
        return "".join(f"{text}\n" for _, text in self.twin or self.lines)

    def has(self, role: str) -> bool:
        return any(name == role for name, _ in self.lines)

    def text(self, role: str) -> str:
        return next(text for name, text in self.lines if name == role)

    def roles(self, prefix: str) -> list[str]:
        return [name for name, _ in self.lines if name.startswith(prefix)]


@dataclasses.dataclass(frozen=True)
class Edit:
    """Changes of a design that inject one defect.

    Attributes:
      name: of the injection, for the report.
      flawed: role -> its new line.
      clean: role -> its line in the clean twin, where that differs from the design.
      at: role before whose line `added` is put; the end of the program by default.
      added, added_clean: a line that only the flawed program has, and its harmless counterpart, if any.
      also: kinds that the same mistake may rightly cause as well.
      named: some statement can be responsible; a thing that was left out has none.
    """

    name: str
    flawed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    clean: Mapping[str, str] = dataclasses.field(default_factory=dict)
    at: str = "end"
    added: str | None = None
    added_clean: str | None = None
    also: tuple[str, ...] = ()
    named: bool = True


@dataclasses.dataclass(frozen=True)
class Case:
    """`flawed` has a defect of `kind` that the statements at `lines` cause; `clean` has none."""

    domain: str
    kind: str
    family: str
    injection: str
    clean: str
    flawed: str
    reference: str | None
    lines: frozenset[int]
    also: frozenset[str]


def make_case(domain: str, kind: str, design: Design, edit: Edit, against: bool) -> Case:
    """The two programs of an edit; a reference comes with kinds that need one."""
    clean, _ = _apply(design, edit.clean, edit.at, edit.added_clean)
    flawed, lines = _apply(design, {**edit.clean, **edit.flawed}, edit.at, edit.added)
    changed = frozenset(number for number in lines if not edit.clean or number in _changed(design, edit, lines))
    reference = design.reference if against else None
    return Case(
        domain, kind, design.family, edit.name, clean, flawed, reference,
        changed if edit.named else frozenset(), frozenset(edit.also),
    )  # fmt: skip


def _changed(design: Design, edit: Edit, lines: dict[int, str]) -> set[int]:
    return {number for number, role in lines.items() if role in edit.flawed or role == "+"}


def _apply(design: Design, changes: Mapping[str, str], at: str, added: str | None) -> tuple[str, dict[int, str]]:
    """The source, and number -> role of the lines that were changed or added (`+`)."""
    unknown = set(changes) - {role for role, _ in design.lines}
    assert not unknown and design.has(at), (design.family, unknown, at)
    texts: list[str] = []
    touched: dict[int, str] = {}
    for role, text in design.lines:
        if role == at and added is not None:
            touched[len(texts) + 1] = "+"
            texts.append(added)
        if role in changes:
            touched[len(texts) + 1] = role
        texts.append(changes.get(role, text))
    return "".join(f"{text}\n" for text in texts), touched
