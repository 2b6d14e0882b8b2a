"""Which characters no font can draw. Browsers and slide renderers show an empty box and say nothing."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont, TTLibError

# All fonts have these: most texts need no look into the files.
_COMMON = frozenset(map(chr, range(0x20, 0x7F))) | frozenset(map(chr, range(0xA0, 0x180)))
# Controls, joiners and marks that are never drawn on their own, line ends, spaces.
_UNSEEN = ("Cc", "Cf", "Cn", "Cs", "Mn", "Me", "Zl", "Zp", "Zs")


def warnings_for(texts: Iterable[str], fonts: Callable[[], Iterable[Path]]) -> list[str]:
    """One message for each character of `texts` that no font has, in the words of Matplotlib.

    Args:
      texts: what is shown.
      fonts: names the font files; asked once a process, with the first character that not every font has.
    """
    wanted = {character for text in texts for character in text} - _COMMON
    wanted = {character for character in wanted if unicodedata.category(character) not in _UNSEEN}
    if not wanted:
        return []
    return [f"Glyph {ord(c)} ({ascii(c)}) missing from all fonts" for c in sorted(wanted - _characters(fonts))]


@functools.cache
def _characters(fonts: Callable[[], Iterable[Path]]) -> frozenset[str]:
    found: set[int] = set()
    for path in fonts():
        try:
            for font in _open(path):
                found |= set(font.getBestCmap() or ())
        except (TTLibError, OSError):
            # Not an outline font, or a broken one: it draws nothing.
            continue
    return frozenset(map(chr, found))


def _open(path: Path) -> list[TTFont]:
    if path.suffix.lower() in (".ttc", ".otc"):
        return TTCollection(path, lazy=True).fonts
    return [TTFont(path, lazy=True)]
