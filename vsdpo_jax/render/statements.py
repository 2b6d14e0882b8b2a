"""The statements of a Python program, and which of them a place in its bytecode belongs to."""

from __future__ import annotations

import ast
import bisect
import io
import itertools
from types import CodeType

from vsdpo_jax.types import Statement


class Program:
    """A parsed program. Positions of statements are characters, as in `Statement`.

    Args:
      source: the program.

    Raises:
      SyntaxError, ValueError, RecursionError, MemoryError: as `ast.parse` does.
    """

    def __init__(self, source: str):
        self.source = source
        self.tree = ast.parse(source)
        self._lines = split_lines(source)
        self._line_starts = _line_starts(self._lines)
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.stmt)]
        self.statements = tuple(sorted({self._statement(node) for node in nodes}))
        self._starts = [statement.start for statement in self.statements]
        self._memo: dict[tuple[CodeType, int], int | None] = {}

    def index_at(self, position: int) -> int | None:
        """Index of the innermost statement that covers the character `position`, or None."""
        return innermost(self.statements, self._starts, position)

    def index_of(self, code: CodeType, instruction: int) -> int | None:
        """Index of the innermost statement around the instruction at byte offset `instruction`, or None."""
        key = (code, instruction)
        if key not in self._memo:
            self._memo[key] = self._look_up(code, instruction)
        return self._memo[key]

    def index_of_line(self, line: int | None) -> int | None:
        """Index of the innermost statement at the first character of a line that is not a space, or None."""
        if line is None or not 1 <= line <= len(self._lines):
            return None
        text = self._lines[line - 1]
        return self.index_at(self._line_starts[line - 1] + len(text) - len(text.lstrip()))

    def _look_up(self, code: CodeType, instruction: int) -> int | None:
        # One code unit is two bytes.
        place = next(itertools.islice(code.co_positions(), instruction // 2, None), None)
        if place is None or place[0] is None:
            return None
        line, _, column, _ = place
        return self.index_of_line(line) if column is None else self.index_at(self._character(line, column))

    def _statement(self, node: ast.stmt) -> Statement:
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        start = self._character(node.lineno, node.col_offset)
        if first < node.lineno:
            # A decorated definition begins at the `@` of its first decorator.
            start = self._line_starts[first - 1] + self._lines[first - 1].index("@")
        return Statement(start, self._character(node.end_lineno, node.end_col_offset), first, node.end_lineno)

    def _character(self, line: int, column: int) -> int:
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        # `ast` counts columns in UTF-8 bytes.
        inside = column if text.isascii() else len(text.encode()[:column].decode(errors="ignore"))
        return self._line_starts[line - 1] + inside


def innermost(statements: tuple[Statement, ...], starts: list[int], position: int) -> int | None:
    """Index of the smallest statement that covers `position`; `starts` are the sorted starts. None if there is none.

    The last statement that begins at or before a position is inside every other one that covers it, so the search goes
    backwards and stops at the first that reaches the position.
    """
    index = bisect.bisect_right(starts, position) - 1
    best = None
    while index >= 0:
        if statements[index].end > position and (
            best is None
            or statements[index].end - statements[index].start < statements[best].end - statements[best].start
        ):
            best = index
            if statements[index].start != position:
                break
        index -= 1
    return best


def split_lines(source: str) -> list[str]:
    """The lines as Python counts them (only \\n, \\r and \\r\\n end a line), with their ends."""
    return io.StringIO(source, newline="").readlines()


def _line_starts(lines: list[str]) -> list[int]:
    return [0, *itertools.accumulate(len(line) for line in lines)]
