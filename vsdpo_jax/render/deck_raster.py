"""Draws the slides of a PowerPoint file: pictures, and where everything is.

`Rasterizer` is the interface; `BetterOffice` implements it in this process, without a server.
"""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
from pathlib import Path
from typing import Any, Protocol

WIDTH = 1280
_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
# Family -> files that have its widths or, failing that, resemble it; the first that is installed is taken.
FAMILIES = {
    "Calibri": ("Carlito", "LiberationSans"),
    "Calibri Light": ("Carlito", "LiberationSans"),
    "Arial": ("LiberationSans",),
    "Helvetica": ("LiberationSans",),
    "Cambria": ("Caladea", "LiberationSerif"),
    "Times New Roman": ("LiberationSerif",),
    "Courier New": ("LiberationMono",),
    "DejaVu Sans": ("DejaVuSans",),
}
# Where a deck names a font that is not here, the engine takes one of these.
_ALWAYS = {"Calibri", "DejaVu Sans"}
_TYPEFACE = re.compile(rb'<a:(?:latin|ea|cs|sym|buFont)\b[^>]*?\btypeface="([^"]*)"')
_STYLES = (("Regular", False, False), ("Bold", True, False), ("Italic", False, True), ("BoldItalic", True, True))


@dataclasses.dataclass(frozen=True)
class DrawnSlide:
    """One slide: a PNG file of `width` x `height`, and its display list; its coordinates times `scale` are pixels."""

    picture: bytes
    width: int
    height: int
    primitives: list[dict[str, Any]]
    scale: float


class Rasterizer(Protocol):
    """Draws decks."""

    def draw(self, deck: bytes) -> list[DrawnSlide]:
        """Draws all slides of a file; raises ValueError for one that cannot be read."""


class BetterOffice:
    """The layout engine of the package betteroffice-pptx. Fonts are read once, before jobs are forked."""

    def __init__(self) -> None:
        import betteroffice_pptx

        self._package = betteroffice_pptx
        self._fonts = [(family, bold, italic, data) for family, bold, italic, data in _fonts()]

    def draw(self, deck: bytes) -> list[DrawnSlide]:
        """Draws all slides of a file; raises ValueError for one that cannot be read."""
        try:
            presentation = self._package.Presentation.open(deck)
            # Each registered font is copied, which costs more than drawing, so only those that the deck may use.
            named = _named_fonts(deck)
            for family, bold, italic, data in self._fonts:
                if family in named:
                    presentation.register_font(family, data, bold=bold, italic=italic)
            return [self._slide(presentation, index) for index in range(presentation.slide_count)]
        except (self._package.PptxError, zipfile.BadZipFile) as error:
            raise ValueError(f"the deck cannot be drawn: {error}") from None

    def _slide(self, presentation: Any, index: int) -> DrawnSlide:
        layout = presentation.render_slide(index).to_dict()
        scale = WIDTH / layout["width"]
        picture = presentation.render_png(index, scale=scale)
        return DrawnSlide(picture.bytes, picture.width, picture.height, layout["primitives"], scale)


# Checksum and size of a part -> what it names: most parts are those of the default template.
_named: dict[tuple[int, int], set[str]] = {}


def _named_fonts(deck: bytes) -> set[str]:
    """Families that some part of the deck names for its text, with those that stand in for all others."""
    found = set(_ALWAYS)
    with zipfile.ZipFile(io.BytesIO(deck)) as package:
        for part in package.infolist():
            if part.filename.endswith(".xml"):
                key = part.CRC, part.file_size
                if key not in _named:
                    _named[key] = {name.decode() for name in _TYPEFACE.findall(package.read(part))}
                found |= _named[key]
    return found


def _fonts() -> list[tuple[str, bool, bool, bytes]]:
    files = {path.name: path for folder in _FOLDERS for path in sorted(folder.rglob("*.ttf"))}
    fonts = []
    for family, names in FAMILIES.items():
        for style, bold, italic in _STYLES:
            wanted = [f"{name}-{style}.ttf" for name in names]
            # DejaVu leaves the style out of the name of its regular face.
            wanted += [f"{name}.ttf" for name in names if style == "Regular"]
            path = next((files[name] for name in wanted if name in files), None)
            if path is not None:
                fonts.append((family, bold, italic, path.read_bytes()))
    return fonts


def regular_files() -> tuple[Path, ...]:
    """The files of the upright faces that texts are drawn with: what they lack is drawn as an empty box."""
    files = {path.name: path for folder in _FOLDERS for path in sorted(folder.rglob("*.ttf"))}
    names = {f"{name}{style}.ttf" for family in FAMILIES.values() for name in family for style in ("", "-Regular")}
    return tuple(files[name] for name in sorted(names & files.keys()))
