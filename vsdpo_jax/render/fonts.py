"""The fonts that this machine draws with, and a fingerprint of everything that decides the bytes of a render.

Two machines with the same fingerprint draw the same picture from the same source. It belongs to the key of every cache
of renders and to the record of every run whose rewards come from renders.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from vsdpo_jax.errors import UserError
from vsdpo_jax.render.browser import find_chromium

_SUFFIXES = frozenset((".ttf", ".otf", ".ttc", ".otc", ".pfb", ".afm", ".woff", ".woff2"))
_RENDERERS = ("matplotlib", "numpy", "pillow", "playwright", "python-pptx", "betteroffice-pptx")
_VERSION_SECONDS = 20


def font_files() -> list[Path]:
    """The font files of this machine, in the folders that Fontconfig and Matplotlib search, sorted by name."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), data / "fonts", home / ".fonts")
    found = {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and path.is_file()
    }  # fmt: skip
    return sorted(found, key=lambda path: (path.name, str(path)))


@functools.cache
def font_set() -> str:
    """Hex digest of the names and contents of all font files; where they lie does not matter."""
    total = hashlib.sha256()
    for name, digest in sorted({(path.name, _digest(path)) for path in font_files()}):
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


@functools.cache
def fingerprint() -> dict[str, str]:
    """What decides the bytes of a render: `fonts` (see `font_set`), and the version of Python, of each renderer and of
    the browser (`none` where there is none)."""
    versions = {name: metadata.version(name) for name in _RENDERERS}
    return {"fonts": font_set(), "python": platform.python_version(), **versions, "chromium": _browser_version()}


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _browser_version() -> str:
    try:
        command = [find_chromium(), "--version"]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_VERSION_SECONDS
        )
    except (UserError, OSError, subprocess.TimeoutExpired):
        return "none"
    words = [word for word in done.stdout.split() if word[:1].isdigit()]
    return words[0] if words else "none"
