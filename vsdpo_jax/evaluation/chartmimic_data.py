"""ChartMimic's published files as examples, in every layout in which they exist.

- v2 (`dataset-iclr.tar.gz`): `direct_600/ direct_1800/ customized_600/ customized_1800/` with `ID.{py,pdf,png}`;
- v1 (`dataset-old.tar.gz`): `ori_500/ customized_500/ test.jsonl`; the first release calls the latter `edit_500/`;
- VLMEvalKit's tables `ChartMimic_v{1,2}_{direct,customized}[_600|_1800].tsv` beside any of these.

Instructions and figure sizes come from the table, `test.jsonl`, `dimentions_info.jsonl` or `dimentions_info_edit.jsonl`
(their names), where these are there.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.types import Example

SPLITS = ("600", "1800", "500")
_FOLDERS = {
    "direct": {"600": ("direct_600",), "1800": ("direct_1800",), "500": ("ori_500",)},
    "customized": {"600": ("customized_600",), "1800": ("customized_1800",), "500": ("customized_500", "edit_500")},
}
# Where archives put their files when they are unpacked.
_ROOTS = ("", "dataset", "dataset-iclr", "dataset-old", "test", "ChartMimic")
_SIZES = {"direct": "dimentions_info.jsonl", "customized": "dimentions_info_edit.jsonl"}
_FIGSIZE = re.compile(r"figsize\s*=\s*[(\[]\s*([\d.]+)\s*,\s*([\d.]+)")
_DATA = re.compile(r"^# =+\n# Part 2: Data Preparation\n# =+\n(.*?)^# =+\n# Part 3:", re.DOTALL | re.MULTILINE)

Row = Mapping[str, Any]


def load(folder: epath.Path, task: str, split: str) -> tuple[Example, ...]:
    """All examples of a task, in the order of their ids.

    Args:
      folder: with the unpacked archive, or one of its folders.
      task: `direct` or `customized`.
      split: `600`, `1800`, `500` (the first version), or `auto` for the first of them that is there.

    Raises:
      UserError: the folder holds no such examples.
    """
    folder = epath.Path(folder)
    if not folder.is_dir():
        raise UserError(f"--data={folder} is not a folder")
    place = _place(folder, task, split)
    facts = _facts(place.parent, task) | _facts(folder, task)
    table = _vlmevalkit_table(folder, task, split)
    if table is not None:
        return tuple(_from_table(row, table.parent, task, facts) for row in _read_tsv(table))
    names = sorted(path.stem for path in place.iterdir() if path.suffix == ".py")
    inputs = place if task == "direct" else _find(place.parent, "direct", _split_of(place)) or place
    return tuple(_example(name, place / f"{name}.py", inputs / f"{name}.png", task, facts) for name in names)


def data_part(reference: str) -> str:
    """The data that a Customized task gives: the second of the four parts of every published script, stripped.

    Raises:
      UserError: the script has no such part.
    """
    match = _DATA.search(reference)
    if match is None:
        raise UserError("a reference of the customized task has no part 'Part 2: Data Preparation'")
    return match.group(1).strip()


def _place(folder: epath.Path, task: str, split: str) -> epath.Path:
    for name in SPLITS if split == "auto" else (split,):
        found = _find(folder, task, name)
        if found is not None:
            return found
    if any(path.suffix == ".py" for path in folder.iterdir()):
        return folder
    wanted = ", ".join(name for key in SPLITS if split in ("auto", key) for name in _FOLDERS[task][key])
    raise UserError(f"--data={folder} holds no ChartMimic examples: expected a folder {wanted} with ID.py and ID.png")


def _find(folder: epath.Path, task: str, split: str) -> epath.Path | None:
    names = _FOLDERS[task].get(split, ())
    places = (folder / root / name for root in _ROOTS for name in names)
    return next((place for place in places if place.is_dir()), None)


def _split_of(place: epath.Path) -> str:
    return place.name.rpartition("_")[2]


def _example(name: str, code: epath.Path, image: epath.Path, task: str, facts: Mapping[str, Row]) -> Example:
    reference = code.read_text()
    row = facts.get(name, {})
    size = _size(row, reference)
    return Example(
        id=name,
        kind="chart",
        instruction=_instruction(task, row, size),
        image=image if image.exists() else None,
        reference=reference,
        meta={"task": task, "size": size},
    )


def _size(row: Row, reference: str) -> tuple[float, float] | None:
    """Width and height in inches that the instruction asks for."""
    if row.get("width") and row.get("height"):
        return float(row["width"]), float(row["height"])
    match = _FIGSIZE.search(reference)
    return (float(match.group(1)), float(match.group(2))) if match else None


def _instruction(task: str, row: Row, size: tuple[float, float] | None) -> str:
    figsize = f" Use figsize=({size[0]:g}, {size[1]:g})." if size else ""
    if task == "direct":
        return (
            "You are an expert in Matplotlib. The picture shows a chart from a scientific paper whose source code is "
            "lost. Write a complete Python program that draws the same chart: the same types of plots, panels, texts, "
            f"data, colors and styles.{figsize} Answer with one fenced ```python block."
        )
    given = str(row.get("instruction") or row.get("Instruction") or row.get("question") or "").strip()
    return f"{given}{figsize}" if given else ""


def _facts(folder: epath.Path, task: str) -> dict[str, Row]:
    """Rows of the JSON-lines tables of a folder by example, of this task."""
    found: dict[str, Row] = {}
    for table in ("test.jsonl", _SIZES[task]):
        path = folder / table
        for row in _read_jsonl(path) if path.exists() else ():
            if str(row.get("Task", row.get("task", task))).lower().startswith(task):
                found[_name(row)] = row
    return found


def _name(row: Row) -> str:
    """The id of a row, as its files are called: `ExampleID`, else the code's file, else `idx`."""
    for key in ("GroundTruthFigureCode", "ground_truth_figure_code", "file"):
        value = str(row.get(key, ""))
        if value.endswith((".py", ".pdf", ".png")) and "\n" not in value:
            return epath.Path(value).stem
    return str(row.get("ExampleID") or row.get("idx") or row.get("index") or "")


def _read_jsonl(path: epath.Path) -> Iterator[Row]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise UserError(f"{path}:{number} is not JSON: {error}") from error


def _vlmevalkit_table(folder: epath.Path, task: str, split: str) -> epath.Path | None:
    tables = [path for path in folder.iterdir() if path.suffix == ".tsv" and f"_{task}" in path.name]
    if split in ("600", "1800"):
        tables = [path for path in tables if path.stem.endswith(f"_{split}")]
    elif split == "500":
        tables = [path for path in tables if "_v1_" in path.name]
    return sorted(tables, key=lambda path: (not path.stem.endswith("_600"), path.name))[0] if tables else None


def _read_tsv(path: epath.Path) -> list[Row]:
    csv.field_size_limit(1 << 24)
    rows = list(csv.DictReader(io.StringIO(path.read_text()), delimiter="\t"))
    for column in ("index", "ground_truth_figure_code", "input_figure"):
        if not rows or column not in rows[0]:
            raise UserError(f"{path} has no column {column!r}: it is not VLMEvalKit's table of ChartMimic")
    return rows


def _from_table(row: Row, folder: epath.Path, task: str, facts: Mapping[str, Row]) -> Example:
    code = _published(folder, row["ground_truth_figure_code"])
    if code is None:
        raise UserError(f"{folder} lacks {row['ground_truth_figure_code']}, which its table names")
    name = code.stem
    example = _example(name, code, _published(folder, row["input_figure"]) or epath.Path("missing"), task, facts)
    return example if task == "direct" else _with_question(example, row, facts.get(name, {}))


def _with_question(example: Example, row: Row, fact: Row) -> Example:
    instruction = _instruction("customized", {**row, **fact}, example.meta["size"])
    return Example(example.id, example.kind, instruction, example.image, example.reference, example.meta)


def _published(folder: epath.Path, path: str) -> epath.Path | None:
    places = [folder / root / path for root in _ROOTS]
    return next((place for place in places if place.exists()), None)
