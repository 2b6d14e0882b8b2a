"""Traces what scripts put on a page to the statements of the script that made it, and takes chance out of scripts.

The browser remembers the call stack in which every node was made. It is asked about nodes that no tag of the source
made, so pages without scripts pay nothing.
"""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Error

from vsdpo_jax.render.html_source import ATTRIBUTE, HtmlSource
from vsdpo_jax.render.statements import innermost
from vsdpo_jax.render.web_motion import TIMERS

MOST_NODES = 1500
_MARK = re.compile(rf' {ATTRIBUTE}="\d+"')
# The same random numbers and the same moment for every page; the clock moves by a millisecond with every look.
_FIXED = """(() => {
  let state = 1, looks = 0;
  Math.random = () => {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const Real = Date, now = () => 1767225600000 + looks++;
  const Fixed = function (...parts) {
    if (!new.target) return new Real(now()).toString();
    return parts.length ? new Real(...parts) : new Real(now());
  };
  Fixed.prototype = Real.prototype;
  Fixed.now = now; Fixed.parse = Real.parse; Fixed.UTC = Real.UTC;
  globalThis.Date = Fixed;
  performance.now = () => looks++;
})()"""


async def prepare(context: BrowserContext, session: CDPSession) -> None:
    """Makes a page that runs scripts repeatable, and has it remember who makes its nodes. Before the page is loaded."""
    await context.add_init_script(_FIXED)
    await context.add_init_script(TIMERS)
    await session.send("DOM.enable")
    await session.send("DOM.setNodeStackTracesEnabled", {"enable": True})


async def add_makers(session: CDPSession, document: HtmlSource, elements: list[dict[str, Any]]) -> None:
    """Puts the script's statements first in the elements that it made; takes `node` and `made` out of all elements."""
    asked: dict[int, list[dict[str, Any]]] = {}
    for element in elements:
        node, is_tagged = element.pop("node"), element.pop("tagged")
        if document.has_scripts and not is_tagged:
            asked.setdefault(node, []).append(element)
    if not asked:
        return
    nodes = list(asked)[:MOST_NODES]
    await session.send("DOM.getDocument", {"depth": 0})
    found = await session.send("DOM.pushNodesByBackendIdsToFrontend", {"backendNodeIds": nodes})
    starts = [statement.start for statement in document.statements]
    for node, identity in zip(nodes, found["nodeIds"], strict=True):
        try:
            answer = await session.send("DOM.getNodeStackTraces", {"nodeId": identity})
        except Error:
            # The node is gone by now.
            continue
        chain = _chain(answer.get("creation"), document, starts)
        for element in asked[node] if chain else []:
            element["statements"] = (chain + [i for i in element["statements"] if i not in chain])[:16]


def _chain(trace: dict[str, Any] | None, document: HtmlSource, starts: list[int]) -> list[int]:
    """Statements of the script on a call stack, innermost first."""
    chain: dict[int, None] = {}
    while trace is not None:
        for frame in trace["callFrames"]:
            if not frame["url"]:
                # What was put into the page to make it repeatable.
                continue
            place = original_place(document, frame["lineNumber"], frame["columnNumber"])
            index = None if place is None else innermost(document.statements, starts, place)
            if index is not None and document.is_script(index):
                chain[index] = None
        trace = trace.get("parent")
    return list(chain)


def original_place(document: HtmlSource, line: int, column: int) -> int | None:
    """Offset in the source of a place (both from 0) in the marked document, whose lines are the same but for marks."""
    lines = document.marked.split("\n")
    if line >= len(lines):
        return None
    marks = sum(len(mark[0]) for mark in _MARK.finditer(lines[line][:column]))
    return document.line_start(line) + column - marks
