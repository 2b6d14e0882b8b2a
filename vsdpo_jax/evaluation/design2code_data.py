"""Design2Code's published files as examples, in every layout in which they exist.

- the raw files (`SALT-NLP/Design2Code`, `Design2Code-HARD`, `testset_final.zip`): `ID.html` and `ID.png` in one folder
  with `rick.jpg`, the picture that stands for all others;
- parquet (`SALT-NLP/Design2Code-hf`): columns `image` and `text`, the HTML; rows are numbered;
- VLMEvalKit's table `Design2Code.tsv` (`index, question, image, img_fname`) beside the raw files.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from etils import epath
from PIL import Image

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.types import Example

INSTRUCTION = (
    "You are an expert web developer who writes HTML and CSS. The picture is a screenshot of a web page. Write a "
    "single HTML file, with all CSS in it, that renders to the same page: pay attention to every text, its size, "
    "position and color, to backgrounds and to the layout as a whole. Where the page has a picture, which the "
    'screenshot shows as a blue rectangle, use the file "rick.jpg". Use no JavaScript and no other external files. '
    "Answer with the content of the HTML file."
)
_ROOTS = ("", "testset_final", "testset_full", "Design2Code", "Design2Code-HARD", "testset", "data")
# Pages may show these; other files in the folder are none of theirs.
_ASSETS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg", ".css", ".woff", ".woff2", ".ttf", ".otf")
_TABLE = "Design2Code.tsv"


def load(folder: epath.Path) -> tuple[Example, ...]:
    """All examples, in the order of their ids.

    Raises:
      UserError: the folder is not a copy of the benchmark.
    """
    folder = epath.Path(folder)
    if not folder.is_dir():
        raise UserError(f"--data={folder} is not a folder")
    for place in _places(folder):
        if any(path.suffix == ".html" for path in place.iterdir()):
            return _with_questions(_raw(place), folder)
    for place in _places(folder):
        shards = sorted(path for path in place.iterdir() if path.suffix == ".parquet")
        if shards:
            return tuple(_from_parquet(shards))
    raise UserError(f"--data={folder} holds no Design2Code pages: expected ID.html with ID.png, or *.parquet")


def _places(folder: epath.Path) -> Iterator[epath.Path]:
    return (folder / root for root in _ROOTS if (folder / root).is_dir())


def _raw(place: epath.Path) -> tuple[Example, ...]:
    files = {path.name: path for path in place.iterdir()}
    names = sorted((name.removesuffix(".html") for name in files if name.endswith(".html")), key=_order)
    pictures = {f"{name}.png" for name in names}
    assets = {name: path for name, path in files.items() if path.suffix.lower() in _ASSETS and name not in pictures}
    return tuple(
        Example(
            id=name,
            kind="web",
            instruction=INSTRUCTION,
            image=files.get(f"{name}.png"),
            reference=files[f"{name}.html"].read_bytes().decode("utf-8", "replace"),
            meta={"assets": assets},
        )
        for name in names
    )


def _order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdigit() else (1 << 60, name)


def _from_parquet(shards: list[epath.Path]) -> Iterator[Example]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UserError("reading parquet needs pyarrow: pip install pyarrow") from error
    number = 0
    for shard in shards:
        with shard.open("rb") as file:
            rows = parquet.read_table(file).to_pylist()
        for row in rows:
            if "text" not in row:
                raise UserError(f"{shard} has no column 'text': it is not Design2Code-hf")
            yield Example(
                str(number), "web", INSTRUCTION, _pixels(row.get("image"), shard), row["text"], {"assets": {}}
            )
            number += 1


def _pixels(cell: Any, shard: epath.Path) -> np.ndarray | None:
    data = cell.get("bytes") if isinstance(cell, Mapping) else cell
    if not isinstance(data, bytes):
        return None
    return _decoded(data, str(shard))


def _decoded(data: bytes, place: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise UserError(f"{place} holds a picture that cannot be read: {error}") from error


def _with_questions(examples: tuple[Example, ...], folder: epath.Path) -> tuple[Example, ...]:
    """Questions and pictures of VLMEvalKit's table, where it is there."""
    table = folder / _TABLE
    if not table.exists():
        return examples
    csv.field_size_limit(1 << 28)
    rows = list(csv.DictReader(io.StringIO(table.read_text()), delimiter="\t"))
    if not rows or not {"question", "image", "img_fname"} <= set(rows[0]):
        raise UserError(f"{table} has not the columns question, image and img_fname: it is not VLMEvalKit's table")
    by_name = {epath.Path(row["img_fname"]).stem: row for row in rows}
    return tuple(_asked(example, by_name[example.id], table) for example in examples if example.id in by_name)


def _asked(example: Example, row: Mapping[str, str], table: epath.Path) -> Example:
    image = example.image
    if image is None:
        try:
            image = _decoded(base64.b64decode(row["image"], validate=True), str(table))
        except binascii.Error as error:
            raise UserError(f"{table}: the picture of {example.id} is not base64: {error}") from error
    return Example(example.id, example.kind, row["question"], image, example.reference, example.meta)
