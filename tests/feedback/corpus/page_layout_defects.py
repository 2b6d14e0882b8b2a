# ruff: noqa: E501 (a statement a line)
"""Defects of the boxes of a page or an HTML slide: by a style rule, by an inline style, or by an element."""

from __future__ import annotations

from tests.feedback.corpus import parts
from tests.feedback.corpus.case import Edit
from tests.feedback.corpus.page_edits import absolute, items_of, place, rule, styled, without


def wide_word(design, rng):
    roles = [role for role in (*design.roles("card"), *design.roles("box")) if role[-1].isdigit()]
    if not roles:
        return None
    role = str(rng.choice(roles))
    word = "".join(str(name) for name in rng.choice(parts.NAMES, 14))
    text = design.text(role)
    words = text[text.rindex("The ") : text.index("</p>") if "</p>" in text else text.index("</div>")]
    return Edit("a word wider than its box", {role: text.replace(words, word)}, also=("overlap", "clipped_text"))


def no_wrap(design, rng):
    if "card.css" in dict(design.lines):
        return Edit("cards whose text does not wrap", rule(design, "card.p.css", "white-space: nowrap; font-size: 26px"),
                    also=("overlap", "collision"))  # fmt: skip
    if "box.css" in dict(design.lines):
        return Edit("boxes whose text does not wrap", rule(design, "box.css", "white-space: nowrap"),
                    also=("overlap", "clipped_text"))  # fmt: skip
    return None


def low_box(design, rng):
    role = "card.css" if design.has("card.css") else None
    if role is None:
        return None
    return Edit("cards that are too low", {role: without(design.text(role), "height:").replace(" }", " height: 34px; }")},
                also=("overlap",))  # fmt: skip


def wide_picture(design, rng):
    if not design.has("img") or not design.has("figure.css"):
        return None
    clean = rule(design, "figure.css", "background: #8884")
    flawed = design.text("img.css").replace("img {", "img { position: relative; top: 40px;")
    return Edit("a picture out of its frame", clean=clean, flawed={"img.css": flawed}, also=("collision", "overlap"))


def outside(design, rng):
    x, y = ((1500, 200), (200, -90), (-420, 260))[int(rng.integers(3))]
    y = 300 if design.facts["domain"] == "web" and y == 200 else y
    inside = {"web": (1040, 240), "slide": (900, 20)}[design.facts["domain"]]
    words = parts.words(rng)
    return Edit("a note outside", at=place(design), added=absolute(x, y, words), added_clean=absolute(*inside, words))


def sent_away(design, rng):
    items = [role for role in items_of(design) if not role.startswith(("item", "label"))]
    if not items:
        return None
    role = str(rng.choice(items))
    if role.startswith("box"):
        line = design.text(role)
        left = line[line.index("left:") : line.index("px;top")]
        return Edit("a box outside", {role: line.replace(left, "left:1400")})
    return Edit("an item outside", {role: styled(design.text(role), "position:relative;left:1400px")})


def shifted(design, rng):
    items = items_of(design)
    if len(items) < 3 or items[0].startswith(("item", "label", "column")):
        return None
    role = str(rng.choice(items))
    down = int(rng.integers(5, 16))
    if role.startswith("box"):
        # Its place is written in its own tag.
        line = design.text(role)
        top = int(line[line.index("top:") + 4 : line.index("px;width")])
        return Edit("an item a little lower", {role: line.replace(f"top:{top}px", f"top:{top + down}px")})
    return Edit("an item a little lower", {role: styled(design.text(role), f"position:relative;top:{down}px")})


def by_rule(design, rng):
    for name in ("card", "stat", "step"):
        if design.has(f"{name}.css") and len(items_of(design)) >= 3 and items_of(design)[0].startswith(name):
            rule = f".{name}:nth-child({rng.integers(1, 4)}) {{{{ margin-top: {{}}px; }}}}"
            return Edit(
                "a rule that lowers one item",
                at="rules",
                added=rule.format(rng.integers(6, 16)),
                added_clean=rule.format(0),
            )
    return None


def uneven(design, rng):
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
        {role: styled(design.text(role), f"position:relative;left:{rng.choice([-11, -9, 9, 11])}px")},
    )


def indented(design, rng):
    items = design.roles("item")
    items = [role for role in items if role[4:].isdigit()]
    if len(items) < 3:
        return None
    return Edit(
        "an entry a little indented",
        {str(rng.choice(items)): styled(design.text(items[1]), f"margin-left:{rng.integers(6, 16)}px")},
    )


def invisible(design, rng):
    flawed = {"body.css": "body { display: none; }"}
    if rng.random() < 0.5:
        flawed = {"body.css": without(design.text("body.css"), "x").replace(" }", " visibility: hidden; }")}
    return Edit("hidden altogether", flawed, named=False)


def stretched(design, rng):
    if not design.has("img.css"):
        return None
    text = design.text("img.css")
    width = int(text[text.index("width: ") + 7 : text.index("px")])
    factor = float(rng.choice([0.6, 0.7, 1.35, 1.5]))
    return Edit(
        "a stretched picture", {"img.css": text.replace(f"width: {width}px", f"width: {round(width * factor)}px")}
    )


def stretched_inline(design, rng):
    if not design.has("img"):
        return None
    return Edit(
        "a stretched picture, inline",
        {"img": design.text("img").replace("<img ", f'<img style="width:{rng.choice([520, 560])}px;height:150px" ')},
    )


def tall_slide(design, rng):
    if design.facts["domain"] != "slide":
        return None
    height = int(rng.integers(800, 1000))
    return Edit("a slide that is too tall", {"slide.css": design.text("slide.css").replace("height: 720px", f"height: {height}px")},
                also=("clipped_text", "off_canvas"))  # fmt: skip


def small_print(design, rng):
    if design.family == "columns":
        return Edit("columns of small print", {"column.css": ".column { font-size: 11px; line-height: 1.2; }"})
    if design.family == "list":
        return Edit(
            "a list of small print",
            {"list.css": "ul { margin: 4px 0; padding-left: 28px; font-size: 12px; line-height: 1.2; }"},
        )
    return None


def left_out(design, rng):
    if design.family not in ("columns", "list", "placed", "cards", "picture"):
        return None
    roles = [role for role, _ in design.lines if role[-1:].isdigit()] + (["img", "beside"] if design.has("img") else [])
    roles = [role for role in roles if design.text(role).startswith("<") and role not in ("h1",)]
    keep = roles[:1] if design.family == "list" else []
    return Edit("a body left out", {role: "" for role in roles if role not in keep}, named=False)


def narrow_body(design, rng):
    narrow = {"columns": ("columns.css", "width: 480px"), "list": ("list.css", "width: 480px"),
              "picture": ("figure.css", "width: 470px; flex-direction: column; align-items: flex-start")}.get(design.family)  # fmt: skip
    if narrow is None:
        return None
    role, declaration = narrow
    text = without(design.text(role), "width:")
    if design.family == "columns":
        return Edit("columns on one side", {role: text.replace(" }", f" {declaration}; gap: 20px; }}").replace("gap: 40px;", "")},
                    clean={"column.css": ".column { font-size: 19px; line-height: 1.6; }"}, also=("clipped_text", "overlap"))  # fmt: skip
    if design.family == "picture":
        return None
    return Edit("a list on one side", {role: text.replace(" }", f" {declaration}; }}")},
                also=("clipped_text", "overlap", "off_canvas"))  # fmt: skip


def one_sided_boxes(design, rng):
    if design.family != "placed":
        return None
    side = int(rng.integers(2))
    drop = [f"box{i}" for i in range(4) if i % 2 == side]
    return Edit("boxes on one side", dict.fromkeys(drop, ""), named=False)


def moved_box(design, rng):
    if design.family != "placed":
        return None
    role = f"box{rng.integers(4)}"
    line = design.text(role)
    left = int(line[line.index("left:") + 5 : line.index("px;top")])
    new = left + 592 - 120 if left < 600 else left - 592 + 120
    return Edit("a box over its neighbour", {role: line.replace(f"left:{left}px", f"left:{new}px")}, also=("overlap",))


def negative_margin(design, rng):
    if not design.has("cards.css"):
        return None
    items = [role for role in design.roles("card") if role[4:].isdigit()]
    role = str(rng.choice(items[1:]))
    return Edit("a card over its neighbour", {role: styled(design.text(role), f"position:relative;left:-{rng.integers(70, 110)}px")},
                also=("overlap", "misalignment"))  # fmt: skip


def other_place(design, rng):
    if design.facts["domain"] == "slide":
        return Edit("the heading elsewhere", rule(design, "h1.css", "text-align: right"), also=("imbalance",))
    return Edit("the heading elsewhere", rule(design, "h1.css", "margin-left: 420px"), also=("clipped_text",))
