"""The colors of ChartMimic: for every plotting function how its artists are found, and what color they have.

A trace is kept as first color -> artist, by function, and the artists are read again at the end. So two artists of one
function that began with the same color are one entry, the later of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib import colors as mcolors
from matplotlib.cbook import silent_list
from matplotlib.image import NonUniformImage
from matplotlib.patches import PathPatch
from matplotlib.projections.polar import PolarAxes

Found = Iterable[tuple[str, Any]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """How the colors of one function are read.

    Attributes:
      group: colors are compared within it; usually the function's name. In polar axes it may be another one.
      find: (result, arguments, keywords) -> (first color, artist), later ones replace earlier ones of the same color.
      read: (artist, first color) -> its colors at the end.
    """

    group: str
    find: Callable[[Any, tuple, dict], Found]
    read: Callable[[Any, str], Iterable[str]]
    polar_group: str = ""


class ColorTrace:
    """The colors of one program. `whole` is false once an artist could not be read: the original would have raised."""

    def __init__(self):
        self.whole = True
        self._kept: dict[tuple[str, str], tuple[Rule, Any]] = {}

    def note(self, rule: Rule, result: Any, arguments: tuple, keywords: dict) -> bool:
        """Keeps the artists of one call; returns whether all could be read."""
        try:
            group = rule.polar_group if rule.polar_group and is_polar(arguments[0]) else rule.group
            for color, artist in rule.find(result, arguments, keywords):
                self._kept[group, color] = rule, artist
        except Exception:
            # The published evaluator fails on what has no color, for instance an area with facecolor="none".
            self.whole = False
            return False
        return True

    def finish(self) -> list[list[str]]:
        """(group, color) of all kept artists, each once, in order of appearance; empty if one cannot be read."""
        found: dict[tuple[str, str], None] = {}
        try:
            for (group, first), (rule, artist) in self._kept.items():
                found.update(((group, color), None) for color in rule.read(artist, first))
        except Exception:
            self.whole = False
            return []
        return [list(entry) for entry in found]


def name_of(color: Any) -> str:
    """`#RRGGBB` in upper case, as the original writes it.

    Raises:
      ValueError: what the original cannot convert, for instance the letters of a color's name one by one.
    """
    if isinstance(color, str):
        if color.startswith("#") and len(color) in (7, 9):
            return color.upper()
        return mcolors.to_hex(mcolors.to_rgba(color)).upper()
    if isinstance(color, (list, tuple, np.ndarray)) and len(color) in (3, 4):
        return mcolors.to_hex(color).upper()
    raise ValueError(f"no color: {color!r}")


def is_polar(owner: Any) -> bool:
    """Exactly polar axes; a subclass of them counts as plain ones in the original."""
    return type(owner) is PolarAxes


def _names(colors: Any) -> list[str]:
    return [name_of(color) for color in np.asarray(colors).tolist()]


def _one(get: Callable[[Any], Any]) -> tuple[Callable[[Any], str], Callable[[Any, str], list[str]]]:
    """How an artist of one color is read first and at the end."""
    return lambda artist: name_of(get(artist)), lambda artist, first: [name_of(get(artist))]


def _result_rule(group: str, get: Callable[[Any], Any]) -> Rule:
    """A function that returns its one artist."""
    first, last = _one(get)
    return Rule(group, lambda result, arguments, keywords: [(first(result), result)], last)


def _each_rule(group: str, artists: Callable[[Any], Iterable[Any]], get: Callable[[Any], Any]) -> Rule:
    """A function that returns several artists, of one color each."""
    first, last = _one(get)
    return Rule(group, lambda result, arguments, keywords: [(first(a), a) for a in artists(result)], last)


def _many_rule(group: str, get: Callable[[Any], Any]) -> Rule:
    """A function that returns one artist of several colors; it is kept under the last of them."""

    def find(result: Any, arguments: tuple, keywords: dict) -> Found:
        return [(_names(get(result))[-1], result)]

    return Rule(group, find, lambda artist, first: _names(get(artist)))


def _map_rule(group: str) -> Rule:
    """A function that colors by values: the name of the color map."""
    return Rule(
        group,
        lambda result, arguments, keywords: [(result.get_cmap().name, result)],
        lambda artist, first: [artist.get_cmap().name],
    )


def _map_name(keywords: dict) -> str | None:
    """The color map that a call names itself; one that it inherits does not count."""
    given = keywords.get("cmap")
    return given if given is None or isinstance(given, str) else given.name


def _scatter() -> Rule:
    def find(result: Any, arguments: tuple, keywords: dict) -> Found:
        name = _map_name(keywords)
        if name is not None:
            return [(name, result)]
        return [(name_of(color), result) for color in result.get_facecolor()[:1]]

    def read(artist: Any, first: str) -> Iterable[str]:
        return [name_of(color) for color in artist.get_facecolor()[:1]] if first.startswith("#") else [first]

    return Rule("scatter", find, read, polar_group="scatter_polar")


def _scatter_3d() -> Rule:
    def find(result: Any, arguments: tuple, keywords: dict) -> Found:
        return [(_map_name(keywords) or _names(result.get_facecolor())[-1], result)]

    def read(artist: Any, first: str) -> Iterable[str]:
        return _names(artist.get_facecolor()) if first.startswith("#") else [first]

    return Rule("scatter_3d", find, read)


def _surface() -> Rule:
    def find(result: Any, arguments: tuple, keywords: dict) -> Found:
        return [(_map_name(keywords) or _names(result.get_facecolor())[0], result)]

    def read(artist: Any, first: str) -> Iterable[str]:
        return _names(artist.get_facecolor())[:1] if first.startswith("#") else [first]

    return Rule("plot_surface_3d", find, read)


def _first_of(group: str) -> Rule:
    """A collection that counts with the first of its colors only."""
    return _result_rule(group, lambda artist: artist.get_facecolor()[0])


def _histogram_bars(result: Any) -> list[Any]:
    patches = result[2]
    return [patch for part in patches for patch in part] if type(patches) is silent_list else list(patches)


def _original(patch: Any) -> list[Any]:
    # A name that was set later is taken apart into letters here, which have no color: the original fails on it as well.
    return list(patch._original_facecolor)


def _edges(result: Any) -> Any:
    if type(result) is list:
        return [arrow.get_facecolor() for arrow in result]
    return result.get_edgecolor()


def made_patch(kind: type) -> Rule:
    """Ellipses and circles, exactly: a subclass is another thing."""

    def find(result: Any, arguments: tuple, keywords: dict) -> Found:
        patch = arguments[0]
        return [(name_of(patch.get_facecolor()), patch)] if type(patch) is kind else []

    return Rule("patch", find, lambda artist, first: [name_of(artist.get_facecolor())])


def _made_image(result: Any, arguments: tuple, keywords: dict) -> Found:
    image = arguments[0]
    return [(image.get_cmap().name, image)] if type(image) is NonUniformImage else []


def _made_venn(result: Any, arguments: tuple, keywords: dict) -> Found:
    diagram = arguments[0]
    return [(_venn_colors(diagram)[-1], diagram)]


def _venn_colors(diagram: Any) -> list[str]:
    return [name_of(patch.get_facecolor()) for patch in diagram.patches]


def _tiles(result: Any) -> list[Any]:
    return [tile for container in result.containers for tile in container]


LINE = Rule(
    "line",
    lambda result, arguments, keywords: [(name_of(result[1]["color"]), result[0])],
    lambda artist, first: [name_of(artist.get_color())],
)
POLAR_LINE = Rule(
    "plot_polar",
    lambda result, arguments, keywords: [
        (name_of(line.get_color()), line) for line in (result if is_polar(arguments[0]) else ())
    ],
    lambda artist, first: [name_of(artist.get_color())],
)
FILL_BETWEEN = _first_of("fill_between")
PLAIN: dict[str, Rule] = {
    "bar": _each_rule("bar", list, _original),
    "axhline": _result_rule("axhline", lambda line: line.get_color()),
    "axvline": _result_rule("axvline", lambda line: line.get_color()),
    "axhspan": _result_rule("axhspan", lambda patch: patch.get_facecolor()),
    "axvspan": _result_rule("axvspan", lambda patch: patch.get_facecolor()),
    "scatter": _scatter(),
    "pie": _each_rule("pie", lambda result: result[0], lambda patch: patch.get_facecolor()),
    "hlines": _many_rule("hlines", lambda lines: lines.get_edgecolor()),
    "vlines": _many_rule("vlines", lambda lines: lines.get_edgecolor()),
    "boxplot": _each_rule(
        "boxplot",
        lambda result: [box for box in result["boxes"] if type(box) is PathPatch],
        lambda patch: patch.get_facecolor(),
    ),
    "violinplot": _each_rule("violinplot", lambda result: result["bodies"], lambda body: body.get_facecolor()[0]),
    "hist": _each_rule("hist", _histogram_bars, lambda patch: patch.get_facecolor()),
    "quiver": _many_rule("quiver", lambda arrows: arrows.get_facecolor()),
    "imshow": _map_rule("imshow"),
    "pcolor": _map_rule("pcolor"),
    "contour": _map_rule("contour"),
    "contourf": _map_rule("contourf"),
    "tripcolor": _map_rule("tripcolor"),
    "fill": _each_rule("fill", list, lambda patch: patch.get_facecolor()),
    "broken_barh": _many_rule("broken_barh", lambda bars: bars.get_facecolor()),
}
IN_3D: dict[str, Rule] = {
    "scatter": _scatter_3d(),
    "plot": _each_rule("plot_3d", list, lambda line: line.get_color()),
    "plot_surface": _surface(),
    "bar3d": _first_of("bar3d_3d"),
    "bar": _each_rule("bar_3d", list, lambda patch: patch.get_facecolor()),
    "add_collection3d": _many_rule("add_collection3d_3d", lambda collection: collection.get_facecolor()),
}
NETWORK: dict[str, Rule] = {
    "draw_networkx_nodes": _many_rule("draw_networkx_nodes", lambda nodes: nodes.get_facecolor()),
    "draw_networkx_edges": _many_rule("draw_networkx_edges", _edges),
    "draw_networkx_labels": _each_rule(
        "draw_networkx_labels", lambda result: result.values(), lambda text: text.get_color()
    ),
}
SQUARIFY = _each_rule("squarify", _tiles, lambda patch: patch.get_facecolor())
MADE_IMAGE = Rule("NonUniformImage", _made_image, lambda artist, first: [artist.get_cmap().name])
MADE_VENN = Rule("VennDiagram", _made_venn, lambda artist, first: _venn_colors(artist))
