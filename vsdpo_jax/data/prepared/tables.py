"""Rows of published files, by number: parquet, JSON lines, JSON and CSV, local or `gs://`.

Each row is a dict of plain values. Files are read in pieces, so that a file larger than memory is no trouble
(JSON and CSV, which have no index, are read whole).
"""

from __future__ import annotations

import csv
import dataclasses
import fnmatch
import functools
import io
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from etils import epath

from vsdpo_jax.errors import UserError
from vsdpo_jax.storage import list_folder, read_bytes

Row = dict[str, Any]
_BATCH_ROWS = 64


class Table(Protocol):
    """One file. Safe to read from several threads."""

    def __len__(self) -> int: ...

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        """Rows [start, stop)."""
        ...


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows [start, stop) of file number `file`."""

    file: int
    start: int
    stop: int


def find_files(source: epath.PathLike, patterns: Sequence[str]) -> list[epath.Path]:
    """The files of the first pattern that matches any, sorted; a pattern is `folder/name*.parquet` below `source`.

    Raises:
      UserError: there is no such folder, or no such file in it.
    """
    source = epath.Path(source)
    if not source.is_dir():
        raise UserError(f"--source={source} is not a folder")
    for pattern in patterns:
        folder, _, name = pattern.rpartition("/")
        found = [path for path in list_folder(source / folder) if fnmatch.fnmatch(path.name, name)]
        if found:
            return sorted(found)
    raise UserError(
        f"--source={source} holds none of {', '.join(patterns)}: give the folder, or --option=files=PATTERN"
    )


def open_table(path: epath.Path) -> Table:
    """The rows of a file; raises UserError for a file that is no table."""
    kinds = {".parquet": Parquet, ".jsonl": JsonLines, ".json": JsonList, ".csv": Csv}
    if path.suffix not in kinds:
        raise UserError(f"{path} is no table: expected one of {', '.join(kinds)}")
    return kinds[path.suffix](path)


def split(lengths: Sequence[int], rows: int) -> list[Part]:
    """Parts of at most `rows` rows that cover files of these lengths, in order; none spans two files."""
    return [
        Part(file, start, min(start + rows, length))
        for file, length in enumerate(lengths)
        for start in range(0, length, rows)
    ]


class Parquet:
    """A parquet file; row groups are read in batches."""

    def __init__(self, path: epath.Path):
        self._path = path
        with path.open("rb") as file:
            metadata = self._open(file).metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = np.cumsum([0, *sizes])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        first = int(np.searchsorted(self._starts, start, "right")) - 1
        last = int(np.searchsorted(self._starts, stop, "left"))
        number = int(self._starts[first])
        with self._path.open("rb") as file:
            groups = list(range(first, last))
            for batch in self._open(file).iter_batches(_BATCH_ROWS, row_groups=groups, use_threads=False):
                if number + len(batch) > start and number < stop:
                    inside = batch.slice(max(start - number, 0))
                    yield from inside.slice(0, stop - max(start, number)).to_pylist()
                number += len(batch)

    def _open(self, file):
        import pyarrow
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(file)
        except pyarrow.ArrowException as error:
            raise UserError(f"{self._path} is no parquet file: {error}") from error


class JsonLines:
    """A JSON object a line; where each line starts is found when it is opened."""

    def __init__(self, path: epath.Path):
        self._path = path
        starts, at = [], 0
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    starts.append(at)
                at += len(line)
        self._starts = np.array([*starts, at], np.int64)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        with self._path.open("rb") as file:
            file.seek(int(self._starts[start]))
            content = file.read(int(self._starts[stop] - self._starts[start]))
        lines = [line for line in content.split(b"\n") if line.strip()]
        for number, line in enumerate(lines, start):
            yield _object(line, f"{self._path}, row {number + 1}")


class JsonList:
    """A list of JSON objects, read whole when first needed."""

    def __init__(self, path: epath.Path):
        self._path, self._lock = path, threading.Lock()

    @functools.cached_property
    def _rows(self) -> list[Row]:
        try:
            rows = json.loads(read_bytes(self._path))
        except ValueError as error:
            raise UserError(f"{self._path} is not JSON: {error}") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UserError(f"{self._path} is no table: expected a list of objects")
        return rows

    def __len__(self) -> int:
        with self._lock:
            return len(self._rows)

    def rows(self, start: int, stop: int) -> Iterator[Row]:
        with self._lock:
            found = self._rows[start:stop]
        yield from found


class Csv(JsonList):
    """Comma-separated values with a head line."""

    @functools.cached_property
    def _rows(self) -> list[Row]:
        csv.field_size_limit(1 << 24)
        return list(csv.DictReader(io.StringIO(read_bytes(self._path).decode("utf-8-sig"))))


def _object(line: bytes, place: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UserError(f"{place} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise UserError(f"{place} is not a JSON object")
    return row
