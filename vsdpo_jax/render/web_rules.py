"""Traces the looks of defective elements to the style rules that gave them.

Asking the browser which rules match costs milliseconds per element, so only elements in which a first detection finds a
defect are asked about.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.async_api import CDPSession

from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render import wire
from vsdpo_jax.render.html_source import HtmlSource
from vsdpo_jax.types import Scene

MOST_ELEMENTS = 40
# Property as `Element.styles` names it -> the declarations that can give it, and whether it is inherited.
_DECLARATIONS = {
    "color": ({"color", "background-color", "background"}, True),
    "fontsize": ({"font-size", "font"}, True),
    "position": (
        {"left", "top", "right", "bottom", "margin-left", "margin-top", "margin", "transform", "width", "height",
         "max-width", "max-height", "white-space", "overflow", "position", "flex-basis", "grid-template-columns"},
        False,
    ),
}  # fmt: skip


async def add_rules(
    session: CDPSession, document: HtmlSource, message: dict[str, Any], image: np.ndarray, kind: str
) -> None:
    """Adds `styles` to the defective elements of `message`, and takes the node ids out of all of them."""
    elements = message["elements"]
    nodes = [element.pop("node") for element in elements]
    scene = Scene(
        document.source,
        kind,
        image,
        image.shape[1],
        image.shape[0],
        tuple(wire.read_element(element, document.statements) for element in elements),
        document.statements,
    )
    wanted = list(dict.fromkeys(index for defect in detect(scene) for index in defect.elements))[:MOST_ELEMENTS]
    if not wanted:
        return
    sheets: dict[str, dict[str, Any]] = {}
    session.on("CSS.styleSheetAdded", lambda event: sheets.update({event["header"]["styleSheetId"]: event["header"]}))
    await session.send("DOM.enable")
    await session.send("DOM.getDocument", {"depth": 0})
    await session.send("CSS.enable")
    backend = [nodes[index] for index in wanted]
    found = await session.send("DOM.pushNodesByBackendIdsToFrontend", {"backendNodeIds": backend})
    for index, node in zip(wanted, found["nodeIds"], strict=True):
        matched = await session.send("CSS.getMatchedStylesForNode", {"nodeId": node})
        elements[index]["styles"] = _styles(matched, sheets, document)
    await session.send("CSS.disable")
    await session.send("DOM.disable")


def _styles(matched: dict[str, Any], sheets: dict[str, dict[str, Any]], document: HtmlSource) -> list[list[Any]]:
    own = [entry["rule"] for entry in matched.get("matchedCSSRules", [])]
    inherited = [entry["rule"] for level in matched.get("inherited", []) for entry in level.get("matchedCSSRules", [])]
    inline = {declared["name"] for declared in matched.get("inlineStyle", {}).get("cssProperties", [])}
    styles = []
    for name, (declarations, inherits) in _DECLARATIONS.items():
        if inline & declarations:
            # The element's own start tag says so, and that is its statement anyway.
            continue
        # Later rules win; rules of the element itself come before those of its ancestors.
        for rule in [*reversed(own), *(inherited if inherits else [])]:
            if rule["origin"] == "regular" and declarations & {p["name"] for p in rule["style"]["cssProperties"]}:
                statement = _statement(rule, sheets, document)
                if statement is not None:
                    styles.append([name, statement])
                    break
    return styles


def _statement(rule: dict[str, Any], sheets: dict[str, dict[str, Any]], document: HtmlSource) -> int | None:
    place, header = rule["style"].get("range"), sheets.get(rule["style"].get("styleSheetId", ""))
    if place is None or header is None:
        return None
    line, column = place["startLine"], place["startColumn"]
    if line == 0:
        column += int(header["startColumn"])
    return document.rule_at(document.original(line + int(header["startLine"]), column))
