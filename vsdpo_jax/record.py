"""The written form of rollouts: one JSON line a rollout, its render as a PNG beside it.

    rollouts/step_000123.jsonl         one object a line, in the order in which they were given
    rollouts/step_000123/000.png       the render of line 0; a rollout that failed has none
    rollouts/step_000123/target_000.png   the picture to match, once per prompt

The `.jsonl` is put in place last and by a rename: where it exists, it is whole and its pictures are there.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from absl import logging
from etils import epath
from PIL import Image

from vsdpo_jax.storage import list_folder, write_whole
from vsdpo_jax.types import Credit, Defect, Element, Prompt, RenderError, Reward, Rollout, Scene, Statement

FOLDER = "rollouts"
NAME_PATTERN = re.compile(r"before|after|(step|eval)_\d{6,}")


class RecordError(ValueError):
    """A written rollout cannot be read; the message names the file, the line and what is wrong."""


@dataclasses.dataclass(frozen=True)
class RolloutRecord:
    """One rollout with everything that was found about it.

    Attributes:
      prompt_id, prompt_kind, prompt_text: of the `Prompt`.
      text, code, code_start, spans, truncated: of the `Rollout`; spans is int32[R, 2].
      weights: float32[R], `Credit.weights`.
      divergence: float32[R], divergence from the teacher at each sampled token in nats, or None if it was
        not computed. NaN where it was not finite.
      reward, executed, visual, parts: of the `Reward`; `reward` is its total.
      advantage: of the rollout within its group, or None where there is none (evaluation).
      width, height: of the canvas in pixels, 0 when `error` is set.
      error: why there is no render, or None.
      elements: of the scene, in drawing order.
      defects: as found; their element indices count in `elements`.
      image: uint8[height, width, 3], the render, or None.
      target: uint8[height, width, 3], what the render should look like, or None.
    """

    prompt_id: str
    prompt_kind: str
    prompt_text: str
    text: str
    code: str
    code_start: int
    spans: np.ndarray
    truncated: bool
    weights: np.ndarray
    divergence: np.ndarray | None
    reward: float
    executed: float
    visual: float
    parts: dict[str, float]
    advantage: float | None
    width: int
    height: int
    error: RenderError | None
    elements: tuple[Element, ...]
    defects: tuple[Defect, ...]
    image: np.ndarray | None
    target: np.ndarray | None

    @classmethod
    def build(
        cls,
        prompt: Prompt,
        rollout: Rollout,
        scene: Scene,
        defects: Iterable[Defect],
        credit: Credit,
        reward: Reward,
        advantage: float | None = None,
        divergence: np.ndarray | None = None,
    ) -> RolloutRecord:
        """Returns the record of one rollout. Raises ValueError if arrays over its R tokens differ in length."""
        length = len(rollout.spans)
        for name, values in (("credit.weights", credit.weights), ("divergence", divergence)):
            if values is not None and np.shape(values) != (length,):
                raise ValueError(f"{name} has shape {np.shape(values)}, but the rollout has {length} tokens")
        return cls(
            prompt_id=prompt.id,
            prompt_kind=prompt.kind,
            prompt_text=prompt.text,
            text=rollout.text,
            code=rollout.code,
            code_start=int(rollout.code_start),
            spans=np.asarray(rollout.spans, np.int32).reshape(length, 2),
            truncated=bool(rollout.truncated),
            weights=np.asarray(credit.weights, np.float32),
            divergence=None if divergence is None else np.asarray(divergence, np.float32),
            reward=float(reward.total),
            executed=float(reward.executed),
            visual=float(reward.visual),
            parts={name: float(value) for name, value in reward.parts.items()},
            advantage=None if advantage is None else float(advantage),
            width=int(scene.width),
            height=int(scene.height),
            error=scene.error,
            elements=tuple(scene.elements),
            defects=tuple(defects),
            image=scene.image,
            target=target_of(prompt),
        )


def write_records(workdir: epath.PathLike, name: str, records: Sequence[RolloutRecord]) -> epath.Path:
    """Writes `rollouts/<name>.jsonl` and its pictures, in place of what was there under this name.

    Args:
      workdir: folder of the run, local or `gs://`.
      name: `before`, `after`, `step_000123` or `eval_000123`.
      records: in the order in which they are to be read.

    Returns:
      The path of the `.jsonl`.

    Raises:
      ValueError: the name is none of these.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a record: before, after, step_<6 digits> or eval_<6 digits>")
    pictures = epath.Path(workdir) / FOLDER / name
    path = pictures.parent / f"{name}.jsonl"
    # Without its .jsonl an interrupted rewrite reads as absent; with it, old lines would show new pictures.
    path.unlink(missing_ok=True)
    pictures.mkdir(parents=True, exist_ok=True)
    target_files: dict[str, str] = {}
    rows, written = [], set()
    for index, record in enumerate(records):
        image_file = f"{index:03d}.png" if record.image is not None else None
        if image_file:
            write_whole(pictures / image_file, _png(record.image))
        if record.target is not None and record.prompt_id not in target_files:
            target_files[record.prompt_id] = f"target_{len(target_files):03d}.png"
            write_whole(pictures / target_files[record.prompt_id], _png(record.target))
        target_file = target_files.get(record.prompt_id) if record.target is not None else None
        written |= {image_file, target_file}
        rows.append(json.dumps(_to_row(record, image_file, target_file), allow_nan=False))
    for stale in list_folder(pictures):
        if stale.name not in written:
            stale.unlink()
    write_whole(path, "".join(row + "\n" for row in rows).encode("ascii"))
    return path


def read_records(path: epath.PathLike, note: Callable[[str], None] = logging.warning) -> list[RolloutRecord]:
    """Reads what `write_records` wrote.

    A last line that is cut short (a copy that was interrupted) is left out, and `note` is told so.

    Raises:
      RecordError: a line or a picture is missing something or is damaged.
    """
    path = epath.Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error})") from error
    rows = parse_lines(content, str(path), note)
    pictures: dict[str | None, np.ndarray | None] = {None: None}
    records = []
    for number, row in rows:
        try:
            for key in ("image_file", "target_file"):
                if row[key] not in pictures:
                    pictures[row[key]] = _read_png(path.parent / path.stem / _plain_name(row[key]))
            records.append(_from_row(row, pictures[row["image_file"]], pictures[row["target_file"]]))
        except KeyError as error:
            raise RecordError(f"{path}:{number}: {error.args[0]!r} is missing") from error
        except (TypeError, ValueError, OverflowError, AttributeError, OSError) as error:
            raise RecordError(f"{path}:{number}: {error}") from error
    return records


def parse_lines(content: bytes, label: str, note: Callable[[str], None]) -> list[tuple[int, dict[str, Any]]]:
    """Parses JSON objects, one a line, into (line number from 1, object).

    A last line that does not parse is left out and `note` is told so: a writer may just be at it, or was killed.

    Raises:
      RecordError: any other line is no JSON object; `label` names the file in the message.
    """
    lines = content.decode("utf-8", errors="replace").split("\n")
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    rows = []
    for number, line in numbered:
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            if number == numbered[-1][0]:
                note(f"{label}:{number}: the last line is incomplete and was left out")
                break
            raise RecordError(f"{label}:{number}: not a JSON object ({error})") from error
        rows.append((number, row))
    return rows


def target_of(prompt: Prompt) -> np.ndarray | None:
    """Returns what the render of an answer is compared with: the reference render, else the first image, else None."""
    if prompt.reference_scene is not None and prompt.reference_scene.image is not None:
        return prompt.reference_scene.image
    return prompt.images[0] if prompt.images else None


def _to_row(record: RolloutRecord, image_file: str | None, target_file: str | None) -> dict[str, Any]:
    row = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    del row["image"], row["target"]
    row["spans"] = record.spans.tolist()
    row["weights"] = _numbers(record.weights)
    row["divergence"] = None if record.divergence is None else _numbers(record.divergence)
    row["error"] = None if record.error is None else dataclasses.asdict(record.error)
    row["elements"] = [_element_to_row(element) for element in record.elements]
    row["defects"] = [_defect_to_row(defect) for defect in record.defects]
    for name in ("reward", "executed", "visual", "advantage"):
        row[name] = None if row[name] is None else _numbers([row[name]])[0]
    row["parts"] = dict(zip(record.parts, _numbers(list(record.parts.values())), strict=True))
    return row | {"image_file": image_file, "target_file": target_file}


def _defect_to_row(defect: Defect) -> dict[str, Any]:
    row = dataclasses.asdict(defect)
    row["elements"] = [int(index) for index in defect.elements]
    row["boxes"] = [_numbers(box) for box in defect.boxes]
    row["severity"] = float(defect.severity)
    return row


def _element_to_row(element: Element) -> dict[str, Any]:
    """An element without the fields that are at their defaults: most of a scene's elements have few of them."""
    row: dict[str, Any] = {"kind": element.kind, "box": _numbers(element.box)}
    for field in dataclasses.fields(Element):
        value = getattr(element, field.name)
        if field.name in row or value == field.default:
            continue
        if field.name == "parts":
            row["parts"] = [_numbers(box) for box in value]
        elif field.name == "statements":
            row["statements"] = [dataclasses.asdict(statement) for statement in value]
        elif field.name == "styles":
            row["styles"] = [[name, dataclasses.asdict(statement)] for name, statement in value]
        elif isinstance(value, (tuple, list)):
            row[field.name] = _numbers(value)
        else:
            row[field.name] = value if isinstance(value, str) else _numbers([value])[0]
    return row


def _element_from_row(row: dict[str, Any]) -> Element:
    fields = dict(row)
    for name in ("box", "clip", "color", "background", "natural_size"):
        if fields.get(name) is not None:
            fields[name] = tuple(_number(value) for value in fields[name])
    if "parts" in fields:
        fields["parts"] = tuple(tuple(_number(value) for value in box) for box in fields["parts"])
    if "statements" in fields:
        fields["statements"] = tuple(_statement_from_row(statement) for statement in fields["statements"])
    if "styles" in fields:
        fields["styles"] = tuple((_text(name, "style"), _statement_from_row(one)) for name, one in fields["styles"])
    return Element(**fields)


def _from_row(row: dict[str, Any], image: np.ndarray | None, target: np.ndarray | None) -> RolloutRecord:
    spans = np.asarray(row["spans"], np.int32).reshape(len(row["spans"]), 2)
    weights = _array(row["weights"], len(spans), "weights")
    divergence = None if row["divergence"] is None else _array(row["divergence"], len(spans), "divergence")
    return RolloutRecord(
        **{name: _text(row[name], name) for name in ("prompt_id", "prompt_kind", "prompt_text", "text", "code")},
        **{name: int(row[name]) for name in ("code_start", "width", "height")},
        **{name: _number(row[name]) for name in ("reward", "executed", "visual")},
        spans=spans,
        truncated=bool(row["truncated"]),
        weights=weights,
        divergence=divergence,
        parts={name: _number(value) for name, value in row["parts"].items()},
        advantage=None if row["advantage"] is None else _number(row["advantage"]),
        error=None if row["error"] is None else _error_from_row(row["error"]),
        # Runs that were written before scenes were recorded have none.
        elements=tuple(_element_from_row(element) for element in row.get("elements", ())),
        defects=tuple(_defect_from_row(defect) for defect in row["defects"]),
        image=image,
        target=target,
    )


def _defect_from_row(row: dict[str, Any]) -> Defect:
    boxes = tuple(tuple(_number(value) for value in box) for box in row["boxes"])
    if any(len(box) != 4 for box in boxes):
        raise ValueError("a box of a defect does not have four sides")
    return Defect(
        kind=_text(row["kind"], "kind"),
        message=_text(row["message"], "message"),
        boxes=boxes,
        elements=tuple(int(index) for index in row.get("elements", ())),
        statements=tuple(map(_statement_from_row, row["statements"])),
        severity=_number(row["severity"]),
    )


def _error_from_row(row: dict[str, Any]) -> RenderError:
    statement = None if row["statement"] is None else _statement_from_row(row["statement"])
    return RenderError(
        **{name: _text(row[name], name) for name in ("status", "message", "traceback")}, statement=statement
    )


def _statement_from_row(row: dict[str, Any]) -> Statement:
    return Statement(**{field.name: int(row[field.name]) for field in dataclasses.fields(Statement)})


def _numbers(values: Iterable[float]) -> list[float | None]:
    """JSON has no NaN: what is not finite is written as null. Six digits are enough to look at."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _array(values: Any, length: int, name: str) -> np.ndarray:
    if len(values) != length:
        raise ValueError(f"{name!r} has {len(values)} values for {length} tokens")
    return np.asarray([_number(value) for value in values], np.float32)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is not a text")
    return value


def _plain_name(name: Any) -> str:
    if not re.fullmatch(r"(target_)?\d{3,}\.png", _text(name, "file name")):
        raise ValueError(f"{name!r} is not the name of a picture")
    return name


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image, np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def _read_png(path: epath.Path) -> np.ndarray:
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        return np.asarray(image.convert("RGB"))
