"""What ChartMimic's low-level scores compare, recorded while a chart is made: texts, panels, plotting calls, colors.

The rules are those of the published evaluators (github.com/ChartMimic/ChartMimic, `chart2code/utils/evaluator`), all
four in one run of the program:

- texts: the strings that a PDF would be written, one a line, without the tick labels of the figure's own x and y axes;
- layout: the place of every panel in its grid;
- types: outermost calls of plotting functions, by name; a bar in 3-D counts as a bar, a line in polar axes does not
  count as a line, because the published keys are file and function name;
- colors: an entry for every function and first color, read again when the program has ended: later changes count.

A call inside a call is not counted. A call that raises leaves that state behind, as in the original: what a program
does after it has caught an error of a plotting function is not recorded.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from vsdpo_jax.render import chart_colors

# Scripts cannot be made to answer at any length.
MOST_ENTRIES = 5000
_active: Tracer | None = None

_PLAIN = (
    "bar", "barh", "axhline", "axvline", "axvspan", "axhspan", "hlines", "vlines", "errorbar", "boxplot", "violinplot",
    "violin", "hist", "fill_between", "fill_betweenx", "quiver", "pie", "fill", "imshow", "pcolor", "contour",
    "contourf", "broken_barh", "tripcolor", "scatter",
)  # fmt: skip
_IN_3D = {"scatter": "scatter", "bar": "bar", "plot": "plot_3d"} | {
    name: name for name in ("plot_surface", "bar3d", "add_collection3d")
}
_NETWORK = ("draw_networkx_nodes", "draw_networkx_edges", "draw_networkx_labels")


class Tracer:
    """The traces of one program."""

    def __init__(self):
        self.types: Counter[str] = Counter()
        self.colors = chart_colors.ColorTrace()
        self.in_type = self.in_color = False
        self.paused = False
        # The text that is being drawn.
        self.artist: Text | None = None
        self._drawn: list[tuple[Text | None, str]] = []
        # Texts of PDFs that the program itself has saved so far: the original counts them all, ticks included.
        self._saved: list[str] = []

    @contextlib.contextmanager
    def drawing(self, figure: Figure, is_pdf: bool) -> Iterator[dict[str, Any]]:
        """While `figure` is drawn; the dict holds afterwards what it shows. `is_pdf`: the program saves it as a PDF."""
        self.paused, self._drawn, shown = True, [], {}
        try:
            yield shown
        finally:
            self.paused = False
        ticks = {id(label) for axes in figure.axes for label in _tick_labels(axes)}
        texts = [text for artist, text in self._drawn if id(artist) not in ticks]
        shown["texts"] = (self._saved + texts)[:MOST_ENTRIES]
        shown["layout"] = _places(figure)[:MOST_ENTRIES]
        shown["axes"] = len(figure.axes)
        if is_pdf:
            self._saved += [text for _, text in self._drawn]

    def write(self, text: str) -> None:
        """Notes a string that the renderer was given, if a figure is being drawn."""
        if self.paused and len(self._drawn) < MOST_ENTRIES:
            self._drawn.append((self.artist, text))

    def finish(self, drawn: dict[str, Any], is_complete: bool) -> dict[str, Any]:
        """The traces as JSON values.

        Args:
          drawn: what `drawing` said of the figure that is the result.
          is_complete: the program came to its end.
        """
        colors = self.colors.finish()
        return drawn | {
            "types": dict(self.types),
            "colors": colors[:MOST_ENTRIES],
            "colors_whole": self.colors.whole,
            "complete": is_complete,
        }


def activate(tracer: Tracer | None) -> None:
    """Makes `tracer` the one that the hooks report to."""
    global _active
    _active = tracer


def install() -> None:
    """Wraps the functions of Matplotlib. Call once per process."""
    from matplotlib.axes._base import _process_plot_var_args
    from matplotlib.image import NonUniformImage
    from matplotlib.patches import Circle, Ellipse
    from mpl_toolkits.mplot3d import Axes3D

    for name in _PLAIN:
        _wrap(Axes, name, lambda _, name=name: name, chart_colors.PLAIN.get(name))
    _wrap(Axes, "_fill_between_x_or_y", None, chart_colors.FILL_BETWEEN)
    _wrap(Axes, "plot", lambda owner: "plot_polar" if chart_colors.is_polar(owner) else "plot", None)
    _wrap_polar_plot()
    _wrap(_process_plot_var_args, "_make_line", None, chart_colors.LINE)
    for name, key in _IN_3D.items():
        _wrap(Axes3D, name, lambda _, key=key: key, chart_colors.IN_3D[name])
    for owner in (Ellipse, Circle):
        _wrap(owner, "__init__", lambda _: "patch", chart_colors.made_patch(owner))
    _wrap(NonUniformImage, "__init__", lambda _: "NonUniformImage", chart_colors.MADE_IMAGE)
    _record_texts()


def prepare(source: str) -> None:
    """Wraps the functions of the plotting packages that a program names; they are costly to import for the others."""
    if "networkx" in source and "networkx" not in _prepared:
        _wrap_module("networkx", _wrap_networkx)
    if "squarify" in source and "squarify" not in _prepared:
        _wrap_module("squarify", lambda module: _wrap(module, "plot", lambda _: "squarify", chart_colors.SQUARIFY))
    if "matplotlib_venn" in source and "matplotlib_venn" not in _prepared:
        _wrap_module("matplotlib_venn._common", _wrap_venn)


_prepared: set[str] = set()


def _wrap_module(name: str, wrap: Callable[[Any], None]) -> None:
    try:
        module = __import__(name, fromlist=["*"])
    except ImportError:
        # The program will find out itself.
        return
    _prepared.add(name.partition(".")[0])
    wrap(module)


def _wrap_networkx(module: Any) -> None:
    from networkx.drawing import nx_pylab

    for name in _NETWORK:
        _wrap(nx_pylab, name, lambda _, name=name: name, chart_colors.NETWORK[name])
        setattr(module, name, getattr(nx_pylab, name))


def _wrap_venn(module: Any) -> None:
    _wrap(module.VennDiagram, "__init__", lambda _: "VennDiagram", chart_colors.MADE_VENN)


def _wrap(owner: Any, name: str, key: Callable[[Any], str] | None, color: chart_colors.Rule | None) -> None:
    """Counts the outermost calls of a function, and notes the colors of what it made."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*arguments, **keywords):
        tracer = _active
        if tracer is None or tracer.paused:
            return original(*arguments, **keywords)
        counted = key is not None and not tracer.in_type
        colored = color is not None and not tracer.in_color
        if counted:
            tracer.in_type = True
            tracer.types[key(arguments[0] if arguments else None)] += 1
        tracer.in_color |= colored
        result = original(*arguments, **keywords)
        if counted:
            tracer.in_type = False
        if colored and tracer.colors.note(color, result, arguments, keywords):
            tracer.in_color = False
        return result

    setattr(owner, name, wrapper)


def _wrap_polar_plot() -> None:
    from matplotlib.projections.polar import PolarAxes

    # A method of its own around the counting one: only of polar lines are the colors taken from `plot`.
    PolarAxes.plot = Axes.plot
    _wrap(PolarAxes, "plot", None, chart_colors.POLAR_LINE)


def _record_texts() -> None:
    draw, write = Text.draw, RendererAgg.draw_text

    @functools.wraps(draw)
    def draw_and_remember(self, *arguments, **keywords):
        tracer = _active
        if tracer is None:
            return draw(self, *arguments, **keywords)
        before, tracer.artist = tracer.artist, self
        try:
            return draw(self, *arguments, **keywords)
        finally:
            tracer.artist = before

    @functools.wraps(write)
    def write_and_note(self, gc, x, y, s, *arguments, **keywords):
        if _active is not None:
            _active.write(s)
        return write(self, gc, x, y, s, *arguments, **keywords)

    Text.draw, RendererAgg.draw_text = draw_and_remember, write_and_note


def _tick_labels(axes: Axes) -> list[Text]:
    """The texts that vanish with `set_xticks([])` and `set_yticks([])`: major labels and the offset beside them."""
    labels = []
    for axis in (axes.xaxis, axes.yaxis):
        labels.append(axis.offsetText)
        for tick in axis.majorTicks:
            labels += (tick.label1, tick.label2)
    return labels


def _places(figure: Figure) -> list[list[int]]:
    """Where the panels stand that are in a grid: its rows and columns, first and last row, first and last column."""
    bars = [axes for axes in figure.axes if axes.get_subplotspec() is not None and hasattr(axes, "_colorbar_info")]
    split = {id(axes.get_subplotspec().get_gridspec()): axes._colorbar_info["location"] for axes in bars}
    places = []
    for axes in figure.axes:
        spec = axes.get_subplotspec()
        if spec is None:
            continue
        down, across = spec.rowspan, spec.colspan
        rows, columns = spec.get_gridspec().get_geometry()
        place = (rows, columns, down.start, down.stop - 1, across.start, across.stop - 1)
        if id(spec.get_gridspec()) in split:
            place = _beside_color_bar(place, split[id(spec.get_gridspec())], axes in bars)
        places.append([int(number) for number in place])
    return places


def _beside_color_bar(place: tuple[int, ...], location: str, is_bar: bool) -> tuple[int, ...]:
    """The place that the published numbers were made with.

    A color bar splits the place of its panel. Matplotlib up to 3.8 made a grid of two, and one of three for the bar in
    its half; later versions make one of six for both.
    """
    _, _, top, _, left, _ = place
    if location in ("left", "right"):
        return (3, 1, 1, 1, 0, 0) if is_bar else (1, 2, 0, 0, left, left)
    return (1, 3, 0, 0, 1, 1) if is_bar else (2, 1, top, top, 0, 0)
