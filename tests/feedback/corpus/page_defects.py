# ruff: noqa: E501 (a statement a line)
"""One defect in a web page or an HTML slide: by a style rule, by an inline style, or by an element."""

from __future__ import annotations

import numpy as np

from tests.feedback.corpus import parts
from tests.feedback.corpus.case import Design, Edit

PALE = {True: ("#dddddd", "#e8e8e8", "lightgray", "#f0e6c8"), False: ("#333333", "#2b2b3a", "#3a2f2f", "#26323a")}
ITEMS = ("card", "stat", "step", "column", "item", "label", "box")
_SLIDE_ONLY = ("white_space", "imbalance")


def kinds(domain: str) -> tuple[str, ...]:
    """What can be injected; only slides have a space to fill."""
    return tuple(kind for kind in INJECTIONS if domain == "slide" or kind not in _SLIDE_ONLY)


def inject(kind: str, design: Design, rng: np.random.Generator) -> Edit | None:
    """One of the ways to cause `kind` that suits the design, or None if none does."""
    ways = list(INJECTIONS[kind])
    for way in rng.permutation(len(ways)):
        edit = ways[way](design, rng)
        if edit is not None:
            return edit
    return None


def _items(design: Design) -> list[str]:
    for name in ITEMS:
        found = [role for role in design.roles(name) if role[len(name) :].isdigit()]
        if len(found) >= 2:
            return found
    return []


def _styled(line: str, style: str) -> str:
    """The line with a declaration more in its first start tag."""
    head, tail = line.split(">", 1)
    if 'style="' in head:
        return head.replace('style="', f'style="{style};') + ">" + tail
    return f'{head} style="{style}">{tail}'


def _rule(design: Design, role: str, declaration: str) -> dict[str, str]:
    return {role: design.text(role).replace(" }", f" {declaration}; }}")}


def _absolute(x: int, y: int, words: str, more: str = "") -> str:
    return f'<p style="position:absolute;left:{x}px;top:{y}px;margin:0;font-size:18px;white-space:nowrap;{more}">{words}</p>'


def _place(design: Design) -> str:
    return "close" if design.facts["domain"] == "slide" else "end"


def _light(design: Design) -> bool:
    return design.facts["theme"][0] in ("#ffffff", "#fdfaf4", "#f7f7f7")


def _note_on_heading(design, rng):
    # Without coordinates of its own it lies where it would be in the flow: on the heading.
    words = parts.sentence(rng)
    note = '<p style="position:absolute;font-size:18px;margin:{}px 0 0 {}px">{}</p>'
    return Edit("a note on the heading", at="h1", added=note.format(rng.integers(6, 14), rng.integers(0, 20), words))


def _two_notes(design, rng):
    top = 640 if design.facts["domain"] == "slide" else 1010
    first, second = parts.words(rng), parts.words(rng)
    base = _absolute(700, top, first)
    if design.facts["domain"] == "web":
        base = _absolute(1040, 300, first)
        return Edit("a note on a note", at=_place(design), added=base + _absolute(1048, 303 + int(rng.integers(-6, 6)), second),
                    added_clean=base + _absolute(1040, 340, second))  # fmt: skip
    return Edit("a note on a note", at=_place(design), added=base + _absolute(708, top + int(rng.integers(-6, 6)), second),
                added_clean=base + _absolute(980, top, second))  # fmt: skip


def _pulled_up(design, rng):
    return Edit(
        "a paragraph pulled over the heading", _rule(design, "lead.css", f"margin-top: -{rng.integers(34, 46)}px")
    )


def _covered(design, rng):
    if "placed" in design.facts["parts"]:
        return None
    left, top = {"web": (40, 30), "slide": (64, 54)}[design.facts["domain"]]
    box = '<div style="position:absolute;left:{}px;top:{}px;width:220px;height:60px;background:#c0392b"></div>'
    far = {"web": (1050, 300), "slide": (1010, 30)}[design.facts["domain"]]
    return Edit("a box over the heading", at=_place(design), added=box.format(left, top), added_clean=box.format(*far),
                also=("low_contrast",))  # fmt: skip


def _cut_item(design, rng):
    if "card.css" not in dict(design.lines):
        return None
    return Edit(
        "cards that cut their text", _rule(design, "card.p.css", "white-space: nowrap; overflow: hidden; width: 90px")
    )


def _cut_lead(design, rng):
    words = ". ".join(parts.sentence(rng) for _ in range(7))
    if design.facts["domain"] == "slide":
        return Edit("a line that does not wrap", clean={"lead": f'<p class="lead">{words[:60]}</p>'},
                    flawed={"lead": f'<p class="lead" style="white-space:nowrap">{words}</p>'})  # fmt: skip
    return Edit("a line cut by its box", clean={"lead": f'<p class="lead">{words}</p>'},
                flawed={"lead": f'<p class="lead" style="white-space:nowrap;overflow:hidden;width:400px">{words}</p>'})  # fmt: skip


def _over_the_edge(design, rng):
    words = parts.sentence(rng)
    x = 1280 - int(rng.integers(40, 90))
    y = {"web": 200, "slide": 20}[design.facts["domain"]]
    inside = 900 if design.facts["domain"] == "slide" else 1010
    return Edit("a note over the edge", at=_place(design), added=_absolute(x, y, words),
                added_clean=_absolute(inside, y, words.split()[1]))  # fmt: skip


def _low_heading(design, rng):
    if design.facts["domain"] == "web":
        return None
    return Edit(
        "a heading shifted over the top",
        _rule(design, "h1.css", f"margin-top: -{rng.integers(64, 72)}px; margin-bottom: 70px"),
    )


def _wide_word(design, rng):
    roles = [role for role in (*design.roles("card"), *design.roles("box")) if role[-1].isdigit()]
    if not roles:
        return None
    role = str(rng.choice(roles))
    word = "".join(str(name) for name in rng.choice(parts.NAMES, 14))
    text = design.text(role)
    words = text[text.rindex("The ") : text.index("</p>") if "</p>" in text else text.index("</div>")]
    return Edit("a word wider than its box", {role: text.replace(words, word)}, also=("overlap", "clipped_text"))


def _no_wrap(design, rng):
    if "card.css" in dict(design.lines):
        return Edit("cards whose text does not wrap", _rule(design, "card.p.css", "white-space: nowrap; font-size: 19px"),
                    also=("overlap", "collision"))  # fmt: skip
    if "box.css" in dict(design.lines):
        return Edit("boxes whose text does not wrap", _rule(design, "box.css", "white-space: nowrap"),
                    also=("overlap", "clipped_text"))  # fmt: skip
    return None


def _low_box(design, rng):
    role = "card.css" if design.has("card.css") else None
    if role is None:
        return None
    return Edit("cards that are too low", {role: _without(design.text(role), "height:").replace(" }", " height: 34px; }")},
                also=("overlap",))  # fmt: skip


def _without(rule: str, start: str) -> str:
    body = [part for part in rule.split(";") if not part.strip().startswith(start)]
    return ";".join(body)


def _wide_picture(design, rng):
    if not design.has("img") or not design.has("figure.css"):
        return None
    clean = _rule(design, "figure.css", "background: #8884")
    flawed = design.text("img.css").replace("img {", "img { position: relative; top: 40px;")
    return Edit("a picture out of its frame", clean=clean, flawed={"img.css": flawed}, also=("collision", "overlap"))


def _outside(design, rng):
    x, y = ((1500, 200), (200, -90), (-420, 260))[int(rng.integers(3))]
    y = 300 if design.facts["domain"] == "web" and y == 200 else y
    inside = {"web": (1040, 240), "slide": (900, 20)}[design.facts["domain"]]
    words = parts.words(rng)
    return Edit(
        "a note outside", at=_place(design), added=_absolute(x, y, words), added_clean=_absolute(*inside, words)
    )


def _sent_away(design, rng):
    items = [role for role in _items(design) if not role.startswith(("item", "label"))]
    if not items:
        return None
    role = str(rng.choice(items))
    if role.startswith("box"):
        line = design.text(role)
        left = line[line.index("left:") : line.index("px;top")]
        return Edit("a box outside", {role: line.replace(left, "left:1400")})
    return Edit("an item outside", {role: _styled(design.text(role), "position:relative;left:1400px")})


def _shifted(design, rng):
    items = _items(design)
    if len(items) < 3 or items[0].startswith(("item", "label", "column")):
        return None
    role = str(rng.choice(items))
    down = int(rng.integers(5, 16))
    return Edit("an item a little lower", {role: _styled(design.text(role), f"position:relative;top:{down}px")})


def _indented(design, rng):
    items = design.roles("item")
    items = [role for role in items if role[4:].isdigit()]
    if len(items) < 3:
        return None
    return Edit(
        "an entry a little indented",
        {str(rng.choice(items)): _styled(design.text(items[1]), f"margin-left:{rng.integers(6, 16)}px")},
    )


def _by_rule(design, rng):
    for name in ("card", "stat", "step"):
        if design.has(f"{name}.css") and len(_items(design)) >= 3 and _items(design)[0].startswith(name):
            rule = f".{name}:nth-child({rng.integers(1, 4)}) {{{{ margin-top: {{}}px; }}}}"
            return Edit(
                "a rule that lowers one item",
                at="rules",
                added=rule.format(rng.integers(6, 16)),
                added_clean=rule.format(0),
            )
    return None


def _uneven(design, rng):
    if (
        not design.has("cards.css")
        or "flex; gap" not in design.text("cards.css")
        and "grid" not in design.text("cards.css")
    ):
        return None
    items = [role for role in design.roles("card") if role[4:].isdigit()]
    if len(items) < 4:
        return None
    role = str(rng.choice(items[1:-1]))
    return Edit(
        "an item nearer to its neighbour",
        {role: _styled(design.text(role), f"position:relative;left:{rng.choice([-11, -9, 9, 11])}px")},
    )


def _pale_rule(design, rng):
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
    color = str(rng.choice(PALE[_light(design)]))
    text = _without(design.text(role).replace(" }", "; }"), "color:").replace(";;", ";")
    return Edit(
        "a rule with a pale color",
        {
            role: text.replace("; }", f"; color: {color}; }}")
            if "; }" in text
            else text.replace("}", f" color: {color}; }}")
        },
    )


def _pale_inline(design, rng):
    items = [role for role in ("lead", "foot", *_items(design)) if not role.startswith(("stat", "card"))]
    role = str(rng.choice(items))
    return Edit("a pale inline color", {role: _styled(design.text(role), f"color:{rng.choice(PALE[_light(design)])}")})


def _dark_box(design, rng):
    if not design.has("card.css") or not _light(design):
        return None
    text = design.text("card.css")
    return Edit(
        "dark cards under dark text",
        {"card.css": text.replace(f"background: {design.facts['theme'][3]}", "background: #30343a")},
    )


def _tiny_rule(design, rng):
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


def _tiny_inline(design, rng):
    role = str(rng.choice(["lead", "foot"]))
    return Edit("a tiny inline size", {role: _styled(design.text(role), f"font-size:{rng.integers(3, 6)}px")})


def _rare(design, rng):
    role = str(rng.choice(["lead", "foot", "h1"]))
    text = design.text(role)
    character = chr(int(rng.choice([0x10900, 0x12000, 0x13000, 0x16A40])))
    place = text.rindex("</")
    return Edit("a character without a glyph", {role: f"{text[:place]} {character}{text[place:]}"})


def _invisible(design, rng):
    flawed = {"body.css": "body { display: none; }"}
    if rng.random() < 0.5:
        flawed = {"body.css": _without(design.text("body.css"), "x").replace(" }", " visibility: hidden; }")}
    return Edit("hidden altogether", flawed, named=False)


def _stretched(design, rng):
    if not design.has("img.css"):
        return None
    text = design.text("img.css")
    width = int(text[text.index("width: ") + 7 : text.index("px")])
    factor = float(rng.choice([0.6, 0.7, 1.35, 1.5]))
    return Edit(
        "a stretched picture", {"img.css": text.replace(f"width: {width}px", f"width: {round(width * factor)}px")}
    )


def _stretched_inline(design, rng):
    if not design.has("img"):
        return None
    return Edit(
        "a stretched picture, inline",
        {"img": design.text("img").replace("<img ", f'<img style="width:{rng.choice([520, 560])}px;height:150px" ')},
    )


def _tall_slide(design, rng):
    if design.facts["domain"] != "slide":
        return None
    height = int(rng.integers(800, 1000))
    return Edit("a slide that is too tall", {"slide.css": design.text("slide.css").replace("height: 720px", f"height: {height}px")},
                also=("clipped_text", "off_canvas"))  # fmt: skip


def _small_print(design, rng):
    if design.family == "columns":
        return Edit("columns of small print", {"column.css": ".column { font-size: 11px; line-height: 1.2; }"})
    if design.family == "list":
        return Edit(
            "a list of small print",
            {"list.css": "ul { margin: 4px 0; padding-left: 28px; font-size: 12px; line-height: 1.2; }"},
        )
    return None


def _left_out(design, rng):
    if design.family not in ("columns", "list", "placed", "cards", "picture"):
        return None
    roles = [role for role, _ in design.lines if role[-1:].isdigit()] + (["img", "beside"] if design.has("img") else [])
    roles = [role for role in roles if design.text(role).startswith("<") and role not in ("h1",)]
    keep = roles[:1] if design.family == "list" else []
    return Edit("a body left out", {role: "" for role in roles if role not in keep}, named=False)


def _narrow_body(design, rng):
    narrow = {"columns": ("columns.css", "width: 480px"), "list": ("list.css", "width: 480px"),
              "picture": ("figure.css", "width: 470px; flex-direction: column; align-items: flex-start")}.get(design.family)  # fmt: skip
    if narrow is None:
        return None
    role, declaration = narrow
    text = _without(design.text(role), "width:")
    if design.family == "columns":
        return Edit("columns on one side", {role: text.replace(" }", f" {declaration}; gap: 20px; }}").replace("gap: 40px;", "")},
                    clean={"column.css": ".column { font-size: 19px; line-height: 1.6; }"}, also=("clipped_text", "overlap"))  # fmt: skip
    if design.family == "picture":
        return None
    return Edit("a list on one side", {role: text.replace(" }", f" {declaration}; }}")},
                also=("clipped_text", "overlap", "off_canvas"))  # fmt: skip


def _one_sided_boxes(design, rng):
    if design.family != "placed":
        return None
    side = int(rng.integers(2))
    drop = [f"box{i}" for i in range(4) if i % 2 == side]
    return Edit("boxes on one side", dict.fromkeys(drop, ""), named=False)


def _moved_box(design, rng):
    if design.family != "placed":
        return None
    role = f"box{rng.integers(4)}"
    line = design.text(role)
    left = int(line[line.index("left:") + 5 : line.index("px;top")])
    new = left + 592 - 120 if left < 600 else left - 592 + 120
    return Edit("a box over its neighbour", {role: line.replace(f"left:{left}px", f"left:{new}px")}, also=("overlap",))


def _negative_margin(design, rng):
    if not design.has("cards.css"):
        return None
    items = [role for role in design.roles("card") if role[4:].isdigit()]
    role = str(rng.choice(items[1:]))
    return Edit("a card over its neighbour", {role: _styled(design.text(role), f"position:relative;left:-{rng.integers(70, 110)}px")},
                also=("overlap", "misalignment"))  # fmt: skip


def _no_lead(design, rng):
    return Edit("a paragraph left out", {str(rng.choice(["lead", "foot"])): ""}, named=False, also=("wrong_layout",))


def _more_text(design, rng):
    words = f"{parts.words(rng)} again"
    role = "foot"
    return Edit(
        "a line too many", at=role, added=f'<p style="margin:4px 0">{words}</p>', also=("overlap", "clipped_text")
    )


def _other_words(design, rng):
    role = str(rng.choice(["h1", "lead", "foot"]))
    text = design.text(role)
    start, end = text.index(">") + 1, text.rindex("</")
    return Edit("other words", {role: f"{text[:start]}{parts.words(rng)} instead{text[end:]}"})


def _other_color(design, rng):
    role = str(rng.choice([role for role in ("h1.css", "lead.css") if design.has(role)]))
    text = _without(design.text(role).replace(" }", "; }"), "color:").replace(
        "}", f"color: {'#b00020' if _light(design) else '#ff9e80'}; }}"
    )
    return Edit("another color", {role: text.replace(";;", ";")})


def _other_place(design, rng):
    if design.facts["domain"] == "slide":
        return Edit("the heading elsewhere", _rule(design, "h1.css", "text-align: right"), also=("imbalance",))
    return Edit("the heading elsewhere", _rule(design, "h1.css", "margin-left: 420px"), also=("clipped_text",))


INJECTIONS = {
    "overlap": (_note_on_heading, _two_notes, _pulled_up, _covered),
    "clipped_text": (_cut_item, _cut_lead, _over_the_edge, _low_heading),
    "overflow": (_wide_word, _no_wrap, _low_box, _wide_picture),
    "off_canvas": (_outside, _sent_away),
    "misalignment": (_shifted, _by_rule, _uneven, _indented),
    "low_contrast": (_pale_rule, _pale_inline, _dark_box),
    "unreadable_size": (_tiny_rule, _tiny_inline),
    "missing_glyph": (_rare,),
    "empty_render": (_invisible,),
    "aspect_ratio": (_stretched, _stretched_inline, _tall_slide),
    "white_space": (_small_print, _left_out),
    "imbalance": (_narrow_body, _one_sided_boxes),
    "collision": (_moved_box, _negative_margin),
    "missing_text": (_no_lead,),
    "extra_text": (_more_text,),
    "wrong_text": (_other_words,),
    "wrong_color": (_other_color,),
    "wrong_layout": (_other_place,),
}  # fmt: skip
