"""Runs one python-pptx program and draws the deck that it saves, or leaves behind unsaved.

The slides stand below each other in one picture; every element is clipped by its slide.
"""

from __future__ import annotations

import base64
import functools
import io
import os
import re
import zipfile
from typing import Any

import numpy as np
import pptx
from pptx.opc import package, serialized
from pptx.presentation import Presentation
from pptx.util import lazyproperty

from vsdpo_jax.render import deck_hooks, glyphs, hooks, job, seeds, wire
from vsdpo_jax.render.deck_raster import BetterOffice, DrawnSlide, Rasterizer, regular_files
from vsdpo_jax.render.limits import RenderLimits

_CELL = re.compile(r":table:(\d+):(\d+)$")
_rasterizer: Rasterizer | None = None
_presentations: list[Presentation] = []
_saved: list[tuple[Presentation, bytes]] = []


def install(rasterizer: Rasterizer | None = None) -> None:
    """Hooks python-pptx and reads the fonts. Call once per process; the default rasterizer is `BetterOffice`."""
    global _rasterizer
    _rasterizer = rasterizer or BetterOffice()
    warm_up(_rasterizer)
    deck_hooks.install(_presentations.append, _save)
    _load_default()


def warm_up(rasterizer: Rasterizer) -> None:
    """Makes, saves and draws a first slide, so that forked jobs find everything warm."""
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[0])
    slide.shapes.title.text = "a"
    buffer = io.BytesIO()
    presentation.save(buffer)
    rasterizer.draw(buffer.getvalue())
    # Reading which characters the fonts have takes as long as drawing a slide.
    glyphs.warnings_for(["\u2022"], regular_files)


def _load_default() -> None:
    """Opens the default template before jobs are forked; the first `Presentation()` of each job gets it."""
    original = pptx.api.Presentation
    ready = [original()]
    _remember_relationships()
    # Works out what is worked out once, such as the way from each part to the others.
    ready[0].part.save(io.BytesIO())

    @functools.wraps(original)
    def open_presentation(pptx: Any = None) -> Presentation:
        if pptx is not None or not ready or hooks.active() is None:
            return original(pptx)
        _presentations.append(ready[0])
        return ready.pop()

    pptx.Presentation = pptx.api.Presentation = open_presentation
    # The file is read once, right after it is written, so packing it is wasted.
    serialized._ZipPkgWriter._zipf = lazyproperty(lambda self: zipfile.ZipFile(self._pkg_file, "w", zipfile.ZIP_STORED))


def _remember_relationships() -> None:
    """Writes lists of relationships only once: those of the default template are the same in every deck."""
    write, known = package._Relationships.xml.fget, {}

    def xml(relationships: Any) -> bytes:
        key = tuple((one.rId, one.reltype, one.target_ref, one.is_external) for one in relationships.values())
        if key not in known:
            known[key] = write(relationships)
        return known[key]

    package._Relationships.xml = property(xml)


def run(source: str, limits: RenderLimits, send: Any, hand_over: bool = False) -> None:
    """Executes `source` and sends its answer, as for a chart. Never raises for what the candidate does.

    Args:
      source: the candidate.
      limits: of the job.
      send: called with a JSON object and bytes, the PNG files of the slides; first the statements, then the result.
      hand_over: report the deck itself and the heights of its slides as well, for another renderer.
    """
    if (parsed := job.parse(source, send)) is None:
        return
    program, code = parsed
    recorder = hooks.Recorder(program)
    hooks.activate(recorder)
    _presentations.clear()
    seeds.fix(source)
    job.stop_in_time(limits, recorder, send)
    try:
        try:
            exec(code, {"__name__": "__main__", "__builtins__": __builtins__, "__file__": "deck.py"})
        except SystemExit as error:
            if error.code not in (None, 0) and not _presentations:
                raise
        deck = _saved[-1] if _saved else _unsaved()
        job.stop_the_clock()
        if deck is None or not len(deck[0].slides):
            send({"status": "no-result", "message": "the program ends without a slide"}, b"")
        elif len(deck[0].slides) > limits.slides:
            message = f"the deck has {len(deck[0].slides)} slides, the limit is {limits.slides}"
            send({"status": "too-large", "message": message}, b"")
        else:
            send(*_answer(deck, recorder, limits, hand_over))
    except BaseException as error:
        job.stop_the_clock()
        send(job.describe_failure(error, program, recorder), b"")


def _save(presentation: Presentation, file: Any, original: Any) -> None:
    buffer = io.BytesIO()
    original(presentation, buffer)
    _saved.append((presentation, buffer.getvalue()))
    if hasattr(file, "write"):
        file.write(buffer.getvalue())
    elif os.path.dirname(os.path.abspath(os.fspath(file))) == os.getcwd():
        with open(file, "wb") as opened:
            opened.write(buffer.getvalue())


def _unsaved() -> tuple[Presentation, bytes] | None:
    if not _presentations:
        return None
    _presentations[-1].save(io.BytesIO())
    return _saved[-1]


def _answer(
    deck: tuple[Presentation, bytes], recorder: hooks.Recorder, limits: RenderLimits, hand_over: bool
) -> tuple[dict[str, Any], bytes]:
    presentation, data = deck
    drawn = _rasterizer.draw(data)
    elements, top = [], 0
    for index, (slide, page) in enumerate(zip(presentation.slides, drawn, strict=True)):
        elements += _Slide(slide, page, index, top, recorder).elements()
        top += page.height
    width = drawn[0].width
    if 3 * width * top > wire.LARGEST_PICTURE:
        return {"status": "too-large", "message": f"the slides have {top} rows of {width} pixels together"}, b""
    # Their files go out as they are: unpacked here, all processes on the way would copy fifty times as much.
    message = {"width": width, "height": top, "elements": elements[: limits.elements]}
    message["pictures"] = [len(page.picture) for page in drawn]
    warnings = glyphs.warnings_for((element.get("text", "") for element in elements), regular_files)
    if hand_over:
        heights = [page.height for page in drawn]
        message["report"] = {"deck": base64.b64encode(data).decode(), "heights": heights}
    return message | {"warnings": warnings}, b"".join(page.picture for page in drawn)


class _Slide:
    """The elements of one slide: visible shapes, texts, and frames of texts of which nothing is drawn (`text_box`)."""

    def __init__(self, slide: Any, page: DrawnSlide, index: int, top: int, recorder: hooks.Recorder):
        self.page, self.index, self.top, self.recorder = page, index, top, recorder
        self.shapes = {shape.shape_id: shape for shape in _walk(slide.shapes)}
        self.worded = {p.get("objectId") for p in page.primitives if p["kind"] == "textBox" and p.get("lines")}
        self.clip = [0, top, page.width, top + page.height]

    def elements(self) -> list[dict[str, Any]]:
        found = []
        for order, primitive in enumerate(self.page.primitives):
            found += self._read(primitive, order)
        return found

    def _read(self, primitive: dict[str, Any], order: int) -> list[dict[str, Any]]:
        if primitive["kind"] == "textBox":
            return self._text(primitive, order)
        found = []
        fill = _fill(primitive.get("fill") or {})
        drawn = primitive["kind"] != "shape" or fill or primitive.get("stroke")
        if drawn or primitive.get("objectId") in self.worded:
            kind = {"image": "picture"}.get(primitive["kind"], primitive["kind"]) if drawn else "text_box"
            box = self._box(primitive["x"], primitive["y"], primitive["w"], primitive["h"])
            extra = {"background": _rgb(fill), "natural_size": self._natural_size(primitive)}
            found.append(self._element(primitive, kind, box, order, "created", **extra))
        for inner in primitive.get("primitives", []):
            if inner["kind"] == "textBox":
                found += self._text(inner, order)
        return found

    def _text(self, primitive: dict[str, Any], order: int) -> list[dict[str, Any]]:
        runs = [run for line in primitive.get("lines", []) for run in line["runs"] if run["text"].strip()]
        lines = [line for line in primitive.get("lines", []) if line["width"] > 0]
        words = " ".join(" ".join(run["text"] for run in line["runs"]) for line in lines)
        words = " ".join(words.split())
        if not runs or not words:
            return []
        parts = []
        for line in lines:
            size = max(run["fontSizePx"] for run in line["runs"])
            # From the height of capitals to the depth of descenders, without the room between lines.
            parts.append(self._box(line["x"], line["baseline"] - 0.74 * size, line["width"], 0.94 * size))
        box = [*np.min(parts, axis=0)[:2].tolist(), *np.max(parts, axis=0)[2:].tolist()]
        smallest = min(runs, key=lambda run: run["fontSizePx"])
        return [
            self._element(primitive, "text", box, order, "worded", text=words, color=_rgb(smallest.get("color")),
                          font_size=smallest["fontSizePx"] * self.page.scale, parts=parts if len(parts) > 1 else [])
        ]  # fmt: skip

    def _element(self, primitive, kind, box, order, table, **rest) -> dict[str, Any]:
        shape, recorder = self.shapes.get(primitive.get("objectId")), self.recorder
        key = id(shape._element) if shape is not None else None
        chain = recorder.created.get(key, ())
        inner = key
        if table == "worded" and shape is not None:
            wording, inner = self._wording(primitive, shape, rest["text"])
            chain = wording or chain
        styles = []
        for name in ("color", "fontsize", "position"):
            if changed := recorder.styled.get((inner, name)) or recorder.styled.get((key, name)):
                styles.append([name, changed[0]])
        return {
            "kind": kind,
            "box": [round(float(edge), 2) for edge in box],
            "clip": self.clip,
            "z_order": float(order),
            "statements": list(chain),
            "styles": styles,
            "group": f"slide{self.index}/shape{primitive.get('objectId')}",
            **rest,
        }

    def _wording(self, primitive: dict[str, Any], shape: Any, words: str) -> tuple[hooks.Chain, int]:
        """Who wrote a text of a shape, and what stands for the text: a cell of a table, else the shape."""
        worded, key = self.recorder.worded, id(shape._element)
        if shape.has_chart:
            # Of the other texts of a chart nobody knows more than who made it.
            return worded.get(deck_hooks.words_key(shape._element, words), ()), key
        if shape.has_table and (place := _CELL.search(primitive.get("storyId", ""))):
            cell = id(shape.table.cell(int(place[1]), int(place[2]))._tc)
            return worded.get(cell, ()), cell
        return worded.get(key, ()), key

    def _box(self, x: float, y: float, width: float, height: float) -> list[float]:
        scale = self.page.scale
        return [x * scale, self.top + y * scale, (x + width) * scale, self.top + (y + height) * scale]

    def _natural_size(self, primitive: dict[str, Any]) -> list[int] | None:
        shape = self.shapes.get(primitive.get("objectId")) if primitive["kind"] == "image" else None
        if shape is None or not hasattr(shape, "image"):
            return None
        width, height = shape.image.size
        across, down = 1 - shape.crop_left - shape.crop_right, 1 - shape.crop_top - shape.crop_bottom
        return [max(1, round(width * across)), max(1, round(height * down))]


def _walk(shapes: Any) -> list[Any]:
    found = []
    for shape in shapes:
        found.append(shape)
        if hasattr(shape, "shapes"):
            found += _walk(shape.shapes)
    return found


def _fill(fill: dict[str, Any]) -> str | None:
    """A colour for a fill: that of a gradient is the one it starts with."""
    stops = fill.get("stops") or [{}]
    return fill.get("color") or stops[0].get("color")


def _rgb(color: str | None) -> list[float] | None:
    if not color or not color.startswith("#") or len(color) < 7:
        return None
    return [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
