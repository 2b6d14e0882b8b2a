"""From Chromium's DOM snapshot to the elements of a scene.

Every visible box becomes an element with its tag as kind, and every text node one more, with the tag of its parent as
kind, the boxes of its lines as parts, and the colour that is blended behind it as background.
"""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

from vsdpo_jax.render.html_source import ATTRIBUTE, HtmlSource
from vsdpo_jax.render.web_backgrounds import Backgrounds, over

STYLES = (
    "display", "visibility", "opacity", "color", "background-color", "background-image", "font-size",
    "overflow-x", "overflow-y", "border-top-width", "border-top-style", "border-top-color", "object-fit",
)  # fmt: skip
_IGNORED = frozenset("html head style script title meta link br wbr option".split())
_PICTURES = frozenset("img svg canvas video".split())
_REPLACED = frozenset("img svg canvas video input textarea select button hr table".split())
_RGB = re.compile(r"rgba?\(([\d.]+), ([\d.]+), ([\d.]+)(?:, ([\d.]+))?\)")
_PICTURE = re.compile(r"data:image/[a-z+.-]+;base64,(.*)", re.S)
# Line boxes are as high as the font's ascent and descent; letters fill about this much of them.
TRIM_TOP, TRIM_BOTTOM = 0.18, 0.14


def read_snapshot(snapshot: dict[str, Any], source: HtmlSource, limit: int) -> list[dict[str, Any]]:
    """Elements in paint order, as plain JSON values; `lineage`: the numbers of their tag and those around it;
    `node`, `tagged`: the browser's number, and whether a tag of the source made it."""
    return _Reader(snapshot, source).read(limit)


class _Reader:
    def __init__(self, snapshot: dict[str, Any], source: HtmlSource):
        self.strings = snapshot["strings"]
        document = snapshot["documents"][0]
        self.nodes, self.layout, self.text_boxes = document["nodes"], document["layout"], document["textBoxes"]
        self.source = source
        self.parents = self.nodes["parentIndex"]
        self.names = [self._string(index).lower() for index in self.nodes["nodeName"]]
        self.numbers = [self._number(node) for node in range(len(self.names))]
        self.rows = {node: row for row, node in reversed(list(enumerate(self.layout["nodeIndex"])))}
        # What is known of a node already: pages can be deep as well as long.
        self._lineages: dict[int, list[int]] = {}
        self._clips: dict[int, list[float] | None] = {}
        self._opacities: dict[int, float] = {}
        self.backgrounds = Backgrounds()
        self.lines: dict[int, list[list[float]]] = {}
        for row, bounds in zip(self.text_boxes["layoutIndex"], self.text_boxes["bounds"], strict=True):
            self.lines.setdefault(row, []).append(bounds)

    def read(self, limit: int) -> list[dict[str, Any]]:
        elements = []
        for row, node in enumerate(self.layout["nodeIndex"]):
            left, top, width, height = self.layout["bounds"][row]
            if node < 0 or width <= 0 or height <= 0 or not self._is_visible(row, node):
                continue
            box = [left, top, left + width, top + height]
            if not self.names[node].startswith(("#", ":")):
                self._fill(row, node, box)
            if self.names[node] == "#text":
                element = self._text(row, node)
            elif self.names[node] in ("::before", "::after"):
                element = self._generated(row, node)
            elif self.names[node].startswith(("#", ":")) or self.names[node] in _IGNORED:
                element = None
            else:
                element = self._box(row, node, box)
            if element is not None:
                elements.append(element)
        elements = sorted(elements, key=lambda element: element["z_order"])[:limit]
        for element in elements:
            if element.get("text"):
                self._put_on_ground(element)
        return elements

    def _box(self, row: int, node: int, box: list[float]) -> dict[str, Any]:
        styles = self._styles(row)
        color, alpha = _color(styles["background-color"])
        image = styles["background-image"] not in ("none", "")
        bordered = styles["border-top-style"] not in ("none", "hidden") and styles["border-top-width"] != "0px"
        seen = alpha > 0.05 or image or bordered or self.names[node] in _REPLACED
        return self._element(
            row,
            node,
            self.names[node],
            box,
            color=_color(styles["border-top-color"])[0] if bordered else None,
            background=color if alpha > 0.5 and not image else None,
            group=self._group(node) if seen else "",
            natural_size=self._natural_size(node, styles),
        )

    def _natural_size(self, node: int, styles: dict[str, str]) -> list[int] | None:
        """Size of an embedded picture that is stretched to its box."""
        match = _PICTURE.match(self._attribute(node, "src")) if self.names[node] == "img" else None
        if match is None or styles["object-fit"] not in ("fill", ""):
            return None
        try:
            with Image.open(io.BytesIO(base64.b64decode(match[1]))) as picture:
                return list(picture.size)
        except (OSError, ValueError, Image.DecompressionBombError):
            # The browser shows a broken picture, which has no shape of its own.
            return None

    def _text(self, row: int, node: int) -> dict[str, Any] | None:
        words = " ".join(self._string(self.layout["text"][row]).split())
        lines = [bounds for bounds in self.lines.get(row, []) if bounds[2] > 0 and bounds[3] > 0]
        if not words or not lines:
            return None
        parts = [
            [left, top + TRIM_TOP * height, left + width, top + (1 - TRIM_BOTTOM) * height]
            for left, top, width, height in lines
        ]
        box = [min(p[0] for p in parts), min(p[1] for p in parts), max(p[2] for p in parts), max(p[3] for p in parts)]
        parent = self.parents[node]
        from_parent = parent in self.rows and self.names[node] == "#text"
        styles = self._styles(self.rows[parent] if from_parent else row)
        color, alpha = _color(styles["color"])
        return self._element(row, node, self.names[parent], box, text=words, color=color,
                             opacity=alpha * self._opacity(node),
                             font_size=float(styles["font-size"].removesuffix("px") or 0), group=self._group(parent),
                             parts=parts if len(parts) > 1 else [])  # fmt: skip

    def _fill(self, row: int, node: int, box: list[float]) -> None:
        styles = self._styles(row)
        color, alpha = _color(styles["background-color"])
        if self.names[node] in ("html", "body"):
            # Its background is that of the whole canvas.
            box = [-math.inf, -math.inf, math.inf, math.inf]
        if styles["background-image"] not in ("none", "") or self.names[node] in _PICTURES:
            self.backgrounds.add(box, self._order(row), None, 1.0)
        elif color is not None and alpha > 0:
            self.backgrounds.add(box, self._order(row), color, alpha * self._opacity(node))

    def _put_on_ground(self, element: dict[str, Any]) -> None:
        """Replaces the opacity of a text by what it leads to: what is behind shows through its letters."""
        ground, opacity = self.backgrounds.behind(element["box"], element["z_order"]), element.pop("opacity")
        if element["color"] is not None and ground is not None:
            element["color"] = over(element["color"], opacity, ground)
        element["background"] = ground

    def _generated(self, row: int, node: int) -> dict[str, Any] | None:
        """A text that a style rule writes before or after what is in an element; the rule made it."""
        element = self._text(row, node)
        rule = None if element is None else self.source.content_rule(self.names[node], element["text"])
        if rule is not None:
            element["statements"] = [rule, *element["statements"]]
        return element

    def _element(self, row: int, node: int, kind: str, box: list[float], **rest: Any) -> dict[str, Any]:
        lineage = self._lineage(node)
        return {
            "kind": kind,
            "box": [round(edge, 2) for edge in box],
            "clip": self._clip(node),
            "z_order": self._order(row),
            "statements": [self.source.elements[number] for number in lineage[:1]],
            "lineage": lineage,
            "node": self.nodes["backendNodeId"][node],
            "tagged": self.numbers[node] is not None,
            **rest,
        }

    def _order(self, row: int) -> float:
        orders = self.layout.get("paintOrders") or []
        return float(orders[row]) if row < len(orders) else 0.0

    def _unknown(self, known: Mapping[int, Any], node: int) -> list[int]:
        """A node and those around it up to the first that is `known`, outermost first: scripts nest without limit."""
        path = []
        while node >= 0 and node not in known:
            path.append(node)
            node = self.parents[node]
        return path[::-1]

    def _lineage(self, node: int) -> list[int]:
        """Numbers of the tag that made a node and of those around it, innermost first."""
        for place in self._unknown(self._lineages, node):
            number, around = self.numbers[place], self._lineages.get(self.parents[place], [])
            self._lineages[place] = around if number is None else [number, *around]
        return self._lineages.get(node, [])

    def _group(self, node: int) -> str:
        """Siblings of one tag below one parent form a group."""
        return f"node{self.parents[node]}/{self.names[node]}"

    def _clip(self, node: int) -> list[float] | None:
        """The intersection of the ancestors that cut off what overflows them, None if none does."""
        parent = self.parents[node]
        for place in self._unknown(self._clips, parent):
            self._clips[place] = self._cut(place, self._clips.get(self.parents[place]))
        return self._clips.get(parent)

    def _cut(self, node: int, clip: list[float] | None) -> list[float] | None:
        """What `clip`, that of a node, leaves of the nodes in it."""
        row = self.rows.get(node)
        if row is None or self.names[node] in ("html", "body", "#document"):
            return clip
        styles = self._styles(row)
        if styles["overflow-x"] in ("visible", "") and styles["overflow-y"] in ("visible", ""):
            return clip
        left, top, width, height = self.layout["bounds"][row]
        # What overflows is cut inside of the border, taken to be as wide as its upper edge all around.
        edge = float(styles["border-top-width"].removesuffix("px") or 0)
        box = [left + edge, top + edge, left + width - edge, top + height - edge]
        return box if clip is None else [*map(max, clip[:2], box[:2]), *map(min, clip[2:], box[2:])]

    def _is_visible(self, row: int, node: int) -> bool:
        return self._styles(row)["visibility"] in ("visible", "") and self._opacity(node) > 0

    def _opacity(self, node: int) -> float:
        """Of a node and all those around it."""
        for place in self._unknown(self._opacities, node):
            row = self.rows.get(place)
            # A text has the styles of its parent, which counts already.
            own = 1.0 if row is None or self.names[place] == "#text" else float(self._styles(row)["opacity"] or 1)
            self._opacities[place] = own * self._opacities.get(self.parents[place], 1.0)
        return self._opacities.get(node, 1.0)

    def _styles(self, row: int) -> dict[str, str]:
        values = [self._string(index) for index in self.layout["styles"][row]]
        return dict(zip(STYLES, values, strict=True)) if values else dict.fromkeys(STYLES, "")

    def _number(self, node: int) -> int | None:
        number = self._attribute(node, ATTRIBUTE)
        # A script can write anything there.
        is_number = number.isascii() and number.isdigit() and len(number) < 10
        return int(number) if is_number and int(number) < len(self.source.elements) else None

    def _attribute(self, node: int, wanted: str) -> str:
        attributes = self.nodes["attributes"][node]
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            if self._string(name) == wanted:
                return self._string(value)
        return ""

    def _string(self, index: int) -> str:
        return self.strings[index] if index >= 0 else ""


def _color(text: str) -> tuple[list[float] | None, float]:
    """RGB in 0–1 and opacity of a computed colour (`rgb(…)`, `rgba(…)` or `#rrggbbaa`)."""
    if match := _RGB.match(text):
        return [float(value) / 255 for value in match.groups()[:3]], float(match[4] or 1)
    if text.startswith("#") and len(text) in (7, 9):
        values = [int(text[place : place + 2], 16) / 255 for place in range(1, len(text), 2)]
        return values[:3], values[3] if len(values) == 4 else 1.0
    return None, 0.0
