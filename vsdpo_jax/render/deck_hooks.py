"""Hooks in python-pptx that remember which statement made a shape, wrote its text or changed its looks.

Shapes are known by their XML element; a change of a run, paragraph or fill counts for the shape around it, and for the
cell of a table that it lies in. What lies in the part of a chart counts for the frame that shows it, and texts that a
program writes there (titles) are known by their words.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from pptx.dml.color import ColorFormat
from pptx.oxml.ns import qn
from pptx.presentation import Presentation
from pptx.shapes.base import BaseShape
from pptx.shapes.freeform import FreeformBuilder
from pptx.shapes.shapetree import SlideShapes, _BaseGroupShapes
from pptx.slide import Slides
from pptx.table import _Cell
from pptx.text.text import Font, TextFrame, _Paragraph, _Run

from vsdpo_jax.render import hooks

# Element of a chart part -> the graphic frame that shows it.
_charts: dict[int, Any] = {}
_SHAPES = frozenset(("sp", "pic", "graphicFrame", "cxnSp", "grpSp"))
_CELL = qn("a:tc")
_MAKERS = (
    "add_textbox",
    "add_shape",
    "add_picture",
    "add_table",
    "add_chart",
    "add_connector",
    "add_group_shape",
    "add_movie",
    "add_ole_object",
    "convert_to_shape",
)


def install(note_presentation: Any, save: Any) -> None:
    """Wraps the methods of python-pptx. Call once per process.

    Args:
      note_presentation: called with every presentation that is opened.
      save: called instead of `Presentation.save`, with the presentation, the file and the original method.
    """
    for owner in (_BaseGroupShapes, SlideShapes, FreeformBuilder):
        for name in _MAKERS:
            if name in vars(owner):
                _wrap_maker(owner, name)
    _wrap_add_slide()
    for owner in (TextFrame, _Paragraph, _Run, _Cell):
        _wrap_setter(owner, "text", "worded")
    for owner, name in ((TextFrame, "add_paragraph"), (_Paragraph, "add_run")):
        _wrap_method(owner, name)
    for name in ("left", "top", "width", "height", "rotation"):
        _wrap_setter(BaseShape, name, "position")
    _wrap_setter(Font, "size", "fontsize")
    _wrap_setter(ColorFormat, "rgb", "color")
    original_init, original_save = Presentation.__init__, Presentation.save

    @functools.wraps(original_init)
    def init(self, *arguments, **keywords):
        original_init(self, *arguments, **keywords)
        note_presentation(self)

    Presentation.__init__ = init
    Presentation.save = lambda self, file: save(self, file, original_save)


def shape_of(element: Any) -> Any:
    """The XML element of the shape around an XML element, or None."""
    while element is not None and element.tag.rpartition("}")[2] not in _SHAPES:
        element = element.getparent()
    return element


def words_key(shape: Any, words: str) -> tuple[int, str]:
    """Key in `Recorder.worded` of words that were written into the chart of a graphic frame."""
    return id(shape), " ".join(words.split())


def _record(table: str, element: Any, frame: Any, words: str | None = None) -> None:
    recorder = hooks.active()
    if recorder is None or element is None:
        return
    shape = shape_of(element)
    if shape is None:
        shape = _charts.get(id(element.getroottree().getroot()))
        if shape is not None and words is not None:
            recorder.note(recorder.worded, words_key(shape, words), shape, frame)
            return
    cell = next(element.iterancestors(_CELL), None) if element.tag != _CELL else element
    for owner in (shape, cell):
        if owner is None:
            continue
        if table in ("created", "worded"):
            recorder.note(getattr(recorder, table), id(owner), owner, frame)
        else:
            recorder.note(recorder.styled, (id(owner), table), owner, frame)


def _element(thing: Any) -> Any:
    """The XML element of a proxy of python-pptx; colours hold theirs one level down."""
    for name in ("_element", "_xFill", "_rPr", "_tc", "_p", "_r", "_txBody"):
        if (element := getattr(thing, name, None)) is not None:
            return element
    return None


def _wrap_maker(owner: type, name: str) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(self, *arguments, **keywords):
        shape = original(self, *arguments, **keywords)
        if name == "add_chart" and hooks.active() is not None:
            _charts[id(shape.chart_part._element)] = shape._element
        _record("created", shape._element, sys._getframe(1))
        return shape

    setattr(owner, name, wrapper)


def _wrap_add_slide() -> None:
    original = Slides.add_slide

    @functools.wraps(original)
    def wrapper(self, *arguments, **keywords):
        slide = original(self, *arguments, **keywords)
        for shape in slide.shapes:
            _record("created", shape._element, sys._getframe(1))
        return slide

    Slides.add_slide = wrapper


def _wrap_method(owner: type, name: str) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(self, *arguments, **keywords):
        _record("worded", _element(self), sys._getframe(1))
        return original(self, *arguments, **keywords)

    setattr(owner, name, wrapper)


def _wrap_setter(owner: type, name: str, table: str) -> None:
    original = getattr(owner, name)

    def setter(self, value):
        original.fset(self, value)
        frame = sys._getframe(1)
        # Setters call each other; the one that the program called is innermost in the candidate anyway.
        words = value if table == "worded" and isinstance(value, str) else None
        _record(table, _parent(self) if owner is ColorFormat else _element(self), frame, words)

    setattr(owner, name, property(original.fget, setter, doc=original.__doc__))


def _parent(color: ColorFormat) -> Any:
    return getattr(color._xFill, "_element", color._xFill)
