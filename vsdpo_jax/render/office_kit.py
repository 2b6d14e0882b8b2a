"""LibreOffice inside this process, through LibreOfficeKit, the C interface that it has for this purpose.

No second process, no socket, no window: the library is loaded, and a document is opened, drawn and closed by calls.
The interface is a table of functions for the office and one for each document; their order is fixed for good
(LibreOffice, include/LibreOfficeKit/LibreOfficeKit.h).
"""

from __future__ import annotations

import ctypes
import json
import shutil
from pathlib import Path
from typing import Any

from vsdpo_jax.errors import UserError

_LIBRARIES = ("libmergedlo.so", "libsofficeapp.so")
_ADVICE = "install LibreOffice Impress (Debian, Ubuntu: `apt-get install libreoffice-impress`)"
_Pointer = ctypes.c_void_p
# Places in the tables.
_LOAD, _ERROR, _FREE = 2, 3, 5
_CLOSE, _SAVE, _PARTS, _SET_PART, _SIZE = 1, 2, 4, 7, 12


def find_office() -> str | None:
    """Path of LibreOffice, or None."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def find_library() -> Path:
    """The library that LibreOffice runs from.

    Raises:
      UserError: LibreOffice is not installed, or in a way that cannot be used.
    """
    path = find_office()
    if path is None:
        raise UserError(f"LibreOffice is not installed: {_ADVICE}")
    folder = Path(path).resolve().parent
    for name in _LIBRARIES:
        if (folder / name).exists():
            return folder / name
    raise UserError(f"{path} has no library of LibreOffice beside it: {_ADVICE}")


def folders(library: Path) -> list[str]:
    """The folders and files that LibreOffice is made of: distributions keep parts of it elsewhere, behind links."""
    root = library.parent.parent
    return [str(root), *sorted({str(path.resolve()) for path in root.rglob("*") if path.is_symlink()})]


class Office:
    """LibreOffice, started once. Not for several threads.

    Args:
      library: of `find_library`.
      profile: an empty folder for its settings.

    Raises:
      OSError: it does not start.
    """

    def __init__(self, library: Path, profile: Path):
        hook = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL).libreofficekit_hook_2
        hook.restype, hook.argtypes = _Pointer, [ctypes.c_char_p, ctypes.c_char_p]
        self._office = hook(str(library.parent).encode(), profile.as_uri().encode())
        if not self._office:
            raise OSError("LibreOffice does not start")

    def open(self, path: Path) -> Document:
        """Opens a file; raises ValueError if it cannot be read."""
        document = _call(self._office, _LOAD, _Pointer, path.as_uri().encode())
        if not document:
            raise ValueError(f"LibreOffice cannot read the file: {self._error()}")
        return Document(document)

    def _error(self) -> str:
        text = _call(self._office, _ERROR, _Pointer)
        if not text:
            return "no reason given"
        try:
            return ctypes.string_at(text).decode(errors="replace")
        finally:
            # This one is not given the office.
            table = _table(self._office)
            ctypes.CFUNCTYPE(None, _Pointer)(table[_FREE])(text)


class Document:
    """An open presentation. Close it after use."""

    def __init__(self, document: int):
        self._document = document

    @property
    def slides(self) -> int:
        """How many there are."""
        return _call(self._document, _PARTS, ctypes.c_int)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a slide, in a unit of the office's own."""
        width, height = ctypes.c_long(), ctypes.c_long()
        _call(self._document, _SIZE, None, ctypes.byref(width), ctypes.byref(height))
        return width.value, height.value

    def draw(self, slide: int, width: int, height: int, path: Path) -> None:
        """Writes a slide as a PNG of that many pixels; raises ValueError if it cannot be drawn."""
        _call(self._document, _SET_PART, None, ctypes.c_int(slide))
        pixels = {"PixelWidth": width, "PixelHeight": height}
        options = json.dumps({name: {"type": "long", "value": str(value)} for name, value in pixels.items()})
        if not _call(self._document, _SAVE, ctypes.c_int, path.as_uri().encode(), b"png", options.encode()):
            raise ValueError(f"LibreOffice cannot draw slide {slide + 1}")

    def close(self) -> None:
        """Forgets the document."""
        _call(self._document, _CLOSE, None)


def _table(thing: int) -> Any:
    table = ctypes.cast(thing, ctypes.POINTER(_Pointer))[0]
    return ctypes.cast(table, ctypes.POINTER(_Pointer))


def _call(thing: int, place: int, result: Any, *arguments: Any) -> Any:
    """Calls a function of a table; its first argument is the thing itself. Bytes are texts, other objects pointers."""
    kinds = [{bytes: ctypes.c_char_p, ctypes.c_int: ctypes.c_int}.get(type(one), _Pointer) for one in arguments]
    return ctypes.CFUNCTYPE(result, _Pointer, *kinds)(_table(thing)[place])(thing, *arguments)
