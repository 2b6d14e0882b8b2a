# ruff: noqa: E501 (a statement a line)
"""Defects of the texts of a page or an HTML slide: by a style rule, by an inline style, or by an element."""

from __future__ import annotations

from tests.feedback.corpus import parts
from tests.feedback.corpus.case import Edit
from tests.feedback.corpus.page_edits import PALE, absolute, items_of, light, place, rule, styled, without


def note_on_heading(design, rng):
    # Without coordinates of its own it lies where it would be in the flow: on the heading.
    words = parts.sentence(rng)
    note = '<p style="position:absolute;font-size:18px;margin:{}px 0 0 {}px">{}</p>'
    return Edit("a note on the heading", at="h1", added=note.format(rng.integers(6, 14), rng.integers(0, 20), words))


def two_notes(design, rng):
    top = 640 if design.facts["domain"] == "slide" else 1010
    first, second = parts.words(rng), parts.words(rng)
    base = absolute(700, top, first)
    if design.facts["domain"] == "web":
        base = absolute(1040, 300, first)
        return Edit("a note on a note", at=place(design), added=base + absolute(1048, 303 + int(rng.integers(-6, 6)), second),
                    added_clean=base + absolute(1040, 340, second))  # fmt: skip
    return Edit("a note on a note", at=place(design), added=base + absolute(708, top + int(rng.integers(-6, 6)), second),
                added_clean=base + absolute(980, top, second))  # fmt: skip


def pulled_up(design, rng):
    return Edit(
        "a paragraph pulled over the heading", rule(design, "lead.css", f"margin-top: -{rng.integers(34, 46)}px")
    )


def covered(design, rng):
    if "placed" in design.facts["parts"]:
        return None
    left, top = {"web": (40, 30), "slide": (64, 54)}[design.facts["domain"]]
    box = '<div style="position:absolute;left:{}px;top:{}px;width:220px;height:60px;background:#c0392b"></div>'
    far = {"web": (1050, 300), "slide": (1010, 30)}[design.facts["domain"]]
    return Edit("a box over the heading", at=place(design), added=box.format(left, top), added_clean=box.format(*far),
                also=("low_contrast",))  # fmt: skip


def cut_item(design, rng):
    if "card.css" not in dict(design.lines):
        return None
    return Edit(
        "cards that cut their text", rule(design, "card.p.css", "white-space: nowrap; overflow: hidden; width: 90px")
    )


def cut_lead(design, rng):
    words = ". ".join(parts.sentence(rng) for _ in range(7))
    if design.facts["domain"] == "slide":
        return Edit("a line that does not wrap", clean={"lead": f'<p class="lead">{words[:60]}</p>'},
                    flawed={"lead": f'<p class="lead" style="white-space:nowrap">{words}</p>'})  # fmt: skip
    return Edit("a line cut by its box", clean={"lead": f'<p class="lead">{words}</p>'},
                flawed={"lead": f'<p class="lead" style="white-space:nowrap;overflow:hidden;width:400px">{words}</p>'})  # fmt: skip


def over_the_edge(design, rng):
    words = parts.sentence(rng)
    x = 1280 - int(rng.integers(40, 90))
    y = {"web": 200, "slide": 20}[design.facts["domain"]]
    inside = 900 if design.facts["domain"] == "slide" else 1010
    return Edit("a note over the edge", at=place(design), added=absolute(x, y, words),
                added_clean=absolute(inside, y, words.split()[1]))  # fmt: skip


def low_heading(design, rng):
    if design.facts["domain"] == "web":
        return None
    return Edit(
        "a heading shifted over the top",
        rule(design, "h1.css", f"margin-top: -{rng.integers(64, 72)}px; margin-bottom: 70px"),
    )


def pale_rule(design, rng):
    pairs = {
        "h1.css": "h1",
        "lead.css": "lead",
        "foot.css": "foot",
        "item.css": "list",
        "step.css": "steps",
        "column.css": "columns",
    }
    roles = [role for role in pairs if design.has(role)]
    role = str(rng.choice(roles))
    color = str(rng.choice(PALE[light(design)]))
    text = without(design.text(role).replace(" }", "; }"), "color:").replace(";;", ";")
    return Edit(
        "a rule with a pale color",
        {
            role: text.replace("; }", f"; color: {color}; }}")
            if "; }" in text
            else text.replace("}", f" color: {color}; }}")
        },
    )


def pale_inline(design, rng):
    items = [role for role in ("lead", "foot", *items_of(design)) if not role.startswith(("stat", "card"))]
    role = str(rng.choice(items))
    return Edit("a pale inline color", {role: styled(design.text(role), f"color:{rng.choice(PALE[light(design)])}")})


def dark_box(design, rng):
    if not design.has("card.css") or not light(design):
        return None
    text = design.text("card.css")
    return Edit(
        "dark cards under dark text",
        {"card.css": text.replace(f"background: {design.facts['theme'][3]}", "background: #30343a")},
    )


def tiny_rule(design, rng):
    roles = [
        role
        for role in (
            "lead.css",
            "foot.css",
            "list.css",
            "step.css",
            "column.css",
            "card.p.css",
            "cell.css",
            "stat.s.css",
        )
        if design.has(role)
    ]
    role = str(rng.choice(roles))
    head, size = design.text(role).split("font-size: ", 1)
    return Edit("a rule with a tiny size", {role: f"{head}font-size: {rng.integers(3, 6)}px{size[size.index('px') + 2 :]}"},
                also=("white_space", "imbalance", "aspect_ratio"))  # fmt: skip


def tiny_inline(design, rng):
    role = str(rng.choice(["lead", "foot"]))
    return Edit("a tiny inline size", {role: styled(design.text(role), f"font-size:{rng.integers(3, 6)}px")})


def rare(design, rng):
    role = str(rng.choice(["lead", "foot", "h1"]))
    text = design.text(role)
    character = chr(int(rng.choice([0x10900, 0x12000, 0x13000, 0x16A40])))
    place = text.rindex("</")
    return Edit("a character without a glyph", {role: f"{text[:place]} {character}{text[place:]}"})


def no_lead(design, rng):
    return Edit("a paragraph left out", {str(rng.choice(["lead", "foot"])): ""}, named=False, also=("wrong_layout",))


def more_text(design, rng):
    words = f"{parts.words(rng)} again"
    role = "foot"
    return Edit(
        "a line too many", at=role, added=f'<p style="margin:4px 0">{words}</p>', also=("overlap", "clipped_text")
    )


def other_words(design, rng):
    role = str(rng.choice(["h1", "lead", "foot"]))
    text = design.text(role)
    start, end = text.index(">") + 1, text.rindex("</")
    return Edit("other words", {role: f"{text[:start]}{parts.words(rng)} instead{text[end:]}"})


def other_color(design, rng):
    role = str(rng.choice([role for role in ("h1.css", "lead.css") if design.has(role)]))
    text = without(design.text(role).replace(" }", "; }"), "color:").replace(
        "}", f"color: {'#b00020' if light(design) else '#ff9e80'}; }}"
    )
    return Edit("another color", {role: text.replace(";;", ";")})
