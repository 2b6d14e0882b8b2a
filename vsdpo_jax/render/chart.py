"""Runs one Matplotlib program and captures the figure that it saves, shows or leaves behind.

The last `savefig` counts, else the last `show`, else the current figure at the end. Capturing happens at the call, so
that `savefig(); clf()` works. A file is written only inside the job's own folder: the capture is the result.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import logging
import os
import signal
import traceback
import warnings
from types import CodeType
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager, pyplot
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vsdpo_jax.render import chart_traces, hooks, seeds
from vsdpo_jax.render.chart_elements import Collector
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.render.statements import Program, split_lines

# Options of `savefig` that say how the file is written and not what it shows.
_FILE_OPTIONS = ("filename", "format", "backend", "pil_kwargs", "metadata")
_run: Run | None = None


class TooLarge(Exception):
    """The figure is larger than a person could want."""


class Run:
    """One candidate: its recorder and what has been captured so far."""

    def __init__(
        self,
        recorder: hooks.Recorder,
        limits: RenderLimits,
        max_side: int | None,
        tracer: chart_traces.Tracer | None = None,
    ):
        self.recorder = recorder
        self.tracer = tracer
        self.limits = limits
        self.max_side = max_side
        self.saved: dict[str, Any] | None = None
        self.shown: dict[str, Any] | None = None
        self.collected: list[dict[str, Any]] | None = None
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
            with drawing as drawn:
                _print_figure(figure.canvas, buffer, format="rgba", **options)
        finally:
            self.recorder.paused -= 1
        elements, (width, height) = self.collected
        rgba = np.frombuffer(buffer.getbuffer(), np.uint8).reshape(height, width, 4)
        return {"image": rgba, "elements": elements[: self.limits.elements], "drawn": drawn}

    def _resolution(self, figure: Figure, dpi: Any) -> float:
        if dpi is None:
            dpi = matplotlib.rcParams["savefig.dpi"]
        dpi = float(figure.dpi if dpi == "figure" else dpi)
        width, height = (float(value) for value in figure.get_size_inches())
        if max(width, height) > self.limits.inches:
            raise TooLarge(f"the figure is {width:g} x {height:g} inches, the limit is {self.limits.inches:g}")
        dpi = min(dpi, (self.limits.pixels / (width * height)) ** 0.5)
        return min(dpi, self.max_side / max(width, height)) if self.max_side else dpi


def install() -> None:
    """Hooks Matplotlib and draws a first figure, so that forked jobs find everything warm. Call once per process."""
    matplotlib.use("Agg")
    _order_fonts()
    hooks.install()
    chart_traces.install()
    _warm_up()
    FigureCanvasAgg.draw = _draw
    FigureCanvasBase.print_figure = _save
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


def run(source: str, limits: RenderLimits, send: Any, max_side: int | None = None, traces: bool = False) -> None:
    """Executes `source` and sends its answer. Never raises for what the candidate does.

    Args:
      source: the candidate.
      limits: of the job.
      send: called with a JSON object and the pixels as bytes; first the statements, then the result.
      max_side: longest side of the image in pixels, None for what the candidate asks for.
      traces: answer with the traces of ChartMimic as well; for a candidate that raises, with those of what it drew.
    """
    global _run
    if (parsed := parse(source, send)) is None:
        return
    program, code = parsed
    _run = Run(hooks.Recorder(program), limits, max_side, chart_traces.Tracer() if traces else None)
    hooks.activate(_run.recorder)
    if traces:
        chart_traces.prepare(source)
        chart_traces.activate(_run.tracer)
    _listen(_run)
    seeds.fix(source)
    stop_in_time(limits, _run.recorder, send)
    # Address space for the answer after the program has used up all the rest.
    reserve = [bytearray(16 << 20)]
    try:
        is_complete = _execute(code, source)
        capture = _run.saved or _run.shown or _last_figure(_run)
        found = _run.tracer.finish(capture["drawn"], is_complete) if traces and capture else None
        stop_the_clock()
        if capture is None:
            send({"status": "no-result", "message": "the program ends without drawing a figure"}, b"")
        else:
            send(*_answer(capture, list(_run.warnings), found))
    except BaseException as error:
        found = _salvage(_run) if traces and isinstance(error, Exception) else None
        stop_the_clock()
        reserve.clear()
        send(describe_failure(error, program, _run.recorder) | {"traces": found}, b"")


def parse(source: str, send: Any) -> tuple[Program, CodeType] | None:
    """Parses a candidate and sends its statements; if it does not parse, sends the answer and returns None."""
    try:
        program = Program(source)
        code = compile(program.tree, hooks.CANDIDATE, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _send_syntax_error(source, error, send)
        return None
    send({"statements": [[s.start, s.end, s.line_start, s.line_end] for s in program.statements]}, b"")
    return program, code


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
    image = rgba[..., :3]
    if (rgba[..., 3] < 255).any():
        alpha = rgba[..., 3:].astype(np.uint16)
        image = ((image * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    message = {"width": width, "height": height, "elements": capture["elements"], "warnings": messages[:20]}
    message["traces"] = traces
    return message, np.ascontiguousarray(image).tobytes()


def _draw(canvas: FigureCanvasAgg) -> None:
    _original_draw(canvas)
    if _run is not None and _run.recorder.paused:
        pixels = np.asarray(canvas.buffer_rgba())
        elements = Collector(canvas.figure, canvas.get_renderer(), pixels, _run.recorder).collect()
        _run.collected = elements, (pixels.shape[1], pixels.shape[0])


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
        Image.fromarray(rgba).save(path, compress_level=1)


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


def stop_in_time(limits: RenderLimits, recorder: hooks.Recorder, send: Any) -> None:
    """Ends the job from inside shortly before the hard limits, which is when the running statement is still known."""

    def stop(number: int, frame: Any) -> None:
        chain = recorder.chain(frame)
        seconds = limits.cpu_seconds if number == signal.SIGXCPU else limits.wall_seconds
        message = {"status": "timeout", "message": f"the program was still running after {seconds:g} s"}
        if chain:
            message["statement"] = chain[0]
        send(message, b"")
        os._exit(0)

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGXCPU, stop)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)


def stop_the_clock() -> None:
    """Nothing may come between the frames of the answer."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)


def describe_failure(error: BaseException, program: Program, recorder: hooks.Recorder) -> dict[str, Any]:
    """The answer of a job whose candidate raised: status, message, traceback and the statement that failed."""
    frames = list(traceback.walk_tb(error.__traceback__))
    places = [(frame, line) for frame, line in frames if frame.f_code.co_filename == hooks.CANDIDATE]
    trace = error.__traceback__
    chain: list[int] = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == hooks.CANDIDATE:
            index = program.index_of(trace.tb_frame.f_code, trace.tb_lasti)
            chain = [index] if index is not None else chain
        trace = trace.tb_next
    owners = [recorder.of(frame.f_locals.get("self")) for frame, _ in frames if "self" in frame.f_locals]
    if owners and any(owners) and (not places or _was_drawing(frames)):
        # Drawing failed long after the statement that made the artist.
        chain = [next(owner for owner in reversed(owners) if owner)[0]]
    message: dict[str, Any] = {"status": _status(error), "message": _describe(error)}
    lines = split_lines(program.source)
    message["traceback"] = "\n".join(
        f"line {line}, in {frame.f_code.co_name}: {lines[line - 1].strip()[:160]}"
        for frame, line in places[-8:]
        if line
    )
    if chain:
        message["statement"] = chain[0]
    return message


def _was_drawing(frames: list[tuple[Any, int]]) -> bool:
    """Whether an exception came out of the drawing of a figure."""
    return any(frame.f_code.co_name == "draw" for frame, _ in frames)


def _status(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "oom"
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return "output-limit"
    if isinstance(error, TooLarge) or (isinstance(error, ValueError) and "is too large" in _describe(error)):
        return "too-large"
    return "python-error"


def _describe(error: BaseException) -> str:
    try:
        return " ".join(traceback.format_exception_only(error)[-1].split())[:400]
    except Exception:
        # The candidate's own exception class may be broken.
        return type(error).__name__[:100]


def _send_syntax_error(source: str, error: BaseException, send: Any) -> None:
    """A program that does not parse has no statements, so its lines stand for them."""
    rows, at = [], 0
    for number, line in enumerate(split_lines(source), 1):
        if line.strip():
            start = at + len(line) - len(line.lstrip())
            rows.append([start, at + len(line.rstrip()), number, number])
        at += len(line)
    lines = source.count("\n") + 1
    send({"statements": [row for row in rows if row[2] <= lines]}, b"")
    message: dict[str, Any] = {"status": "python-error", "message": _describe(error)}
    line = getattr(error, "lineno", None)
    if isinstance(error, SyntaxError) and line:
        message["message"] = f"{type(error).__name__}: {error.msg}"[:400]
        position = next((index for index, row in reversed(list(enumerate(rows))) if row[2] <= line), None)
        if position is not None:
            message["statement"] = position
            message["traceback"] = f"line {line}: {source[rows[position][0] : rows[position][1]].strip()[:160]}"
    send(message, b"")


def _warm_up() -> None:
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


_print_figure = FigureCanvasBase.print_figure
_original_draw = FigureCanvasAgg.draw
_original_print_png = FigureCanvasAgg.print_png
