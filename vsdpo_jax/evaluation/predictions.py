"""Predictions in a folder: `ID.py`, `ID.html` or `ID.md`, named as the references or paired by `pairs.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.types import Example, Prediction

# Code first: where a folder has both the program and the response, the program is what was meant.
CODE = (".py", ".html", ".htm")
RESPONSES = (".md", ".txt")
PAIRS = "pairs.json"


def read_predictions(folder: epath.Path, examples: Sequence[Example]) -> list[Prediction]:
    """The predictions to score, in order.

    With `pairs.json` (`{"prediction": "reference"}`) those that it names; else one of each example, `text=None` where
    the folder has none: a missing prediction counts as a failure.

    Raises:
      UserError: no such folder, none of its files is named as an example, or a broken `pairs.json`.
    """
    folder = epath.Path(folder)
    if not folder.is_dir():
        raise UserError(f"--predictions={folder} is not a folder")
    files = {path.name: path for path in folder.iterdir()}
    ids = {example.id for example in examples}
    pairs = _read_pairs(files[PAIRS], ids) if PAIRS in files else {example.id: example.id for example in examples}
    predictions = [_read(files, name, reference) for name, reference in pairs.items()]
    if all(prediction.text is None for prediction in predictions):
        first = next(iter(pairs), "ID")
        raise UserError(f"--predictions={folder} holds no prediction: expected files such as {first}.py or {first}.md")
    return predictions


def _read(files: dict[str, epath.Path], name: str, reference: str) -> Prediction:
    for suffix in (*CODE, *RESPONSES):
        path = files.get(name if name.endswith(suffix) else name + suffix)
        if path is not None:
            text = path.read_bytes().decode("utf-8", "replace")
            # Whatever the name says, a fence means that this is a whole response.
            is_code = path.suffix in CODE and "```" not in text
            return Prediction(_plain(name), reference, text, is_code)
    return Prediction(_plain(name), reference, None)


def _plain(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in (*CODE, *RESPONSES) if name.endswith(suffix)), name)


def _read_pairs(path: epath.Path, ids: set[str]) -> dict[str, str]:
    try:
        pairs = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise UserError(f'{path} must be an object {{"prediction": "reference"}}')
    pairs = {name: _plain(reference) if reference not in ids else reference for name, reference in pairs.items()}
    for name, reference in pairs.items():
        if reference not in ids:
            raise UserError(f"{path}: {name!r} is paired with {reference!r}, which is no example in --data")
    return pairs
