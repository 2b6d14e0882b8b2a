"""Which rows make a task, and why the others do not."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import warnings
from collections.abc import Sequence

from vsdpo_jax.data.prepared.pictures import BadPicture, Pictures, to_png
from vsdpo_jax.data.prepared.sets import Entry, TrainingSet, question
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Scene

# Failures that a busy machine can cause as well as the program: they get a second chance.
_CHANCE = ("timeout", "died", "no-result", "oom")
# Longest side of the renders that only have to show whether a chart runs.
_SIDE = 480


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a task may be.

    Attributes:
      max_chars: of the code; longer programs do not fit into a response of 2,048 tokens (about four a token).
      max_prompt_chars: of the question.
      max_pixels: larger pictures are scaled down to this; 1,024 visual tokens of 32 x 32 pixels.
      smallest_side: of a picture, in pixels.
      execute: render the code and drop what does not run or shows nothing.
      heldout: share of the tasks that are kept for evaluation.
    """

    max_chars: int = 8000
    max_prompt_chars: int = 4000
    max_pixels: int = 1 << 20
    smallest_side: int = 28
    execute: bool = True
    heldout: float = 0.01


@dataclasses.dataclass(frozen=True)
class Task:
    """A row that passed: `images` holds no or one encoded PNG."""

    id: str
    prompt: str
    code: str
    images: tuple[bytes, ...]
    heldout: bool


def check(
    entries: Sequence[Entry], settings: TrainingSet, limits: Limits, pictures: Pictures, farm: RenderFarm | None
) -> tuple[list[Task], dict[str, int]]:
    """The tasks among some entries, in order, and how many were dropped by reason.

    Reasons: `no_code`, `no_image`, `bad_image`, `small_image`, `no_prompt`, `too_long`, `long_prompt`, `syntax_error`,
    `python-error` and the other statuses of `RenderError`, `empty_render`.
    """
    dropped: dict[str, int] = {}
    passed: list[Task] = []
    for entry in entries:
        found = _static(entry, settings, limits, pictures)
        if isinstance(found, str):
            dropped[found] = dropped.get(found, 0) + 1
        else:
            passed.append(found)
    if not (limits.execute and farm is not None):
        return passed, dropped
    kept = []
    for task, reason in zip(passed, _failures([task.code for task in passed], settings.kind, farm), strict=True):
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
        else:
            kept.append(task)
    return kept, dropped


def _static(entry: Entry, settings: TrainingSet, limits: Limits, pictures: Pictures) -> Task | str:
    """The task of an entry, or why it is none, as far as can be said without running it."""
    if settings.need_code and not entry.code:
        return "no_code"
    if len(entry.code) > limits.max_chars:
        return "too_long"
    if entry.code and settings.kind in ("chart", "pptx") and not _parses(entry.code):
        return "syntax_error"
    images: tuple[bytes, ...] = ()
    if settings.need_image or entry.image:
        try:
            content = pictures.content(entry.image)
            images = (to_png(content, limits.max_pixels, limits.smallest_side),)
        except BadPicture as error:
            return error.reason
    prompt = question(entry, settings, bool(images))
    if not prompt:
        return "no_prompt"
    if len(prompt) > limits.max_prompt_chars:
        return "long_prompt"
    return Task(entry.id, prompt, entry.code, images, _is_heldout(entry.code or prompt, limits.heldout))


def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_heldout(content: str, share: float) -> bool:
    """By content, not by place: equal programs are on the same side, whatever else is prepared with them."""
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def _failures(codes: Sequence[str], kind: str, farm: RenderFarm) -> list[str]:
    """Why each program shows nothing; empty for those that do and for those that are empty."""
    reasons = dict.fromkeys(range(len(codes)), "")
    again = [index for index, code in enumerate(codes) if code]
    for _ in range(2):
        futures = {index: farm.submit(codes[index], kind, max_side=_SIDE) for index in again}
        reasons |= {index: _failure(future.result()) for index, future in futures.items()}
        again = [index for index in again if reasons[index] in _CHANCE]
    return list(reasons.values())


def _failure(scene: Scene) -> str:
    if scene.error is not None:
        return scene.error.status
    return "" if (scene.image != scene.image[0, 0]).any() else "empty_render"
