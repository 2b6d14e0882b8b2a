"""What the jobs of all Python programs have in common: parsing, time limits, and saying what went wrong."""

from __future__ import annotations

import errno
import os
import signal
import traceback
from types import CodeType
from typing import Any

from vsdpo_jax.render import hooks
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.render.statements import Program, split_lines


class TooLarge(Exception):
    """The figure is larger than a person could want."""


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
