"""What goes from one part of an evaluation to the next, and what a benchmark has to offer.

    load -> Example -> (model or folder) -> Prediction -> score -> ExampleScore -> row -> means -> total

A new benchmark is one file with a class that has the methods of `Benchmark`, and one line in `registry.py`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from etils import epath
from PIL import Image

from vsdpo_jax.errors import UserError
from vsdpo_jax.render.farm import RenderFarm

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Example:
    """One task of a benchmark.

    Attributes:
      id: unique within the benchmark; the name of its files.
      kind: the renderer of the answer, as `Prompt.kind`.
      instruction: what the model is asked, without chat markup.
      image: the picture in the prompt: uint8[height, width, 3], the file that holds it, or None.
      reference: source code of the reference, empty if there is none.
      meta: what else the benchmark needs to know.
    """

    id: str
    kind: str
    instruction: str
    image: np.ndarray | epath.Path | None = None
    reference: str = ""
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def pixels(self) -> np.ndarray | None:
        """The picture as uint8[height, width, 3], read now if it is a file; raises UserError if it cannot be."""
        if self.image is None or isinstance(self.image, np.ndarray):
            return self.image
        try:
            with epath.Path(self.image).open("rb") as file, Image.open(file) as picture:
                return np.asarray(picture.convert("RGB"))
        except OSError as error:
            raise UserError(f"the picture {self.image} of example {self.id!r} cannot be read: {error}") from error


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model answered for one example.

    Attributes:
      id: unique; the name under which its scores are written.
      reference_id: `Example.id`.
      text: the answer, or None if there is none: it counts as a failure.
      is_code: `text` is the bare program or page, not a response that holds it.
    """

    id: str
    reference_id: str
    text: str | None
    is_code: bool = False


@dataclasses.dataclass(frozen=True)
class ExampleScore:
    """The scores of one prediction.

    Attributes:
      id: `Prediction.id`.
      reference_id: `Example.id`.
      executed: the code ran and drew something.
      columns: scores in 0–1 by the names that `scores.json` has; None for what could not be measured.
      detail: precision, recall, traces, … as JSON values; written with `--detail`.
      images: what the gallery shows, by title, uint8[height, width, 3]; usually `reference` and `prediction`.
      defects: of the render, as `{"kind", "lines", "box", "message"}`.
      error: one line if the code did not run, else empty.
    """

    id: str
    reference_id: str
    executed: bool
    columns: Mapping[str, float | None]
    detail: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    images: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    defects: tuple[Mapping[str, Any], ...] = ()
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a benchmark's table: its key in the totals and its title. Values are in 0–1, shown times 100."""

    key: str
    title: str


class Workshop:
    """What scoring needs besides the example: the render farm, and what has been made already. Thread-safe."""

    def __init__(self, farm: RenderFarm):
        self.farm = farm
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}
        self._making: dict[str, threading.Lock] = {}

    def once(self, name: str, content: str, make: Callable[[], T]) -> T:
        """`make()`, kept by `name` and the hash of `content`: traces and blocks of a reference are made once."""
        key = name + "/" + hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]


class Benchmark(Protocol):
    """One benchmark. Its constructor's keyword arguments are its options, with strings as `--option` gives them."""

    name: str
    columns: tuple[Column, ...]

    def load(self, folder: epath.Path) -> tuple[Example, ...]:
        """All examples of a copy of the published files, in any published layout.

        Raises:
          UserError: the folder is not such a copy.
        """

    def script(self, example: Example, prediction: Prediction) -> str | None:
        """The program or page to render, by the benchmark's rules; None if the response holds none."""

    def score(self, example: Example, prediction: Prediction, workshop: Workshop) -> ExampleScore:
        """Renders and scores one prediction. Called from several threads at once, which is what keeps the farm busy;
        whatever the prediction is, the answer is a score."""

    def row(self, score: ExampleScore) -> Mapping[str, float | None]:
        """What one example adds to the means: failures as zeros where the benchmark says so, None for unmeasured."""

    def total(self, means: Mapping[str, float | None]) -> dict[str, float | None]:
        """The table from the means of the rows, `columns` first: rates and overall scores, in 0–1."""

    def notes(self, scores: Sequence[ExampleScore]) -> list[str]:
        """Lines that a reader of the table has to know: what is missing and why, what it cost."""
