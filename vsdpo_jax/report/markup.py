"""Text, numbers and pictures as HTML. Everything from a run goes through here: models write what they like."""

from __future__ import annotations

import base64
import html
import io
import math
import re

import numpy as np
from PIL import Image

# HTML has no way to write these: control characters but tab and newline, and lone surrogates.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def escape(text: str, limit: int = 0) -> str:
    """Returns `text` for use as HTML text or as a quoted attribute, at most `limit` characters of it (0: all)."""
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    return html.escape(_UNWRITABLE.sub("\ufffd", text), quote=True)


def number(value: float | None, digits: int = 2) -> str:
    """Returns a number with a real minus sign, `–` for what is missing or not finite."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def signed(value: float | None, digits: int = 2) -> str:
    """Returns a number with its sign, also when it is positive."""
    text = number(value, digits)
    return (
        f"+{text}"
        if value is not None and math.isfinite(value) and value > 0 and float(text.replace(",", "")) > 0
        else text
    )


def percent(value: float | None) -> str:
    """Returns a share in 0–1 as a percentage."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.0f}\u2009%"


def duration(seconds: float) -> str:
    """Returns for instance `42 s`, `9 min 20 s` or `3 h 05 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def plural(count: int, noun: str) -> str:
    """Returns for instance `1 defect` or `3 defects`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def picture(image: np.ndarray, max_side: int, lossless_bytes: int = 40_000) -> str:
    """Returns a picture as a data URI, at most `max_side` pixels wide and twice that high (web pages are tall).

    Charts stay lossless; what does not fit into `lossless_bytes` that way (photographs) is compressed.
    """
    shrunk = Image.fromarray(np.asarray(image, np.uint8)).convert("RGB")
    shrunk.thumbnail((max_side, 2 * max_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    shrunk.save(buffer, format="WEBP", lossless=True, method=3)
    if buffer.tell() > lossless_bytes:
        buffer = io.BytesIO()
        shrunk.save(buffer, format="WEBP", quality=82, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
