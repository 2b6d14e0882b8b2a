"""The kinds of jobs that read a page as a benchmark prescribes, with its own viewport and its own rules.

A measure is `async measure(load, session, source, scripted) -> (message, pixels)`: `load(text)` shows a document in the
browser's page, `session` is its CDP session. It answers a result frame as any renderer, with an optional `report`.
"""

from __future__ import annotations

import base64
import importlib
import io
from collections.abc import Awaitable, Callable
from typing import Any

from PIL import Image

# Kind -> module and function, imported in the worker when the first such job comes.
MEASURES = {
    "page_blocks": "vsdpo_jax.render.web_blocks:measure_reference",
    "answer_blocks": "vsdpo_jax.render.web_blocks:measure_answer",
    "slide_tree": "vsdpo_jax.render.web_slide:measure",
}
Load = Callable[[str], Awaitable[None]]
Result = tuple[dict[str, Any], bytes]
Measure = Callable[[Load, Any, str, bool], Awaitable[Result]]
# The viewport that ordinary pages are laid out in; a measure leaves the shared page as it found it.
ORDINARY = (1280, 800)
_EVALUATE_MS = 5000


def find_measure(kind: str) -> Measure | None:
    """The measure of a kind of job, None for a kind that is rendered in the ordinary way."""
    if kind not in MEASURES:
        return None
    module, _, name = MEASURES[kind].partition(":")
    return getattr(importlib.import_module(module), name)


async def set_viewport(session: Any, width: int, height: int) -> None:
    """Gives the page a viewport of this size, one pixel to each CSS pixel."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    await session.send("Emulation.setDeviceMetricsOverride", size)


async def evaluate(session: Any, expression: str) -> Any:
    """The JSON value of an expression, computed in a world of its own that the page's scripts cannot touch.

    Raises:
      TimeoutError: it threw or took too long.
    """
    tree = await session.send("Page.getFrameTree")
    world = await session.send("Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"]})
    answer = await session.send(
        "Runtime.evaluate",
        {
            "expression": expression,
            "contextId": world["executionContextId"],
            "returnByValue": True,
            "timeout": _EVALUATE_MS,
        },
    )
    if "exceptionDetails" in answer:
        raise TimeoutError(str(answer["exceptionDetails"].get("text", "")))
    return answer["result"].get("value")


async def screenshot(session: Any, width: int, height: int, *, beyond: bool, quality: int = 0) -> Image.Image:
    """The picture of the top left `width` x `height` of the page, RGB.

    Args:
      session: CDP session of the page.
      width, height: in CSS pixels.
      beyond: the part is larger than the viewport.
      quality: of a JPEG, 0 for a lossless picture.
    """
    form = {"format": "jpeg", "quality": quality} if quality else {"format": "png", "optimizeForSpeed": True}
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = await session.send("Page.captureScreenshot", {**form, "captureBeyondViewport": beyond, "clip": clip})
    with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as picture:
        return picture.convert("RGB")
