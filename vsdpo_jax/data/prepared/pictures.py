"""The picture of a row: bytes in a table's cell, or a path to a file in a folder or an archive beside the table."""

from __future__ import annotations

import base64
import binascii
import io
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from typing import Any

from etils import epath
from PIL import Image

from vsdpo_jax.errors import UserError
from vsdpo_jax.storage import list_folder, read_bytes

# A picture with more pixels is no screenshot; decoding it could take all memory.
MOST_PIXELS = 80_000_000


class BadPicture(ValueError):
    """A row's picture cannot be used; `reason` is a word for the counts."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Pictures:
    """Finds the pictures that rows name. Safe to use from several threads.

    Args:
      source: the folder of the published files.
      place: where paths start: a folder below `source`, or a `.zip` or `.tar` in it. Empty: any of these in `source`.

    Raises:
      UserError: `place` is not there.
    """

    def __init__(self, source: epath.Path, place: str = ""):
        self._source, self._lock = source, threading.Lock()
        chosen = source / place if place else source
        if place and not chosen.exists():
            raise UserError(f"--option=images={place}: {chosen} does not exist")
        if place and not chosen.is_dir() and chosen.suffix not in (".zip", ".tar"):
            raise UserError(f"{chosen} cannot be read picture by picture: unpack it, or give a .zip or .tar")
        self._folders = [chosen, source] if chosen.is_dir() else [source]
        archives = [chosen] if not chosen.is_dir() else list_folder(source) if not place else []
        self._archives = [_open_archive(path) for path in sorted(archives) if path.suffix in (".zip", ".tar")]

    def content(self, cell: Any) -> bytes:
        """The encoded picture of a cell: bytes, `{"bytes": …, "path": …}`, a path, or base64 with or without `data:`.

        Raises:
          BadPicture: `no_image`: the cell is empty or names a file that is not there.
        """
        if isinstance(cell, list | tuple) and len(cell) == 1:
            cell = cell[0]
        if isinstance(cell, Mapping):
            cell = cell.get("bytes") or cell.get("path")
        if isinstance(cell, bytes) and cell:
            return cell
        if not isinstance(cell, str) or not cell:
            raise BadPicture("no_image")
        found = _from_base64(cell) if cell.startswith("data:") or len(cell) > 1024 else self._file(cell)
        if found is None:
            raise BadPicture("no_image")
        return found

    def _file(self, name: str) -> bytes | None:
        name = name.lstrip("./")
        # A published table may name any path; only what lies below the source is meant.
        if ".." in name.split("/"):
            return None
        for archive in self._archives:
            with self._lock:
                found = archive.read(name)
            if found is not None:
                return found
        for folder in self._folders:
            path = folder / name
            if path.exists() and not path.is_dir():
                return read_bytes(path)
        return None


class _Zip:
    def __init__(self, path: epath.Path):
        self._archive = zipfile.ZipFile(path.open("rb"))
        self._names = _by_tail(info.filename for info in self._archive.infolist() if not info.is_dir())

    def read(self, name: str) -> bytes | None:
        found = self._names.get(name)
        return None if found is None else self._archive.read(found)


class _Tar:
    def __init__(self, path: epath.Path):
        self._archive = tarfile.TarFile(fileobj=path.open("rb"))
        self._members = {member.name: member for member in self._archive if member.isfile()}
        self._names = _by_tail(self._members)

    def read(self, name: str) -> bytes | None:
        found = self._names.get(name)
        return None if found is None else self._archive.extractfile(self._members[found]).read()


def _open_archive(path: epath.Path) -> _Zip | _Tar:
    try:
        return _Zip(path) if path.suffix == ".zip" else _Tar(path)
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        raise UserError(f"{path} is no {path.suffix[1:]} archive: {error}") from error


def _by_tail(names) -> dict[str, str]:
    """Members by their path, and by their path without the folder that archives like to put everything in."""
    names = list(names)
    tails = {name.split("/", 1)[1]: name for name in names if "/" in name}
    return tails | {name.removeprefix("./"): name for name in names}


def _from_base64(cell: str) -> bytes | None:
    try:
        return base64.b64decode(cell.partition(",")[2] if cell.startswith("data:") else cell, validate=True)
    except binascii.Error:
        return None


def to_png(content: bytes, max_pixels: int, smallest_side: int) -> bytes:
    """The picture as an RGB PNG of at most `max_pixels` pixels, on white where it is transparent.

    Raises:
      BadPicture: `bad_image` if it cannot be decoded, `small_image` if a side is shorter than `smallest_side`.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise BadPicture("bad_image")
            if min(picture.size) < smallest_side:
                raise BadPicture("small_image")
            kept = picture.format == "PNG" and picture.mode == "RGB" and picture.width * picture.height <= max_pixels
            picture.load()
            return content if kept else _encode(_flat(picture), max_pixels)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise error if isinstance(error, BadPicture) else BadPicture("bad_image") from error


def _flat(picture: Image.Image) -> Image.Image:
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _encode(picture: Image.Image, max_pixels: int) -> bytes:
    pixels = picture.width * picture.height
    if pixels > max_pixels:
        scale = (max_pixels / pixels) ** 0.5
        size = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
