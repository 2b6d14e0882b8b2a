"""Reads the visible elements of a drawn Matplotlib figure: kind, pixel box, text, colours, statements.

Boxes have their origin at the top left. What a box describes badly (a line, points, slanted text) also gets `parts`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.collections import (
    Collection,
    LineCollection,
    PathCollection,
    PolyCollection,
    QuadMesh,
)
from matplotlib.container import BarContainer, ErrorbarContainer, StemContainer
from matplotlib.contour import ContourSet
from matplotlib.image import _ImageBase
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.offsetbox import OffsetBox
from matplotlib.patches import FancyArrowPatch, Patch, Polygon, Wedge
from matplotlib.quiver import Quiver
from matplotlib.spines import Spine
from matplotlib.table import Table
from matplotlib.text import Annotation, Text

from vsdpo_jax.render.hooks import Chain, Recorder

MOST_POINTS = 400
# Pieces of a line are about this long, in pixels: short enough to follow a curve, long enough to stay few.
PIECE = 8.0
# Filled shapes are covered by cells about this wide.
CELL = 8.0


class Collector:
    """Collects the elements of one figure after its last draw.

    Args:
      figure: the drawn figure.
      renderer: the Agg renderer that drew it.
      pixels: uint8[height, width, 4], what it drew.
      recorder: what the hooks remembered.
    """

    def __init__(self, figure: Any, renderer: Any, pixels: np.ndarray, recorder: Recorder):
        self.figure = figure
        self.renderer = renderer
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        self.recorder = recorder
        self.elements: list[dict[str, Any]] = []
        self.owners: dict[int, int] = {}  # `id` of an artist -> index of its element, after `collect`.

    def collect(self) -> list[dict[str, Any]]:
        """Elements in drawing order, as plain JSON values."""
        self._figure(self.figure)
        self.elements.sort(key=lambda element: element["z_order"])
        for index, element in enumerate(self.elements):
            self.owners[element.pop("artist")] = index
        return self.elements

    def _figure(self, figure: Any) -> None:
        titles = {id(getattr(figure, "_suptitle", None)): "title"}
        labels = {id(getattr(figure, name, None)): "axis_label" for name in ("_supxlabel", "_supylabel")}
        for text in figure.texts:
            self._text(text, {**titles, **labels}.get(id(text), "text"), "figure/text")
        for artist in [*figure.patches, *figure.lines, *figure.images]:
            if artist is not figure.patch:
                self._mark(artist, "figure", figure)
        for legend in figure.legends:
            self._legend(legend, "figure")
        for part in figure.subfigs:
            self._figure(part)
        if figure is self.figure:
            # These include the axes of its subfigures.
            seen = set()
            for index, axes in enumerate(figure.axes):
                self._axes_tree(axes, f"axes{index}", seen)

    def _axes_tree(self, axes: Any, name: str, seen: set[int]) -> None:
        if id(axes) in seen or not axes.get_visible():
            return
        seen.add(id(axes))
        self._axes(axes, name)
        for index, child in enumerate(axes.child_axes):
            self._axes_tree(child, f"{name}/inset{index}", seen)

    def _axes(self, axes: Any, name: str) -> None:
        # Axes in three dimensions switch the flat ones below them off.
        shown = getattr(axes, "_axis3don", axes.axison)
        frame = axes.patch if axes.patch.get_visible() and shown else None
        self._add("axes", axes.bbox.extents, axes, name, chain=self.recorder.of(axes), z_order=-1.0,
                  color=None if frame is None else frame.get_facecolor(), styles=self._styles(axes, None))  # fmt: skip
        for title in (axes.title, axes._left_title, axes._right_title):
            self._text(title, "title", f"{name}/title")
        if shown:
            for letter, axis in axes._axis_map.items():
                self._axis(axes, axis, f"{name}/{letter}")
        groups = _container_groups(axes)
        owned = {id(axes.title), id(axes._left_title), id(axes._right_title), id(axes.patch)}
        for artist in axes.get_children():
            if id(artist) in owned or isinstance(artist, Spine) or artist in axes.child_axes:
                continue
            if any(artist is axis for axis in axes._axis_map.values()):
                continue
            self._child(artist, name, axes, groups)

    def _child(self, artist: Any, name: str, axes: Any, groups: dict[int, tuple[str, str]]) -> None:
        if isinstance(artist, Legend):
            self._legend(artist, name)
        elif isinstance(artist, Text):
            self._text(artist, "annotation" if isinstance(artist, Annotation) else "text", f"{name}/text")
            if getattr(artist, "arrow_patch", None) is not None and artist.get_visible():
                self._arrow(artist.arrow_patch, name)
        elif isinstance(artist, Table):
            for cell in artist.get_celld().values():
                self._text(cell.get_text(), "text", f"{name}/table")
        elif isinstance(artist, OffsetBox):
            self._offset_box(artist, name)
        else:
            self._mark(artist, name, axes, groups)

    def _offset_box(self, artist: Any, name: str) -> None:
        for text in artist.findobj(Text):
            self._text(text, "annotation", f"{name}/text")

    def _axis(self, axes: Any, axis: Any, name: str) -> None:
        if not axis.get_visible():
            return
        self._text(axis.label, "axis_label", f"{name}label")
        chain = self._tick_chain(axes, axis)
        for tick in self.recorder.ticks.get(id(axis), []):
            for label in (tick.label1, tick.label2):
                self._text(label, "tick_label", f"{name}ticks", chain, owner=axis)
        self._text(axis.offsetText, "tick_label", f"{name}offset", chain)

    def _tick_chain(self, axes: Any, axis: Any) -> Chain:
        recorder, key = self.recorder, id(axis.major)
        chain = recorder.tick_labels.get(key) or recorder.tick_places.get(key)
        if chain:
            return chain
        # Nobody set the ticks, so they follow the data: of these axes, or of those that share them.
        members = [axes, *axes.get_shared_x_axes().get_siblings(axes), *axes.get_shared_y_axes().get_siblings(axes)]
        for member in members:
            drawn = {id(artist) for artist in [*member.lines, *member.patches, *member.collections, *member.images]}
            for identity, created in recorder.created.items():
                if identity in drawn and created:
                    return created
        return recorder.of(axes)

    def _legend(self, legend: Legend, name: str) -> None:
        if not legend.get_visible():
            return
        group = f"{name}/legend"
        frame = legend.get_frame()
        self._add("legend", frame.get_window_extent(self.renderer).extents, legend, group,
                  color=frame.get_facecolor() if legend.get_frame_on() else None)  # fmt: skip
        for text in [*legend.get_texts(), legend.get_title()]:
            self._text(text, "legend_text", group, z_order=legend.get_zorder() + 0.01)

    def _text(self, text: Text, kind: str, group: str, chain: Chain | None = None, z_order: float | None = None,
              owner: Any = None) -> None:  # fmt: skip
        words = text.get_text()
        if not words.strip() or not text.get_visible() or text.get_alpha() == 0:
            return
        extents = Text.get_window_extent(text, self.renderer).extents
        if not np.all(np.isfinite(extents)):
            return
        size = text.get_fontsize() * self.figure.dpi / 72
        background = self._background(extents)
        color = np.asarray(colors.to_rgba(text.get_color()))
        alpha = color[3] if text.get_alpha() is None else text.get_alpha()
        blended = None if background is None else color[:3] * alpha + background * (1 - alpha)
        clip = text.clipbox.extents if text.get_clip_on() and text.clipbox is not None else None
        chain = self.recorder.of(text) if chain is None else chain
        frame = text.get_bbox_patch()
        if frame is not None and frame.get_fill() and frame.get_facecolor()[3] > 0.5:
            self._add("frame", frame.get_window_extent(self.renderer).extents, frame, group, chain=chain,
                      color=frame.get_facecolor(), z_order=text.get_zorder())  # fmt: skip
        slanted = _slanted(extents, text.get_rotation(), size, words)
        self._add(kind, extents, text, group, words, clip, color[:3] if blended is None else blended, background, size,
                  chain, slanted, z_order, self._styles(text, owner))  # fmt: skip

    def _styles(self, artist: Any, owner: Any) -> list[list[Any]]:
        """Which statement changed a property of a text, or of axes, last; `owner` is the axis of a tick label."""
        styled, styles = self.recorder.styled, []
        for name in ("color", "fontsize", "rotation", "position"):
            chain = styled.get((id(artist), name)) or styled.get((id(owner), name))
            if chain:
                styles.append([name, chain[0]])
        return styles

    def _background(self, extents: np.ndarray) -> np.ndarray | None:
        left, bottom, right, top = extents
        crop = self.pixels[
            max(0, int(self.height - top) - 2) : max(0, int(math.ceil(self.height - bottom)) + 2),
            max(0, int(left) - 2) : max(0, int(math.ceil(right)) + 2),
        ]
        if not crop.size:
            return None
        # Letters are thin and smoothed: the most frequent colour in their box is what lies behind them.
        packed = np.ascontiguousarray(crop).view(np.uint32).ravel()
        values, counts = np.unique(packed, return_counts=True)
        red, green, blue, alpha = np.frombuffer(values[counts.argmax()].tobytes(), np.uint8) / 255.0
        return np.array([red, green, blue]) * alpha + (1 - alpha)

    def _mark(self, artist: Any, name: str, axes: Any, groups: dict[int, tuple[str, str]] | None = None) -> None:
        if not artist.get_visible() or artist.get_alpha() == 0:
            return
        if isinstance(artist, Line2D):
            self._line(artist, name, axes, groups or {})
        elif isinstance(artist, Patch):
            self._patch(artist, name, axes, groups or {})
        elif isinstance(artist, (_ImageBase, QuadMesh)):
            self._add("image", artist.get_window_extent(self.renderer).extents, artist, f"{name}/image")
        elif isinstance(artist, Collection):
            self._collection(artist, name, axes, groups or {})

    def _line(self, line: Line2D, name: str, axes: Any, groups: dict[int, tuple[str, str]]) -> None:
        points = line.get_transform().transform(
            np.column_stack([np.asarray(d, float) for d in line.get_data(orig=False)])
        )
        points = points[np.all(np.isfinite(points), axis=1)]
        bare = str(line.get_linestyle()) in ("None", "", " ", "none")
        marked = str(line.get_marker()) not in ("None", "", " ", "none")
        if not len(points) or (bare and not marked):
            return
        kind, group = groups.get(id(line), ("points" if bare else "line", f"{name}/line{len(self.elements)}"))
        if kind == "line" and getattr(axes, "transData", None) is not None and line.get_transform() != axes.transData:
            kind = "rule"
        pixel = self.figure.dpi / 72
        radius = (line.get_markersize() if marked else line.get_linewidth()) * pixel / 2
        parts = _points(points, radius) if bare else _pieces(points, line.get_linewidth() * pixel / 2)
        color = line.get_markerfacecolor() if bare else line.get_color()
        self._add(kind, _around(points, radius), line, group, clip=_clip(line), parts=parts, color=_solid(line, color))

    def _patch(self, patch: Patch, name: str, axes: Any, groups: dict[int, tuple[str, str]]) -> None:
        if isinstance(patch, FancyArrowPatch):
            self._arrow(patch, name)
            return
        extents = patch.get_window_extent(self.renderer).extents
        kind, group = groups.get(id(patch), (None, f"{name}/patch{len(self.elements)}"))
        parts: list[np.ndarray] = []
        if kind is None:
            kind = "wedge" if isinstance(patch, Wedge) else "area" if type(patch) is Polygon else "patch"
            if kind == "wedge":
                group = f"{name}/wedges"
        if kind in ("wedge", "area") or (kind == "bar" and getattr(axes, "name", "") == "polar"):
            parts = _cells([patch.get_transform().transform_path(patch.get_path())], extents)
        self._add(
            kind, extents, patch, group, clip=_clip(patch), parts=parts, color=_solid(patch, patch.get_facecolor())
        )

    def _arrow(self, arrow: FancyArrowPatch, name: str) -> None:
        extents = arrow.get_window_extent(self.renderer).extents
        self._add("arrow", extents, arrow, f"{name}/arrows", color=_solid(arrow, arrow.get_edgecolor()))

    def _collection(self, artist: Collection, name: str, axes: Any, groups: dict[int, tuple[str, str]]) -> None:
        kind, group = groups.get(id(artist), (None, f"{name}/marks{len(self.elements)}"))
        pixel = self.figure.dpi / 72
        parts: list[np.ndarray] = []
        if isinstance(artist, PathCollection):
            points = artist.get_offset_transform().transform(np.ma.filled(artist.get_offsets().astype(float), np.nan))
            points = points[np.all(np.isfinite(points), axis=1)]
            radius = math.sqrt(float(np.max(artist.get_sizes(), initial=0.0))) * pixel / 2
            kind, parts = kind or "points", _points(points, radius)
            extents = _around(points, radius) if len(points) else None
        elif isinstance(artist, ContourSet):
            kind, extents = "contour", axes.bbox.extents
        elif isinstance(artist, Quiver):
            kind, extents = "arrows", axes.bbox.extents
        else:
            if kind is None:
                lines, areas = isinstance(artist, LineCollection), isinstance(artist, PolyCollection)
                kind = "line" if lines else "area" if areas else "marks"
            vertices = [path.vertices for path in artist.get_paths() if len(path.vertices)]
            points = artist.get_transform().transform(np.concatenate(vertices)) if vertices else np.empty((0, 2))
            points = points[np.all(np.isfinite(points), axis=1)]
            extents = _around(points, 0.5) if len(points) else None
            if kind == "area" and extents is not None:
                parts = _cells([artist.get_transform().transform_path(path) for path in artist.get_paths()], extents)
        if extents is not None:
            face = artist.get_edgecolor() if isinstance(artist, LineCollection) else artist.get_facecolor()
            color = _solid(artist, face[0]) if len(face) else None
            self._add(kind, extents, artist, group, clip=_clip(artist), parts=parts, color=color)

    def _add(self, kind, extents, artist, group, text="", clip=None, color=None, background=None, font_size=0.0,
             chain=None, parts=(), z_order=None, styles=()) -> None:  # fmt: skip
        if not np.all(np.isfinite(extents)):
            return
        self.elements.append({
            "artist": id(artist),
            "kind": kind,
            "box": self._flip(extents),
            "text": text,
            "clip": None if clip is None else self._flip(clip),
            "color": None if color is None else [round(float(value), 4) for value in color[:3]],
            "background": None if background is None else [round(float(value), 4) for value in background],
            "font_size": round(float(font_size), 2),
            "z_order": float(artist.get_zorder() if z_order is None else z_order),
            "statements": list(self.recorder.of(artist) if chain is None else chain),
            "group": group,
            "parts": [self._flip(part) for part in parts],
            "styles": list(styles),
        })  # fmt: skip

    def _flip(self, extents: Any) -> list[float]:
        left, bottom, right, top = (float(value) for value in extents)
        left, right, bottom, top = min(left, right), max(left, right), min(bottom, top), max(bottom, top)
        return [round(left, 2), round(self.height - top, 2), round(right, 2), round(self.height - bottom, 2)]


def _container_groups(axes: Any) -> dict[int, tuple[str, str]]:
    """Kind and group of the artists that belong to a bar, error bar or stem container of the axes."""
    name = f"axes{axes.figure.axes.index(axes) if axes in axes.figure.axes else 0}"
    groups = {}
    for index, container in enumerate(axes.containers):
        if isinstance(container, BarContainer):
            groups.update({id(patch): ("bar", f"{name}/bars{index}") for patch in container.patches})
        elif isinstance(container, ErrorbarContainer):
            _, caps, bars = container.lines
            groups.update({id(item): ("error_bar", f"{name}/errors{index}") for item in [*caps, *bars]})
        elif isinstance(container, StemContainer):
            groups.update({id(container.markerline): ("points", f"{name}/stems{index}")})
    return groups


def _solid(artist: Any, color: Any) -> np.ndarray | None:
    """RGB of a colour over white."""
    try:
        red, green, blue, alpha = colors.to_rgba(color)
    except (ValueError, TypeError):
        return None
    if artist.get_alpha() is not None and np.isscalar(artist.get_alpha()):
        alpha = float(artist.get_alpha())
    return np.array([red, green, blue]) * alpha + (1 - alpha)


def _clip(artist: Any) -> np.ndarray | None:
    return artist.clipbox.extents if artist.get_clip_on() and artist.clipbox is not None else None


def _around(points: np.ndarray, margin: float) -> np.ndarray:
    return np.concatenate([points.min(axis=0) - margin, points.max(axis=0) + margin])


def _points(points: np.ndarray, radius: float) -> np.ndarray:
    points = points[:: max(1, math.ceil(len(points) / MOST_POINTS))]
    return np.concatenate([points - radius, points + radius], axis=1)


def _cells(paths: list[Any], extents: np.ndarray) -> list[np.ndarray]:
    """Boxes of the cells of a grid whose middle lies in one of the paths; cells one above the other are joined."""
    left, bottom, right, top = extents
    columns, rows = (int(np.clip((high - low) / CELL, 1, 40)) for low, high in ((left, right), (bottom, top)))
    xs, ys = np.linspace(left, right, columns + 1), np.linspace(bottom, top, rows + 1)
    middles = np.stack(np.meshgrid((xs[:-1] + xs[1:]) / 2, (ys[:-1] + ys[1:]) / 2, indexing="ij"), axis=-1)
    inside = np.zeros(columns * rows, bool)
    for path in paths:
        inside |= path.contains_points(middles.reshape(-1, 2))
    boxes = []
    for column, cells in enumerate(inside.reshape(columns, rows)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(np.int8), [0]])))
        boxes += [np.array([xs[column], ys[low], xs[column + 1], ys[high]]) for low, high in edges.reshape(-1, 2)]
    return boxes


def _pieces(points: np.ndarray, half_width: float) -> np.ndarray:
    """Boxes of short pieces along a polyline."""
    if len(points) < 2:
        return _points(points, half_width)
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    count = int(min(MOST_POINTS, max(1, math.ceil(lengths[-1] / PIECE))))
    places = np.linspace(0, lengths[-1], count + 1)
    along = np.column_stack([np.interp(places, lengths, points[:, 0]), np.interp(places, lengths, points[:, 1])])
    return np.concatenate(
        [np.minimum(along[:-1], along[1:]) - half_width, np.maximum(along[:-1], along[1:]) + half_width], axis=1
    )


def _slanted(extents: np.ndarray, rotation: float, size: float, words: str) -> list[np.ndarray]:
    """Boxes along a text that is neither horizontal nor vertical."""
    angle = math.radians(rotation % 180)
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    if min(sine, cosine) < 0.05:
        return []
    width, height = extents[2] - extents[0], extents[3] - extents[1]
    thick = size * 1.1 * (1 + words.count("\n"))
    length = (width - thick * sine) / cosine if cosine > sine else (height - thick * cosine) / sine
    count = max(1, round(length / thick))
    step = np.array([math.cos(angle), math.sin(angle)]) * max(0.0, length - thick) / max(1, count - 1)
    middle = np.array([extents[0] + extents[2], extents[1] + extents[3]]) / 2
    places = [middle + step * (index - (count - 1) / 2) for index in range(count)]
    return [np.concatenate([place - thick / 2, place + thick / 2]) for place in places]
