"""Where the elements and style rules of an HTML document lie in its source.

Start tags get an attribute with the number of their element, so that a browser's tree, which differs from the text in
many ways, can be traced back to it. Statements of a document are its elements, from the start tag to the end tag, and
the rules in its `<style>` elements, and the statements of its scripts.
"""

from __future__ import annotations

import bisect
import contextlib
import re
from html.parser import HTMLParser

from vsdpo_jax.render.js_source import script_statements
from vsdpo_jax.types import Statement

ATTRIBUTE = "data-vs"
VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BLOCKS = frozenset(
    "address article aside blockquote div dl fieldset footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre "
    "section table ul".split()
)
# Opening one of these ends an open element of the other kind, as in the HTML standard's optional end tags.
_ENDS = {
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "tr": {"tr", "td", "th"},
    "td": {"td", "th"},
    "th": {"td", "th"},
    "option": {"option"},
    **dict.fromkeys(_BLOCKS, {"p"}),
}
_SCOPES = {"li": {"ul", "ol"}, "tr": {"table"}, "td": {"tr", "table"}, "th": {"tr", "table"}}
_RULE = re.compile(r"[^{}]*\{[^{}]*\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.S)


class HtmlSource(HTMLParser):
    """A document with numbered start tags.

    Attributes:
      statements: of the document, sorted.
      marked: the document with `data-vs="i"` in start tag i.
      elements: for each start tag the index of its statement.
    """

    def __init__(self, source: str):
        super().__init__(convert_charrefs=False)
        self.source = source
        self._lines = [0]
        for line in source.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._tags: list[list] = []
        self._open: list[int] = []
        self._insertions: list[tuple[int, str]] = []
        self._rules: list[tuple[int, int]] = []
        self._style_start: int | None = None
        self._scripts: set[tuple[int, int]] = set()
        self._script_start: int | None = None
        self.feed(source)
        self.close()
        for tag in self._open:
            self._tags[tag][2] = len(source)
        spans = [(start, end) for _, start, end in self._tags] + self._rules + list(self._scripts)
        self.statements = tuple(sorted({self._statement(*span) for span in spans}))
        index = {(statement.start, statement.end): position for position, statement in enumerate(self.statements)}
        self.elements = [index[start, end] for _, start, end in self._tags]
        self._starts = [statement.start for statement in self.statements]
        self.marked = self._mark()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Numbers the tag; called by the parser."""
        del attrs
        start, text = self._offset(), self.get_starttag_text()
        self._close_implied(tag, start)
        number = len(self._tags)
        self._tags.append([tag, start, start + len(text)])
        self._insertions.append((start + 1 + len(tag), f' {ATTRIBUTE}="{number}"'))
        if tag not in VOID and not text.endswith("/>"):
            self._open.append(number)
        if tag == "style":
            self._style_start = start + len(text)
        if tag == "script":
            self._script_start = start + len(text)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        """A tag that ends with `/>`; called by the parser."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Ends the innermost open element with this name; called by the parser."""
        start = self._offset()
        if tag == "style" and self._style_start is not None:
            self._read_rules(self._style_start, start)
            self._style_start = None
        if tag == "script" and self._script_start is not None:
            self._read_script(self._script_start, start)
            self._script_start = None
        if not any(self._tags[number][0] == tag for number in self._open):
            return
        end = self.source.find(">", start) + 1 or len(self.source)
        while True:
            number = self._open.pop()
            if self._tags[number][0] == tag:
                self._tags[number][2] = end
                return
            self._tags[number][2] = start

    def style_rules(self) -> list[tuple[str, int]]:
        """(selector, index of its statement) of each style rule, in source order."""
        found = []
        for start, end in self._rules:
            selector = _COMMENT.sub("", self.source[start : self.source.index("{", start)]).strip()
            found.append((selector, bisect.bisect_left(self.statements, self._statement(start, end))))
        return found

    def content_rule(self, place: str, words: str) -> int | None:
        """Index of the last style rule that writes `words` at `place` (`::before` or `::after`), or None."""
        for selector, index in reversed(self.style_rules()):
            statement = self.statements[index]
            body = self.source[statement.start + len(selector) : statement.end]
            if place[1:] in selector and "content" in body and words in body:
                return index
        return None

    @property
    def has_scripts(self) -> bool:
        """Whether there is a statement of a script."""
        return bool(self._scripts)

    def is_script(self, index: int) -> bool:
        """Whether statement `index` is one of a script."""
        return (self.statements[index].start, self.statements[index].end) in self._scripts

    def line_start(self, line: int) -> int:
        """Offset at which a line (from 0) starts."""
        return self._lines[line]

    def _read_script(self, start: int, end: int) -> None:
        # A script nested too deep to be read keeps its tag as its only statement.
        with contextlib.suppress(RecursionError):
            self._scripts |= {(start + a, start + b) for a, b in script_statements(self.source[start:end])}

    def _read_rules(self, start: int, end: int) -> None:
        text = _COMMENT.sub(lambda match: " " * len(match[0]), self.source[start:end])
        for match in _RULE.finditer(text):
            # Of `@media (…) { a { … }` the inner rule is meant; a stray brace before it is not part of it.
            head = match[0].lstrip()
            if head:
                self._rules.append((start + match.end() - len(head), start + match.end()))

    def _close_implied(self, tag: str, at: int) -> None:
        ended = _ENDS.get(tag, set())
        scope = _SCOPES.get(tag, set())
        while self._open and ended:
            name = self._tags[self._open[-1]][0]
            if name not in ended or name in scope:
                return
            self._tags[self._open.pop()][2] = at

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _statement(self, start: int, end: int) -> Statement:
        first = bisect.bisect_right(self._lines, start)
        last = bisect.bisect_right(self._lines, max(start, end - 1))
        return Statement(start, end, first, last)

    def _mark(self) -> str:
        pieces, at = [], 0
        for place, text in self._insertions:
            pieces += [self.source[at:place], text]
            at = place
        return "".join([*pieces, self.source[at:]])
