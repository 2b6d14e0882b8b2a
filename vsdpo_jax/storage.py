"""The files of a run, local or `gs://`: written whole or not at all, and again when the network fails for a while.

Object stores differ from folders in three ways that lose data without a word: opening for append starts an empty
object, a path cannot be made absolute by the working directory, and a request may fail for no reason of ours.
Everything that is written under a workdir goes through here. Orbax brings its own for checkpoints.
"""

from __future__ import annotations

import logging as python_logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

from absl import logging
from etils import epath

from vsdpo_jax.errors import UserError

T = TypeVar("T")

# Seconds before each further attempt. The client has already tried for half a minute by itself when an attempt fails.
PAUSES = (1.0, 4.0, 16.0, 60.0)

# The client writes a traceback for each attempt; what matters of it is in our one line.
python_logging.getLogger("gcsfs").setLevel(python_logging.CRITICAL)


class StorageError(UserError, OSError):
    """A file cannot be read or written; one line with the file, the cause and what to do."""


def is_remote(path: epath.PathLike) -> bool:
    """Whether a path is in an object store (`gs://…`)."""
    return "://" in os.fspath(path)


def absolute(path: epath.PathLike) -> epath.Path:
    """The path from the root; one in an object store is that already."""
    path = epath.Path(path)
    return path if is_remote(path) else epath.Path(os.path.abspath(path))


def write_whole(path: epath.PathLike, content: bytes | str) -> None:
    """Writes a file, and its folder: readers see the file before or the file after, never a part of it.

    Raises:
      StorageError: it cannot be written, in an object store after `len(PAUSES)` more attempts. The file before stays.
    """
    path = epath.Path(path)
    data = content.encode() if isinstance(content, str) else content
    if is_remote(path):
        # An object appears when its upload is complete.
        _patiently(lambda: path.write_bytes(data), path, "written")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise _unusable(path, "written", error) from error


def read_bytes(path: epath.PathLike) -> bytes:
    """The content of a file; raises FileNotFoundError, or StorageError as `write_whole` does."""
    path = epath.Path(path)
    return _patiently(path.read_bytes, path, "read") if is_remote(path) else path.read_bytes()


def list_folder(path: epath.PathLike) -> list[epath.Path]:
    """What is in a folder; nothing if it is not there, because object stores have no empty folders."""
    try:
        return list(epath.Path(path).iterdir())
    except FileNotFoundError:
        return []


def copy_in(source: epath.PathLike, path: epath.PathLike) -> None:
    """Puts a local file at `path`, whole or not at all, and leaves none at `source`; raises StorageError."""
    source, path = epath.Path(source), epath.Path(path)
    if is_remote(path):
        _patiently(lambda: source.copy(path, overwrite=True), path, "written")
        source.unlink()
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        source.replace(path)
    except OSError as error:
        raise _unusable(path, "written", error) from error


class LineFile:
    """A text file that grows by whole lines: appended to in a folder, written anew in an object store.

    Args:
      path: of the file.
      text: what it holds from now on; what was there before is replaced.
    """

    def __init__(self, path: epath.PathLike, text: str = ""):
        self._path, self._text = epath.Path(path), text
        write_whole(self._path, text)

    def append(self, line: str) -> None:
        """Adds a line; raises StorageError, with all earlier lines still there."""
        if is_remote(self._path):
            self._text += line + "\n"
            write_whole(self._path, self._text)
            return
        try:
            # One write a line: a process that is killed leaves whole lines, or one that its readers drop.
            with self._path.open("a") as file:
                file.write(line + "\n")
        except OSError as error:
            raise _unusable(self._path, "written", error) from error


class Mirror:
    """Copies files that grow in a local folder to another place, for writers that know folders only.

    Args:
      local, place: the two folders.
      seconds: at least this long between two copies of a file, because each one is written anew.
    """

    def __init__(self, local: epath.PathLike, place: epath.PathLike, seconds: float = 30.0):
        self._local, self._place, self._seconds = epath.Path(local), epath.Path(place), seconds
        self._sizes: dict[str, int] = {}
        self._last = -float("inf")

    def update(self, now: bool = False) -> None:
        """Copies what has grown, if it is time or `now`; raises StorageError."""
        if not now and time.monotonic() < self._last + self._seconds:
            return
        self._last = time.monotonic()
        for path in sorted(self._local.iterdir()):
            data = path.read_bytes()
            if len(data) != self._sizes.get(path.name):
                write_whole(self._place / path.name, data)
                self._sizes[path.name] = len(data)


def _patiently(action: Callable[[], T], path: epath.Path, verb: str) -> T:
    for pause in (*PAUSES, None):
        try:
            return action()
        except Exception as error:  # Clients of object stores raise whatever the libraries below them do.
            if isinstance(error, FileNotFoundError) and verb == "read":
                raise
            if pause is None or _is_final(error):
                raise _unusable(path, verb, error) from error
            logging.warning("%s could not be %s (%s); trying again in %g s", path, verb, _reason(error), pause)
            time.sleep(pause)
    raise AssertionError("unreachable")


def _is_final(error: Exception) -> bool:
    """Whether another attempt must end the same way: no such bucket, no permission, no client."""
    return isinstance(error, FileNotFoundError | PermissionError | ImportError) or str(error).startswith("Forbidden")


def _unusable(path: epath.Path, verb: str, error: Exception) -> StorageError:
    if isinstance(error, ImportError):
        return StorageError(f"{path} cannot be {verb}: gcsfs is not installed; pip install 'vsdpo_jax[tpu]'")
    hint = "the bucket, its permissions and the network" if is_remote(path) else "the folder's permissions and space"
    return StorageError(f"{path} cannot be {verb}: {_reason(error)}; check {hint}, then run the same command again")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such bucket or folder"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
