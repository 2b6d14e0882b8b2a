"""Hooks in Matplotlib that remember which statement of the candidate made an artist, wrote its text or set its ticks.

The hooks are installed once, in the warm worker, and do nothing until a `Recorder` is active. They walk the stack to
the frames of the candidate and keep the whole chain, innermost first, as indices of statements.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes._base import _AxesBase
from matplotlib.axis import Axis
from matplotlib.projections.geo import GeoAxes
from matplotlib.projections.polar import PolarAxes
from matplotlib.text import Text
from mpl_toolkits.mplot3d import Axes3D

from vsdpo_jax.render.statements import Program

CANDIDATE = "<candidate>"
Chain = tuple[int, ...]
# Properties of a text whose last change is remembered, and what they are called in `Element.styles`.
PROPERTIES = {
    **dict.fromkeys(("color", "c", "alpha"), "color"),
    **dict.fromkeys(("fontsize", "size"), "fontsize"),
    "rotation": "rotation",
    **dict.fromkeys(("position", "x", "y", "ha", "va", "horizontalalignment", "verticalalignment"), "position"),
}
LABEL_PROPERTIES = {
    **dict.fromkeys(("labelcolor", "colors", "color"), "color"),
    "labelsize": "fontsize",
    **dict.fromkeys(("labelrotation", "rotation"), "rotation"),
    "pad": "position",
}

_active: Recorder | None = None


class Recorder:
    """What the hooks saw while one candidate ran. All tables are keyed by `id`; `_kept` keeps the ids from reuse."""

    def __init__(self, program: Program):
        self.program = program
        self.created: dict[int, Chain] = {}
        self.worded: dict[int, Chain] = {}
        self.styled: dict[tuple[int, str], Chain] = {}
        self.tick_labels: dict[int, Chain] = {}
        self.tick_places: dict[int, Chain] = {}
        self.ticks: dict[int, list[Any]] = {}
        self.paused = 0
        self.automatic = 0
        self._kept: list[Any] = []
        self._memo: dict[tuple[Any, ...], Chain] = {}

    def chain(self, frame: Any) -> Chain:
        """Statements of the candidate on the stack that ends in `frame`, innermost first."""
        places = []
        while frame is not None:
            if frame.f_code.co_filename == CANDIDATE:
                places.append((frame.f_code, frame.f_lasti))
            frame = frame.f_back
        key = tuple(places)
        if key not in self._memo:
            indices = (self.program.index_of(code, instruction) for code, instruction in places)
            self._memo[key] = tuple(dict.fromkeys(index for index in indices if index is not None))
        return self._memo[key]

    def note(self, table: dict[Any, Chain], key: Any, owner: Any, frame: Any) -> None:
        """Remembers the current statement for `key`; later calls replace earlier ones."""
        chain = self.chain(frame)
        if chain:
            table[key] = chain
            self._kept.append(owner)

    def of(self, artist: Any) -> Chain:
        """The chain that is responsible for an artist: who worded it last, else who created it."""
        return self.worded.get(id(artist)) or self.created.get(id(artist), ())


def active() -> Recorder | None:
    """The recorder that the hooks report to, or None."""
    return _active


def activate(recorder: Recorder | None) -> None:
    """Makes `recorder` the one that the hooks report to."""
    global _active
    _active = recorder


def install() -> None:
    """Wraps the methods of Matplotlib. Call once per process."""
    _after(Artist, "__init__", lambda recorder: recorder.created)
    _after(Text, "set_text", lambda recorder: recorder.worded)
    for name in ("set_color", "set_fontsize", "set_rotation", "set_position", "set_x", "set_y"):
        _note_style(Text, name, name.removeprefix("set_"))
    _note_style(_AxesBase, "set_position", "position")
    _note_updates()
    _note_ticker("set_ticklabels", "tick_labels")
    _note_ticker("set_major_formatter", "tick_labels")
    _note_ticker("set_ticks", "tick_places")
    _note_ticker("set_major_locator", "tick_places")
    _note_tick_params()
    # Projections set ticks of their own after the constructor that they inherit.
    for owner in (_AxesBase, PolarAxes, GeoAxes, Axes3D):
        _count(owner, "__init__", "automatic")
    for owner in (PolarAxes, GeoAxes, Axes3D, Axis):
        _count(owner, "clear", "automatic")
    _count(Axis, "update_units", "automatic")
    _keep_ticks()


def _after(owner: type, name: str, table_of: Any) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(self, *arguments, **keywords):
        recorder = _active
        if recorder is not None and not recorder.paused:
            recorder.note(table_of(recorder), id(self), self, sys._getframe(1))
        return original(self, *arguments, **keywords)

    setattr(owner, name, wrapper)


def _note_style(owner: type, name: str, attribute: str) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(self, *arguments, **keywords):
        recorder = _active
        # Only direct calls count: Matplotlib itself calls setters all the time.
        if recorder is not None and not recorder.paused and sys._getframe(1).f_code.co_filename == CANDIDATE:
            recorder.note(recorder.styled, (id(self), PROPERTIES[attribute]), self, sys._getframe(1))
        return original(self, *arguments, **keywords)

    setattr(owner, name, wrapper)


def _note_updates() -> None:
    """`artist.set(…)`, `plt.setp` and `plt.xticks(rotation=…)` all end in `_internal_update`."""
    original = Artist._internal_update

    @functools.wraps(original)
    def wrapper(self, properties, *arguments, **keywords):
        recorder = _active
        if recorder is not None and not recorder.paused and not recorder.automatic and isinstance(self, Text):
            frame = sys._getframe(1)
            # Constructors come through here as well; what they set is part of making the text.
            if frame.f_code.co_name != "__init__":
                for name in PROPERTIES.keys() & properties.keys():
                    recorder.note(recorder.styled, (id(self), PROPERTIES[name]), self, frame)
        return original(self, properties, *arguments, **keywords)

    Artist._internal_update = wrapper


def _note_ticker(name: str, table: str) -> None:
    original = getattr(Axis, name)

    @functools.wraps(original)
    def wrapper(self, *arguments, **keywords):
        recorder = _active
        if recorder is not None and not recorder.paused and not recorder.automatic:
            # Shared axes share their `Ticker`, so it is the key.
            recorder.note(getattr(recorder, table), id(self.major), self.major, sys._getframe(1))
        return original(self, *arguments, **keywords)

    setattr(Axis, name, wrapper)


def _note_tick_params() -> None:
    original = Axis.set_tick_params

    @functools.wraps(original)
    def wrapper(self, which="major", reset=False, **keywords):
        recorder = _active
        if recorder is not None and not recorder.paused and not recorder.automatic:
            for name in LABEL_PROPERTIES.keys() & keywords.keys():
                recorder.note(recorder.styled, (id(self), LABEL_PROPERTIES[name]), self, sys._getframe(1))
        return original(self, which=which, reset=reset, **keywords)

    Axis.set_tick_params = wrapper


def _count(owner: type, name: str, counter: str) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(self, *arguments, **keywords):
        recorder = _active
        if recorder is None:
            return original(self, *arguments, **keywords)
        setattr(recorder, counter, getattr(recorder, counter) + 1)
        try:
            return original(self, *arguments, **keywords)
        finally:
            setattr(recorder, counter, getattr(recorder, counter) - 1)

    setattr(owner, name, wrapper)


def _keep_ticks() -> None:
    """Keeps the ticks of the last draw, which Matplotlib computes once more for every question."""
    original = Axis._update_ticks

    @functools.wraps(original)
    def wrapper(self):
        ticks = original(self)
        if _active is not None:
            _active.ticks[id(self)] = ticks
        return ticks

    Axis._update_ticks = wrapper
