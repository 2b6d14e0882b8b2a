"""Where the statements of a script begin and end, by reading its brackets, strings and line ends.

Not a parser: it never fails, and what it does not understand only makes a statement longer or shorter than it is.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?(?:\*/|\Z)            # comments
    |"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?  # strings
    |[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*
    |=>|\+\+|--|\?\.|\.\.\.|[-+*/%&|^=<>!?]+|\n|\S""",
    re.S | re.X,
)
_REGEX = re.compile(r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
# After these a `/` begins a regular expression and a `{` an object.
_EXPECTS_VALUE = frozenset("( , = : [ ! & | ? + - * / % < > ~ return typeof case in of new throw yield await".split())
# After these a line end does not end a statement, nor before the second ones.
_CONTINUES = frozenset("( [ , . = + - * / % & | ^ < > ? : ! ~ => && || ?? == === += -= ?. else do try finally".split())
_BEGINS_REST = frozenset(". ? : , + - * / % & | ^ < > = ) ] => && || ?? ?. ; else catch finally while".split())
_BLOCK_GOES_ON = frozenset("else catch finally while ( , ) . ;".split())
DEEPEST = 200


def script_statements(text: str) -> list[tuple[int, int]]:
    """(start, end) of every statement, those inside blocks and function bodies included."""
    tokens = _tokens(text)
    found: list[tuple[int, int]] = []
    _block(tokens, 0, found, 0)
    return sorted(set(found))


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """(token, start, end); a template string is one token, comments are left out."""
    tokens: list[tuple[str, int, int]] = []
    at = 0
    while at < len(text):
        last = next((token for token, _, _ in reversed(tokens) if token != "\n"), ";")
        if text[at] == "`":
            end = _template_end(text, at)
            tokens.append(("`", at, end))
            at = end
            continue
        match = None
        if text[at] == "/" and (last in _EXPECTS_VALUE or last[-1] in "=&|?!;{}" or last == "\n"):
            match = _REGEX.match(text, at)
        match = match or _TOKEN.match(text, at)
        if match is None:
            at += 1
            continue
        if not match[0].startswith(("//", "/*")):
            tokens.append((match[0], at, match.end()))
        at = match.end()
    return tokens


def _template_end(text: str, at: int) -> int:
    """End of the template string that begins at `at`; templates in its `${…}` are read as well."""
    depth, at = 0, at + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text.startswith("${", at):
            depth += 1
            at += 1
        elif depth and text[at] == "`":
            at = _template_end(text, at) - 1
        elif depth and text[at] == "}":
            depth -= 1
        elif not depth and text[at] == "`":
            return at + 1
        at += 1
    return len(text)


def _block(tokens: list[tuple[str, int, int]], index: int, found: list[tuple[int, int]], depth: int) -> int:
    """Reads statements up to the `}` that closes the block, or the end; returns the index after it."""
    while index < len(tokens):
        if tokens[index][0] == "}":
            return index + 1
        if tokens[index][0] in (";", "\n"):
            index += 1
            continue
        index = _statement(tokens, index, found, depth)
    return index


def _statement(tokens: list[tuple[str, int, int]], index: int, found: list[tuple[int, int]], depth: int) -> int:
    start, open_brackets, last, end = tokens[index][1], 0, "", tokens[index][2]
    while index < len(tokens):
        token, _, token_end = tokens[index]
        if token == "\n":
            following = _following(tokens, index)
            if not open_brackets and last not in _CONTINUES and following not in _BEGINS_REST:
                break
            index += 1
            continue
        if token in ("(", "["):
            open_brackets += 1
        elif token in (")", "]"):
            open_brackets -= 1
        elif token == "}" or (token == ";" and open_brackets <= 0):
            # The block's own end, or the statement's.
            end = token_end if token == ";" else end
            index += token == ";"
            break
        elif token == "{" and depth < DEEPEST:
            is_object = last in _EXPECTS_VALUE or last.endswith("=")
            index = (_object if is_object else _block)(tokens, index + 1, found, depth + 1)
            last, end = "}", tokens[index - 1][2]
            if not is_object and not open_brackets and _following(tokens, index) not in _BLOCK_GOES_ON:
                break
            continue
        last, end = token, token_end
        index += 1
    found.append((start, end))
    return index


def _following(tokens: list[tuple[str, int, int]], index: int) -> str:
    while index < len(tokens) and tokens[index][0] == "\n":
        index += 1
    return tokens[index][0] if index < len(tokens) else ";"


def _object(tokens: list[tuple[str, int, int]], index: int, found: list[tuple[int, int]], depth: int) -> int:
    """Reads an object up to its `}`; functions in it have statements of their own."""
    last = "{"
    while index < len(tokens):
        token = tokens[index][0]
        if token == "}":
            return index + 1
        if token == "{" and depth < DEEPEST:
            read = _block if last in (")", "=>") else _object
            index = read(tokens, index + 1, found, depth + 1)
            last = "}"
            continue
        last = token if token != "\n" else last
        index += 1
    return index
