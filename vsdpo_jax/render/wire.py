"""Frames between the processes of the farm, and the strict reading of what a job answered.

A frame is two big-endian uint32 lengths, a JSON object and raw bytes, which are pixels, or PNG files that stand below
each other if `pictures` has their lengths. A job is untrusted, so its answer is parsed as JSON only, every number is
checked, and text is cut to a limit: a forged answer can at worst be a wrong `Scene`.
"""

from __future__ import annotations

import base64
import json
import math
import socket
import struct
import zlib
from typing import Any

import numpy as np

from vsdpo_jax.render.png import png_size, read_png
from vsdpo_jax.render.statements import split_lines
from vsdpo_jax.types import Box, ChartTraces, Element, RenderError, Scene, Statement

HEADER = struct.Struct(">II")
_FIRST = 8 << 20
LONGEST_TEXT = 2000
# The texts of a page are compared whole where a benchmark says so.
LONGEST_BLOCK = 20_000
LONGEST_TRACEBACK = 4000
# Bytes of pixels: a picture unpacks to much more than its file. Twenty slides, the most that a deck may have.
LARGEST_PICTURE = 96 << 20
JOB_STATUSES = ("python-error", "timeout", "oom", "died", "no-result", "output-limit", "too-large")


class WireError(ValueError):
    """An answer that does not have the agreed form."""


def pack(message: dict[str, Any], payload: bytes | memoryview = b"") -> bytes:
    """One frame as bytes."""
    return b"".join(pieces(message, payload))


def pieces(message: dict[str, Any], payload: bytes | memoryview = b"") -> tuple[bytes, bytes | memoryview]:
    """One frame in two pieces, to be written one after the other: a picture is too large to be copied for nothing."""
    text = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    return HEADER.pack(len(text), len(payload)) + text, payload


def send(connection: socket.socket, message: dict[str, Any], payload: bytes | memoryview = b"") -> None:
    """Writes one frame."""
    for piece in pieces(message, payload):
        connection.sendall(piece)


def receive(connection: socket.socket) -> tuple[dict[str, Any], memoryview] | None:
    """Reads one frame; None when the other side has closed."""
    header = _receive_exactly(connection, HEADER.size)
    if header is None:
        return None
    text_length, payload_length = HEADER.unpack(header)
    text = _receive_exactly(connection, text_length)
    payload = _receive_exactly(connection, payload_length) if text is not None else None
    if text is None or payload is None:
        return None
    return json.loads(bytes(text)), payload


def _receive_exactly(connection: socket.socket, count: int) -> memoryview | None:
    # Grows with what has come, because a broken sender may announce any length.
    received = bytearray(min(count, _FIRST))
    at = 0
    while at < count:
        if at == len(received):
            received.extend(bytes(min(count - at, len(received))))
        with memoryview(received) as view:
            got = connection.recv_into(view[at:])
        if not got:
            return None
        at += got
    return memoryview(received).toreadonly()


def split(buffer: bytes | bytearray | memoryview) -> list[tuple[memoryview, memoryview]]:
    """The complete frames at the front of `buffer`, as (JSON text, payload)."""
    view, frames, at = memoryview(buffer), [], 0
    while len(view) - at >= HEADER.size:
        text_length, payload_length = HEADER.unpack(view[at : at + HEADER.size])
        end = at + HEADER.size + text_length + payload_length
        if end > len(view):
            break
        middle = at + HEADER.size + text_length
        frames.append((view[at + HEADER.size : middle], view[middle:end]))
        at = end
    return frames


def failure(source: str, kind: str, status: str, message: str, statements: tuple[Statement, ...] = ()) -> Scene:
    """A scene without a render."""
    return Scene(source, kind, statements=statements, error=RenderError(status, message))


def read_scene(source: str, kind: str, answer: bytes, seconds: float = 0.0) -> Scene:
    """Reads the frames of a job: first `{"statements": …}`, then the result with the pixels as payload.

    Raises:
      WireError: the answer does not have the agreed form.
    """
    try:
        return _read_frames(source, kind, answer, seconds)
    except WireError:
        raise
    except Exception as error:
        # A forged answer may break the reading anywhere: lists nested too deep, numbers too large for a float, a text
        # where a list belongs. It may never break the reader.
        raise WireError(f"malformed ({type(error).__name__})") from None


def _read_frames(source: str, kind: str, answer: bytes, seconds: float) -> Scene:
    statements: tuple[Statement, ...] = ()
    for text, payload in split(answer):
        try:
            message = json.loads(bytes(text))
        except ValueError as error:
            raise WireError(f"not JSON: {error}") from None
        if not isinstance(message, dict):
            raise WireError("not a JSON object")
        if "statements" in message:
            statements = _read_statements(message["statements"], source)
        else:
            return _read_result(source, kind, message, payload, statements, seconds)
    raise WireError("no result")


def read_statements(source: str, answer: bytes) -> tuple[Statement, ...]:
    """The statements that a job reported before it stopped, empty if it reported none."""
    for text, _ in split(answer):
        try:
            message = json.loads(bytes(text))
            if isinstance(message, dict) and "statements" in message:
                return _read_statements(message["statements"], source)
        except (ValueError, RecursionError):
            break
    return ()


def _read_statements(rows: Any, source: str) -> tuple[Statement, ...]:
    if not isinstance(rows, list):
        raise WireError("statements are not a list")
    lines = len(split_lines(source))
    statements = []
    for row in rows:
        start, end, first, last = (_integer(value) for value in _sequence(row, 4))
        if not (0 <= start <= end <= len(source) and 1 <= first <= last <= lines):
            raise WireError("a statement lies outside the source")
        statements.append(Statement(start, end, first, last))
    return tuple(statements)


def _read_result(source, kind, message, payload, statements, seconds) -> Scene:
    traces = _read_traces(message["traces"]) if message.get("traces") is not None else None
    if "status" in message:
        error = _read_error(message, statements)
        return Scene(source, kind, statements=statements, error=error, seconds=seconds, traces=traces)
    width, height = _integer(message.get("width")), _integer(message.get("height"))
    if message.get("pictures") is not None:
        image = _read_pictures(message["pictures"], payload, width, height)
    elif width <= 0 or height <= 0 or width * height * 3 != len(payload):
        raise WireError("the pixels do not fit the size")
    else:
        image = np.frombuffer(payload, np.uint8).reshape(height, width, 3)
    elements = message.get("elements")
    if not isinstance(elements, list):
        raise WireError("elements are not a list")
    report = message.get("report", {})
    if not isinstance(report, dict):
        raise WireError("the report is not an object")
    return Scene(
        source,
        kind,
        image=image,
        width=width,
        height=height,
        elements=tuple(read_element(row, statements) for row in elements),
        statements=statements,
        warnings=tuple(_text(value) for value in message.get("warnings", [])[:50]),
        seconds=seconds,
        traces=traces,
        front=None if message.get("front") is None else _read_front(message["front"], width, height, len(elements)),
        report=report,
    )


def _read_pictures(lengths: Any, payload: memoryview, width: int, height: int) -> np.ndarray:
    """The pixels of PNG files that stand below each other, of which nothing is unpacked that would not fit."""
    if width <= 0 or height <= 0 or 3 * width * height > LARGEST_PICTURE or not isinstance(lengths, list):
        raise WireError("the pictures do not fit the size")
    images, rows, at = [], 0, 0
    for length in lengths:
        data = bytes(payload[at : at + _count(length)])
        across, down = png_size(data)
        at, rows = at + len(data), rows + down
        if across != width or rows > height:
            raise WireError("the pictures do not fit the size")
        images.append(read_png(data))
    if rows != height or at != len(payload):
        raise WireError("the pictures do not fit the size")
    image = images[0] if len(images) == 1 else np.concatenate(images)
    image.flags.writeable = False
    return image


def pack_front(front: np.ndarray) -> str:
    """`Scene.front` as text."""
    return base64.b64encode(zlib.compress(front.astype("<i2").tobytes(), 1)).decode()


def _read_front(text: Any, width: int, height: int, count: int) -> np.ndarray:
    if not isinstance(text, str):
        raise WireError("expected text")
    size = 2 * width * height
    # A little may unpack to very much.
    data = zlib.decompressobj().decompress(base64.b64decode(text), size)
    front = np.frombuffer(data, "<i2").reshape(height, width)
    if front.min() < -1 or front.max() >= count:
        raise WireError("unknown element")
    return front


def _read_traces(row: Any) -> ChartTraces:
    if not isinstance(row, dict) or not isinstance(row["types"], dict):
        raise WireError("traces are not objects")
    return ChartTraces(
        texts=tuple(_text(value) for value in row["texts"]),
        layout=tuple(tuple(_integer(value) for value in _sequence(place, 6)) for place in row["layout"]),
        axes=_integer(row["axes"]),
        types=tuple((_text(name), _count(count)) for name, count in row["types"].items()),
        colors=tuple((_text(group), _text(color)) for group, color in map(_pair, row["colors"])),
        colors_whole=row["colors_whole"] is True,
        complete=row["complete"] is True,
    )


def _read_error(message: dict[str, Any], statements: tuple[Statement, ...]) -> RenderError:
    status = message["status"]
    if status not in JOB_STATUSES:
        raise WireError("unknown status")
    index = message.get("statement")
    statement = None if index is None else _statement(index, statements)
    return RenderError(
        status, _text(message.get("message", "")), _text(message.get("traceback", ""), LONGEST_TRACEBACK), statement
    )


def read_element(row: Any, statements: tuple[Statement, ...]) -> Element:
    """An element from its JSON values; raises WireError if they are not of the agreed form."""
    if not isinstance(row, dict):
        raise WireError("an element is not an object")
    kind = _text(row.get("kind", ""))
    return Element(
        kind=kind,
        box=_box(row.get("box")),
        text=_text(row.get("text", ""), LONGEST_BLOCK if kind == "block" else LONGEST_TEXT),
        clip=None if row.get("clip") is None else _box(row["clip"]),
        color=_color(row.get("color")),
        background=_color(row.get("background")),
        font_size=_number(row.get("font_size", 0.0)),
        z_order=_number(row.get("z_order", 0.0)),
        statements=tuple(_statement(index, statements) for index in row.get("statements", [])[:16]),
        group=_text(row.get("group", "")),
        parts=tuple(_box(part) for part in row.get("parts", [])[:1000]),
        styles=tuple(
            (_text(name), _statement(index, statements)) for name, index in map(_pair, row.get("styles", [])[:16])
        ),
        natural_size=None if row.get("natural_size") is None else _size(row["natural_size"]),
        visible=None if row.get("visible") is None else _number(row["visible"]),
    )


def _statement(index: Any, statements: tuple[Statement, ...]) -> Statement:
    position = _integer(index)
    if not 0 <= position < len(statements):
        raise WireError("unknown statement")
    return statements[position]


def _sequence(value: Any, length: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        raise WireError(f"expected {length} values")
    return value


def _size(value: Any) -> tuple[float, float]:
    width, height = (_number(item) for item in _sequence(value, 2))
    if min(width, height) <= 0:
        raise WireError("expected a size")
    return width, height


def _pair(value: Any) -> list[Any]:
    return _sequence(value, 2)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WireError("expected an integer")
    return value


def _count(value: Any) -> int:
    if _integer(value) < 1:
        raise WireError("expected a count")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise WireError("expected a finite number")
    return float(value)


def _box(value: Any) -> Box:
    left, top, right, bottom = (_number(item) for item in _sequence(value, 4))
    return left, top, right, bottom


def _color(value: Any) -> tuple[float, float, float] | None:
    if value is None:
        return None
    red, green, blue = (min(1.0, max(0.0, _number(item))) for item in _sequence(value, 3))
    return red, green, blue


def _text(value: Any, limit: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str):
        raise WireError("expected text")
    return value[:limit]
