"""Renders a page as Design2Code does and reads its text blocks: three pictures in one warm browser.

The viewport is 1280 x 720, the picture shows the whole page, and animations have ended. The blocks come as elements of
kind `block` with their text, box and mean color; the scene's size is that of the recolored pictures, by which the
boxes are normalised, and its image is the page as it is.
"""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from PIL import Image

from vsdpo_jax.render import block_markup
from vsdpo_jax.render.block_pixels import Block, read_blocks
from vsdpo_jax.render.measures import ORDINARY, Load, Result, evaluate, screenshot, set_viewport

VIEWPORT = (1280, 720)
# Chromium draws no larger surface; what is below it is cut off.
LARGEST = 16_384
# A page with more tags than four passes can color is not read.
MOST_PASSES = 4
MOST_BLOCKS = 5000
_SIZE = """(() => {
  for (const animation of document.getAnimations()) {
    try {
      if (animation.effect && animation.effect.getComputedTiming().endTime === Infinity) animation.cancel();
      else animation.finish();
    } catch (error) {}
  }
  const roots = [document.body, document.documentElement].filter(root => root);
  const most = name => Math.max(0, ...roots.flatMap(r => [r["scroll" + name], r["offset" + name], r["client" + name]]));
  return [most("Width"), most("Height")];
})()"""


async def measure_reference(load: Load, session: Any, source: str, scripted: bool) -> Result:
    """The blocks of a page as it is written."""
    del scripted
    return await _measure(load, session, source)


async def measure_answer(load: Load, session: Any, source: str, scripted: bool) -> Result:
    """The blocks of a model's page, cleaned up as the benchmark does before it renders."""
    del scripted
    # What the parser cannot read, the browser is shown as it is.
    with contextlib.suppress(ValueError, RecursionError):
        source = block_markup.clean_answer(source)
    return await _measure(load, session, source)


async def _measure(load: Load, session: Any, source: str) -> Result:
    await set_viewport(session, *VIEWPORT)
    original = await _picture(load, session, source)
    blocks, size = await _blocks(load, session, source, original)
    await set_viewport(session, *ORDINARY)
    elements = [
        {"kind": "block", "text": text, "box": list(box), "color": [level / 255 for level in color]}
        for text, box, color in blocks[:MOST_BLOCKS]
    ]
    message = {"width": original.shape[1], "height": original.shape[0], "elements": elements}
    return message | {"report": {"block_size": list(size)}}, np.ascontiguousarray(original).tobytes()


async def _blocks(load: Load, session: Any, source: str, original: np.ndarray) -> tuple[list[Block], tuple[int, int]]:
    """The blocks in the order of the document, and width and height of the recolored pictures."""
    try:
        turns = block_markup.passes(source)
        pages = [block_markup.colored(source, turn) for turn in range(turns if turns <= MOST_PASSES else 0)]
    except (ValueError, RecursionError):
        return [], (1, 1)
    found: list[Block] = []
    size = (1, 1)
    for page in pages:
        first = await _picture(load, session, page.first)
        second = await _picture(load, session, page.second)
        size = first.shape[1], first.shape[0]
        found += read_blocks(original, first, second, page.texts)
    return found, size


async def _picture(load: Load, session: Any, html: str) -> np.ndarray:
    """uint8[height, width, 3] of the whole page."""
    await load(html)
    size = await evaluate(session, _SIZE)
    width, height = (min(LARGEST, max(1, int(edge))) for edge in size)
    beyond = width > VIEWPORT[0] or height > VIEWPORT[1]
    picture: Image.Image = await screenshot(session, width, height, beyond=beyond)
    return np.asarray(picture)
