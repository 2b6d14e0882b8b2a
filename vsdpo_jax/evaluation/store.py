"""Results on disk, one small file an example, so that a run can be stopped, resumed and shared between hosts.

    OUT/examples/KEY.json    the scores of one prediction, written whole or not at all
    OUT/examples/KEY.TITLE.webp    the pictures that the gallery shows

`KEY` is a hash of everything that the scores depend on: the benchmark with its options, the reference and the
prediction. A file that exists is therefore right, whoever wrote it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from etils import epath
from PIL import Image

from vsdpo_jax.evaluation.types import Example, ExampleScore, Prediction
from vsdpo_jax.storage import list_folder, write_whole

_SHOWN_SIDE = 720


class Store:
    """The finished examples in one folder, local or `gs://`.

    Args:
      folder: of the evaluation.
      setting: whatever else the scores depend on, as text; results of another setting are not seen.
    """

    def __init__(self, folder: epath.Path, setting: str):
        self._folder = epath.Path(folder) / "examples"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._setting = setting

    def key(self, example: Example, prediction: Prediction) -> str:
        """The name of the result of one prediction."""
        parts = [self._setting, example.id, example.instruction, example.reference, prediction.id]
        parts += [str(prediction.text is None), prediction.text or "", str(prediction.is_code)]
        return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def finished(self) -> set[str]:
        """The keys of all results that are there."""
        return {path.name.removesuffix(".json") for path in list_folder(self._folder) if path.name.endswith(".json")}

    def write(self, key: str, score: ExampleScore) -> None:
        """Keeps a result; the pictures first, because the scores say that all is there."""
        for title, image in score.images.items():
            self._replace(f"{key}.{title}.webp", _webp(image))
        row = {field.name: getattr(score, field.name) for field in dataclasses.fields(score) if field.name != "images"}
        row["images"] = sorted(score.images)
        self._replace(f"{key}.json", json.dumps(row, ensure_ascii=False, default=_plain).encode("utf-8", "replace"))

    def read(self, key: str) -> ExampleScore:
        """A result without its pictures. Raises ValueError for a file that this did not write."""
        row = json.loads((self._folder / f"{key}.json").read_bytes())
        row["images"] = {}
        row["defects"] = tuple(row["defects"])
        return ExampleScore(**row)

    def picture(self, key: str, title: str) -> np.ndarray | None:
        """A picture of a result, at most 720 pixels wide; None if it has none of this title."""
        path = self._folder / f"{key}.{title}.webp"
        if not path.exists():
            return None
        with path.open("rb") as file, Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))

    def picture_file(self, key: str, title: str) -> bytes | None:
        """The same picture as a WebP file."""
        path = self._folder / f"{key}.{title}.webp"
        return path.read_bytes() if path.exists() else None

    def _replace(self, name: str, data: bytes) -> None:
        write_whole(self._folder / name, data)


def _webp(image: np.ndarray) -> bytes:
    picture = Image.fromarray(np.asarray(image, np.uint8)).convert("RGB")
    picture.thumbnail((_SHOWN_SIDE, 3 * _SHOWN_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=85, method=2)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
