"""Renders an HTML slide as AeSlides does (arXiv 2604.22840 and its published renderers) and reads its tree of boxes.

- The height comes from a viewport of 1280 x 10, so that nothing but the content makes the page tall.
- The picture has a viewport of 1280 x that height and is a JPEG of quality 80, the default of Playwright.
- The tree is that of a viewport of 1280 x 720, each box clipped to it, with the boxes before clipping beside them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from vsdpo_jax.render.measures import ORDINARY, Load, Result, evaluate, screenshot, set_viewport

VIEW = (1280, 720)
_FIRST_HEIGHT, _TALLEST = 10, 7680
_QUALITY = 80
# Scripts that lay out a page, such as Tailwind's, work after it has loaded. Without a network the two seconds that the
# published renderer waits are not needed.
_SETTLE_SECONDS = 0.5
MOST_NODES = 20_000

_HEIGHT = """(() => {
  const body = document.body, root = document.documentElement;
  const edges = [body && body.scrollHeight, body && body.offsetHeight];
  if (root) edges.push(root.clientHeight, root.scrollHeight, root.offsetHeight);
  return Math.max(...edges.map(edge => edge || 0)) || 1;
})()"""

# A flat list of nodes in which children come before their parent; `parent` is filled in when that is reached.
# `kept` marks the nodes of the published tree: visible ones with an area inside the view, and those around them.
_TREE = """((width, height, most) => {
  const nodes = [];
  const IMAGES = ["img", "picture", "canvas", "video", "svg"];
  const TEXTS = ["p", "span", "h1", "h2", "h3", "h4", "h5", "h6", "small", "strong", "label", "li", "td", "th", "a",
                 "button"];
  const words = (text, most) => String(text || "").replace(/\\s+/g, " ").trim().slice(0, most);
  const inside = (value, most) => Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : 0;
  const whole = rect => [rect.left, rect.top, rect.right, rect.bottom].map(edge => Math.round(edge * 1000) / 1000);
  const clip = rect => [inside(rect.left, width), inside(rect.top, height), inside(rect.right, width),
                        inside(rect.bottom, height)];
  const filled = box => box[2] > box[0] && box[3] > box[1];
  const alpha = color => {
    const match = /rgba?\\(([^)]+)\\)/.exec(color || "");
    if (!match) return 0;
    const parts = match[1].split(/[,/]/);
    return parts.length > 3 ? parseFloat(parts[3]) : 1;
  };
  const ownLines = element => {
    const lines = [];
    for (const child of element.childNodes) {
      if (child.nodeType !== Node.TEXT_NODE || !words(child.textContent, 400)) continue;
      const range = document.createRange();
      range.selectNodeContents(child);
      for (const rect of range.getClientRects()) if (rect.width > 0 && rect.height > 0) lines.push(rect);
    }
    return lines;
  };
  const visit = (element, shown) => {
    const style = getComputedStyle(element);
    shown = shown && style.display !== "none" && style.visibility !== "hidden" && parseFloat(style.opacity || "1") > 0;
    const children = [];
    for (const child of element.children) {
      const index = visit(child, shown);
      if (index >= 0) children.push(index);
    }
    const rect = element.getBoundingClientRect(), box = clip(rect);
    const kept = (shown && filled(box)) || children.some(index => nodes[index].kept);
    const real = shown && rect.width > 0 && rect.height > 0;
    if ((!kept && !real && !children.length) || nodes.length >= most) return -1;
    const tag = element.tagName.toLowerCase(), text = words(element.innerText || element.textContent, 240);
    const lines = ownLines(element), clipped = lines.map(clip).filter(filled).slice(0, 12);
    const classes = Array.from(element.classList || []);
    const border = ["Top", "Right", "Bottom", "Left"].some(side => parseFloat(style["border" + side + "Width"]) > 0
      && !["none", "hidden"].includes(style["border" + side + "Style"]) && alpha(style["border" + side + "Color"]) > 0);
    const index = nodes.push({
      tag, box, kept, shown, full: whole(rect), parent: -1, children: children.length, text: text.length,
      lines: clipped, full_lines: lines.slice(0, 200).map(whole), opacity: parseFloat(style.opacity || "1"),
      is_text: !!text && (TEXTS.includes(tag) || clipped.length > 0 || text.length >= 24),
      is_image: IMAGES.includes(tag),
      is_icon: classes.some(name => name.toLowerCase().includes("icon"))
        || words(style.fontFamily, 120).toLowerCase().includes("material icons") || (tag === "i" && text.length <= 16),
      background_image: !!style.backgroundImage && style.backgroundImage !== "none",
      background_alpha: alpha(style.backgroundColor), border,
      clips: style.overflowX !== "visible" || style.overflowY !== "visible",
      positioned: ["absolute", "fixed", "sticky"].includes(style.position) || style.float !== "none",
    }) - 1;
    for (const child of children) nodes[child].parent = index;
    return index;
  };
  if (document.documentElement) visit(document.documentElement, true);
  return nodes;
})(%d, %d, %d)"""


async def measure(load: Load, session: Any, source: str, scripted: bool) -> Result:
    """The picture at its own height, and in the report `full_height`, `view` and `nodes`."""
    await set_viewport(session, VIEW[0], _FIRST_HEIGHT)
    await _show(load, source, scripted)
    full_height = max(1, int(await evaluate(session, _HEIGHT)))
    height = min(full_height, _TALLEST)
    await set_viewport(session, VIEW[0], height)
    picture = await screenshot(session, VIEW[0], height, beyond=False, quality=_QUALITY)
    if scripted or height != VIEW[1]:
        await set_viewport(session, *VIEW)
    if scripted:
        # What a script has computed from the size of the window may not be the same for another one.
        await _show(load, source, scripted)
    nodes = await evaluate(session, _TREE % (*VIEW, MOST_NODES))
    await set_viewport(session, *ORDINARY)
    report = {"full_height": full_height, "view": list(VIEW), "nodes": nodes}
    message = {"width": picture.width, "height": picture.height, "elements": [], "report": report}
    return message, picture.tobytes()


async def _show(load: Load, source: str, scripted: bool) -> None:
    await load(source)
    if scripted:
        await asyncio.sleep(_SETTLE_SECONDS)
