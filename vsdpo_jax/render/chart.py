"""Runs one Matplotlib program and captures the figure that it saves, shows or leaves behind.

The last `savefig` counts, else the last `show`, else the current figure at the end. Capturing happens at the call, so
that `savefig(); clf()` works. A file is written only inside the job's own folder: the capture is the result.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import mmap
import os
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager, pyplot
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from PIL import Image

from vsdpo_jax.render import chart_traces, chart_visible, hooks, job, seeds, wire
from vsdpo_jax.render.chart_elements import Collector
from vsdpo_jax.render.limits import RenderLimits

# Options of `savefig` that say how the file is written and not what it shows.
_FILE_OPTIONS = ("filename", "format", "backend", "pil_kwargs", "metadata")
_UNPACKED = 8 << 20
_run: Run | None = None


class Run:
    """One candidate: its recorder and what has been captured so far."""

    def __init__(
        self,
        recorder: hooks.Recorder,
        limits: RenderLimits,
        max_side: int | None,
        tracer: chart_traces.Tracer | None = None,
        visible: bool = False,
    ):
        self.recorder = recorder
        self.tracer = tracer
        self.limits = limits
        self.max_side = max_side
        self.visible = visible
        self.saved: dict[str, Any] | None = None
        self.shown: dict[str, Any] | None = None
        self.collected: tuple[list[dict[str, Any]], tuple[int, int], np.ndarray | None] | None = None
        self.warnings: dict[str, None] = {}

    def capture(self, figure: Figure, **options: Any) -> dict[str, Any]:
        """Draws the figure and returns pixels, size, elements and, with a tracer, what it shows."""
        is_pdf = options.get("format") == "pdf"
        options = {key: value for key, value in options.items() if key not in _FILE_OPTIONS}
        options["dpi"] = self._resolution(figure, options.get("dpi"))
        buffer = io.BytesIO()
        self.collected = None
        self.recorder.paused += 1
        drawing = self.tracer.drawing(figure, is_pdf) if self.tracer else contextlib.nullcontext()
        try:
            with drawing as drawn, _without_spare_draw(figure):
                _print_figure(figure.canvas, buffer, format="rgba", **options)
        finally:
            self.recorder.paused -= 1
        elements, (width, height), front = self.collected
        rgba = np.frombuffer(buffer.getbuffer(), np.uint8).reshape(height, width, 4)
        most = self.limits.elements
        if front is not None:
            front = np.where(front < most, front, chart_visible.NOBODY)
        return {"image": rgba, "elements": elements[:most], "drawn": drawn, "front": front}

    def _resolution(self, figure: Figure, dpi: Any) -> float:
        if dpi is None:
            dpi = matplotlib.rcParams["savefig.dpi"]
        dpi = float(figure.dpi if dpi == "figure" else dpi)
        width, height = (float(value) for value in figure.get_size_inches())
        if max(width, height) > self.limits.inches:
            raise job.TooLarge(f"the figure is {width:g} x {height:g} inches, the limit is {self.limits.inches:g}")
        dpi = min(dpi, (self.limits.pixels / (width * height)) ** 0.5)
        return min(dpi, self.max_side / max(width, height)) if self.max_side else dpi


@contextlib.contextmanager
def _without_spare_draw(figure: Figure) -> Iterator[None]:
    """Matplotlib draws once more before it saves when there is a layout engine; `tight_layout` leaves an idle one."""
    engine = figure.get_layout_engine()
    idle = isinstance(engine, PlaceHolderLayoutEngine)
    try:
        if idle:
            figure._layout_engine = None
        yield
    finally:
        if idle:
            figure._layout_engine = engine


def install(warm: bool = True) -> None:
    """Hooks Matplotlib and, if `warm`, draws a first figure, so that forked jobs find everything warm. Call once."""
    matplotlib.use("Agg")
    _order_fonts()
    hooks.install()
    chart_traces.install()
    if warm:
        warm_up()
    FigureCanvasAgg.draw = _draw
    FigureCanvasBase.print_figure = _save
    # `plt.savefig` asks for another draw after each save, which nobody would see.
    FigureCanvasBase.draw_idle = lambda canvas, *arguments, **keywords: None
    # `savefig` reads the signature of the method to know which options to hand on.
    FigureCanvasAgg.print_png = functools.wraps(_original_print_png)(_print_png)
    pyplot.show = _show
    Figure.show = lambda figure, warn=True: _show()
    matplotlib.use = lambda *arguments, **keywords: None
    pyplot.switch_backend = lambda *arguments, **keywords: None


def _order_fonts() -> None:
    """Of two files with the same face Matplotlib takes the first: its own, else by name, whatever the disk's order."""
    folder = matplotlib.get_data_path()
    for faces in (font_manager.fontManager.ttflist, font_manager.fontManager.afmlist):
        faces.sort(key=lambda face: (not face.fname.startswith(folder), os.path.basename(face.fname), face.fname))


def run(
    source: str,
    limits: RenderLimits,
    send: Any,
    max_side: int | None = None,
    traces: bool = False,
    visible: bool = False,
) -> None:
    """Executes `source` and sends its answer. Never raises for what the candidate does.

    Args:
      source: the candidate.
      limits: of the job.
      send: called with a JSON object and the pixels as bytes; first the statements, then the result.
      max_side: longest side of the image in pixels, None for what the candidate asks for.
      traces: answer with the traces of ChartMimic as well; for a candidate that raises, with those of what it drew.
      visible: answer with the visible pixels of every element as well.
    """
    global _run
    if (parsed := job.parse(source, send)) is None:
        return
    program, code = parsed
    _run = Run(hooks.Recorder(program), limits, max_side, chart_traces.Tracer() if traces else None, visible)
    hooks.activate(_run.recorder)
    if traces:
        chart_traces.prepare(source)
        chart_traces.activate(_run.tracer)
    _listen(_run)
    seeds.fix(source)
    job.stop_in_time(limits, _run.recorder, send)
    # Address space for the answer after the program has used up all the rest; a mapping costs nothing until it is used.
    reserve = [mmap.mmap(-1, 16 << 20)]
    try:
        is_complete = _execute(code, source)
        capture = _run.saved or _run.shown or _last_figure(_run)
        found = _run.tracer.finish(capture["drawn"], is_complete) if traces and capture else None
        job.stop_the_clock()
        if capture is None:
            send({"status": "no-result", "message": "the program ends without drawing a figure"}, b"")
        else:
            send(*_answer(capture, list(_run.warnings), found))
    except BaseException as error:
        found = _salvage(_run) if traces and isinstance(error, Exception) else None
        job.stop_the_clock()
        reserve.clear()
        send(job.describe_failure(error, program, _run.recorder) | {"traces": found}, b"")


def _execute(code: Any, source: str) -> bool:
    """Runs the candidate; returns whether it came to its end rather than leave by `exit`."""
    try:
        exec(code, {"__name__": "__main__", "__builtins__": __builtins__, "__file__": "chart.py"})
    except SystemExit as error:
        if error.code not in (None, 0) and not (_run.saved or _run.shown or pyplot.get_fignums()):
            raise
        return False
    return True


def _last_figure(run: Run) -> dict[str, Any] | None:
    return run.capture(pyplot.gcf()) if pyplot.get_fignums() else None


def _salvage(run: Run) -> dict[str, Any] | None:
    """The traces of a candidate that raised, as if it had then saved its figure; None if that cannot be drawn."""
    try:
        return run.tracer.finish(run.capture(pyplot.gcf())["drawn"], is_complete=False)
    except Exception:
        return None


def _answer(
    capture: dict[str, Any], messages: list[str], traces: dict[str, Any] | None
) -> tuple[dict[str, Any], bytes]:
    rgba = capture["image"]
    height, width = rgba.shape[:2]
    picture = Image.fromarray(rgba)
    if picture.getextrema()[3][0] < 255:
        alpha = rgba[..., 3:].astype(np.uint16)
        pixels = ((rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8).tobytes()
    else:
        pixels = picture.convert("RGB").tobytes()
    message = {"width": width, "height": height, "elements": capture["elements"], "warnings": messages[:20]}
    message["traces"] = traces
    if capture["front"] is not None:
        message["front"] = wire.pack_front(capture["front"])
    return message, pixels


def _draw(canvas: FigureCanvasAgg) -> None:
    _original_draw(canvas)
    if _run is not None and _run.recorder.paused:
        pixels = np.asarray(canvas.buffer_rgba())
        collector = Collector(canvas.figure, canvas.get_renderer(), pixels, _run.recorder)
        elements, size, front = collector.collect(), (pixels.shape[1], pixels.shape[0]), None
        if _run.visible:
            front, shares = chart_visible.find_visible(canvas.figure, size, collector.owners, len(elements))
            for element, share in zip(elements, shares, strict=True):
                element["visible"] = share
        _run.collected = elements, size, front


def _save(canvas: FigureCanvasBase, filename: Any, *arguments: Any, **options: Any) -> Any:
    if _run is None or _run.recorder.paused:
        return _print_figure(canvas, filename, *arguments, **options)
    names = ("dpi", "facecolor", "edgecolor", "orientation", "format")
    options.update(zip(names, arguments, strict=False))
    options["format"] = _format(filename, options.get("format"))
    _run.saved = _run.capture(canvas.figure, **options)
    if not isinstance(filename, (str, os.PathLike)):
        # The program goes on with these bytes (an animation, an embedded picture, a page), so they must be real.
        _run.recorder.paused += 1
        try:
            return _print_figure(canvas, filename, **options)
        finally:
            _run.recorder.paused -= 1
    _write(os.fspath(filename), _run.saved["image"])
    return None


def _format(filename: Any, named: str | None) -> str | None:
    """The format of a file by its name, if no other is asked for."""
    if named is None and isinstance(filename, (str, os.PathLike)):
        named = os.path.splitext(os.fspath(filename))[1][1:] or matplotlib.rcParams["savefig.format"]
    return named.lower() if named else None


def _write(path: str, rgba: np.ndarray) -> None:
    folder, name = os.path.split(os.path.abspath(path))
    if folder == os.getcwd() and name.lower().endswith((".png", ".tif", ".tiff", ".webp")):
        # The program hardly ever looks at the file, so packing it well is wasted.
        Image.fromarray(rgba).save(path, compress_level=0 if rgba.size < _UNPACKED else 1)


def _print_png(canvas: FigureCanvasAgg, filename: Any, **options: Any) -> None:
    if _run is not None and not _run.recorder.paused:
        _run.saved = _run.capture(canvas.figure)
        if not hasattr(filename, "write"):
            return
    _original_print_png(canvas, filename, **options)


def _show(*arguments: Any, **keywords: Any) -> None:
    if _run is not None and pyplot.get_fignums():
        _run.shown = _run.capture(pyplot.gcf())


def _listen(run: Run) -> None:
    """Collects the warnings that a person would want to see: missing glyphs, missing fonts, failed layouts."""

    def note(message: Any, category: Any, filename: Any, line: Any, file: Any = None, text: Any = None) -> None:
        if os.sep + "matplotlib" + os.sep in str(filename) or "Glyph" in str(message):
            run.warnings[str(message)[:300]] = None

    warnings.simplefilter("always")
    warnings.showwarning = note
    handler = logging.Handler()
    handler.emit = lambda record: run.warnings.setdefault(record.getMessage()[:300])
    logging.getLogger("matplotlib").addHandler(handler)


def warm_up() -> None:
    """Draws one figure with most kinds of artists."""
    figure, axes = pyplot.subplots(2, 2)
    axes[0, 0].bar(["a", "b"], [1, 2], label="$x^2$")
    axes[0, 0].legend()
    axes[0, 1].plot([1, 2], [3, 4], "o--")
    axes[0, 1].annotate("a", (1, 3), (1.5, 3.5), arrowprops={"arrowstyle": "->"})
    axes[1, 0].scatter([1, 2], [3, 4], c=[1, 2])
    axes[1, 1].pie([1, 2], labels=["a", "b"], autopct="%d")
    figure.suptitle("a", weight="bold")
    figure.colorbar(axes[0, 0].imshow([[1, 2]]))
    figure.tight_layout()
    figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")
    pyplot.close("all")
    # Every forked process takes the fonts apart that Matplotlib has opened; done here, that is done once.
    font_manager._get_font.cache_clear()


_print_figure = FigureCanvasBase.print_figure
_original_draw = FigureCanvasAgg.draw
_original_print_png = FigureCanvasAgg.print_png
