"""AeSlides' published files as examples, in every layout in which they exist.

- the decks of the repository (`examples/deck/deckNN/slides/page_MM.html` with `renders/page_MM.jpg`), or slides as
  `ID.html` in one folder: references whose ids are `deckNN-page_MM` or the file's name;
- instructions as JSON lines, JSON, CSV or parquet. The layout of the published table could not be verified, so the
  names of its columns are options; where it has a column `split`, the rows of the evaluation split are taken.

Slides are scored without a reference, so an instruction alone makes an example. With both, the ids tie them together.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.types import Example

HTML_REQUEST = (
    "Make one presentation slide as a stand-alone HTML document. The slide is a <div> of class ppt-slide, 1280 pixels "
    "wide and 720 pixels high. Nothing may overlap, run out of its box or off the slide; fill the slide evenly. Answer "
    "with the HTML document."
)
DECK_REQUEST = (
    "Make one presentation slide with python-pptx. Set the slide's size to 16:9 (13.333 x 7.5 inches) and save the "
    "presentation. Nothing may overlap, run out of its shape or off the slide; fill the slide evenly. Answer with one "
    "fenced ```python block."
)
_ROOTS = ("", "examples", "deck", "examples/deck", "slides", "data")
_TABLES = (".jsonl", ".json", ".csv", ".parquet")
_SPLITS = ("eval", "evaluation", "test", "validation")


def load(folder: epath.Path, instruction: str, identity: str, request: str, kind: str) -> tuple[Example, ...]:
    """All examples, in the order of their ids.

    Args:
      folder: a copy of the published files.
      instruction, identity: columns of the table.
      request: what is asked besides the instruction.
      kind: `slide` or `pptx`.

    Raises:
      UserError: the folder holds neither slides nor instructions.
    """
    folder = epath.Path(folder)
    if not folder.is_dir():
        raise UserError(f"--data={folder} is not a folder")
    references = {name: path.read_bytes().decode("utf-8", "replace") for name, path in _slides(folder)}
    asked = dict(_instructions(folder, instruction, identity))
    names = sorted(asked or references)
    if not names:
        raise UserError(
            f"--data={folder} holds no slides: expected deckNN/slides/page_MM.html, ID.html or a table of instructions"
        )
    return tuple(
        Example(name, kind, f"{request}\n\n{asked.get(name, '')}".strip(), None, references.get(name, ""))
        for name in names
    )


def _slides(folder: epath.Path) -> Iterator[tuple[str, epath.Path]]:
    for root in _ROOTS:
        place = folder / root
        if not place.is_dir():
            continue
        for path in sorted(place.iterdir()):
            if path.suffix == ".html":
                yield path.stem, path
            elif path.name.startswith("deck") and (path / "slides").is_dir():
                pages = sorted(page for page in (path / "slides").iterdir() if page.suffix == ".html")
                yield from ((f"{path.name}-{page.stem}", page) for page in pages)


def _instructions(folder: epath.Path, column: str, identity: str) -> Iterator[tuple[str, str]]:
    for root in _ROOTS:
        place = folder / root
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.suffix not in _TABLES or path.name == "pairs.json":
                continue
            for number, row in enumerate(_rows(path)):
                if str(row.get("split", "eval")).lower() not in _SPLITS:
                    continue
                if column not in row:
                    raise UserError(f"{path} has no column {column!r}: name it with --option=instruction=COLUMN")
                yield str(row.get(identity, number)), str(row[column])


def _rows(path: epath.Path) -> list[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise UserError("reading parquet needs pyarrow: pip install pyarrow") from error
        with path.open("rb") as file:
            return parquet.read_table(file).to_pylist()
    text = path.read_text()
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text)))
    try:
        rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines() if line]
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} is not a table: expected a list of objects")
    return rows
