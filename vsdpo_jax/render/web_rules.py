"""Traces the looks of elements to the style rules that gave them.

One question to the browser, whatever the size of the page: which elements does each style rule match, and what does it
declare? Where the page has scripts it is asked in a world of its own, where they cannot touch what it uses. Other pages
share a tab, and a tab keeps every world that was ever made in it: after 400 of them a page took three times as long.
The cascade is then followed here: importance, specificity, order, and for inherited properties the ancestors.
"""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.async_api import CDPSession

from vsdpo_jax.render.html_source import ATTRIBUTE, HtmlSource

# Property as `Element.styles` names it -> the declarations that can give it, and whether it is inherited.
_DECLARATIONS = {
    "color": ({"color", "background-color", "background", "opacity"}, True),
    "fontsize": ({"font-size", "font"}, True),
    "position": (
        {"left", "top", "right", "bottom", "inset", "margin-left", "margin-top", "margin", "transform", "width",
         "height",
         "max-width", "max-height", "min-width", "overflow", "overflow-x", "overflow-y", "position", "float",
         "flex-basis", "grid-template-columns", "text-align", "font-size"},
        False,
    ),
    "height": ({"height", "max-height", "line-clamp", "-webkit-line-clamp"}, False),
    "wrap": ({"white-space", "white-space-collapse", "text-wrap-mode"}, True),
}  # fmt: skip
_MOST_RULES = 500
_QUESTION = """(() => {
  const rules = [], number = node => node.getAttribute("ATTRIBUTE");
  const walk = list => {
    for (const rule of list) {
      if (rules.length >= MOST) return;
      if (rule.selectorText !== undefined && rule.style) {
        let nodes = [];
        try { nodes = [...document.querySelectorAll(rule.selectorText)]; } catch (error) {}
        const names = [...rule.style];
        rules.push([rule.selectorText, names, names.filter(name => rule.style.getPropertyPriority(name)),
                    nodes.slice(0, 2000).map(number).filter(Boolean)]);
      }
      if (rule.cssRules && (!rule.media || matchMedia(rule.media.mediaText).matches)) walk(rule.cssRules);
    }
  };
  for (const sheet of document.styleSheets) walk(sheet.cssRules);
  const inline = [...document.querySelectorAll("[style]")].slice(0, 5000).map(node => [number(node), [...node.style]]);
  return JSON.stringify({rules, inline});
})()""".replace("ATTRIBUTE", ATTRIBUTE).replace("MOST", str(_MOST_RULES))


async def add_rules(session: CDPSession, document: HtmlSource, elements: list[dict[str, Any]], scripted: bool) -> None:
    """Adds `styles` to the elements, and takes the numbers of their tags out of them."""
    lineages = [element.pop("lineage") for element in elements]
    rules = document.style_rules()
    if not rules:
        return
    asked = {"expression": _QUESTION, "returnByValue": True}
    if scripted:
        tree = await session.send("Page.getFrameTree")
        world = await session.send("Page.createIsolatedWorld", {"frameId": tree["frameTree"]["frame"]["id"]})
        asked["contextId"] = world["executionContextId"]
    answer = (await session.send("Runtime.evaluate", asked))["result"].get("value")
    if answer is not None:
        cascade = Cascade(json.loads(answer), rules, document.elements)
        for element, lineage in zip(elements, lineages, strict=True):
            element["styles"] = cascade.styles(lineage)


class Cascade:
    """Which rule decides a property of an element.

    Args:
      answer: `rules`, each (selector, declared properties, those of them that are important, numbers of the elements
        that it matches), and `inline`, each (number of an element, properties that its own tag declares).
      sources: (selector, statement) of the rules in the source, in order.
      tags: for each number of an element its statement.
    """

    def __init__(self, answer: dict[str, Any], sources: list[tuple[str, int]], tags: list[int]):
        self._tags = tags
        self._inline = {number: set(names) for text, names in answer["inline"] for number in _numbers([text])}
        # Number of an element -> (strength, declared properties, statement) of its rules.
        self._rules: dict[int, list[tuple[tuple, set[str], int]]] = {}
        waiting = [(_plain(selector), statement) for selector, statement in sources]
        for order, (selector, names, important, numbers) in enumerate(answer["rules"]):
            place = next((i for i, (text, _) in enumerate(waiting) if text == _plain(selector)), None)
            if place is None:
                # Made by a script, or written in a way that the browser writes differently.
                continue
            statement = waiting[place][1]
            waiting = waiting[place + 1 :]
            for number in _numbers(numbers):
                strength = bool(important), _specificity(selector), order
                self._rules.setdefault(number, []).append((strength, set(names), statement))

    def styles(self, lineage: list[int]) -> list[list[Any]]:
        """[property, statement] for an element; `lineage` holds the numbers of its tag and those around it."""
        found = []
        for name, (declarations, inherited) in _DECLARATIONS.items():
            for number in lineage if inherited else lineage[:1]:
                if self._inline.get(number, set()) & declarations:
                    found.append([name, self._tags[number]])
                    break
                rules = [rule for rule in self._rules.get(number, ()) if rule[1] & declarations]
                if rules:
                    found.append([name, max(rules)[2]])
                    break
        return found


def _numbers(texts: list[str | None]) -> list[int]:
    """The numbers of elements among what a page has as marks, which its scripts can change."""
    return [int(text) for text in texts if text and text.isascii() and text.isdigit() and len(text) < 10]


def _plain(selector: str) -> str:
    """A selector without what browsers write in their own way."""
    return re.sub(r"[\s'\"]", "", selector).replace("::", ":").lower()


def _specificity(selector: str) -> tuple[int, int, int]:
    """That of the most specific selector of a list: ids, then classes, attributes and states, then tags."""
    found = []
    for single in selector.split(","):
        classes = len(re.findall(r"\.[\w-]+|\[[^\]]*\]|(?<!:):[\w-]+", single))
        tags = len(re.findall(r"(?:^|[\s>+~(])[a-zA-Z][\w-]*|::[\w-]+", single))
        found.append((len(re.findall(r"#[\w-]+", single)), classes, tags))
    return max(found)
