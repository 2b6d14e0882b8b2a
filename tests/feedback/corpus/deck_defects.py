# ruff: noqa: E501 (a statement a line)
"""One defect on a slide that a python-pptx program makes."""

from __future__ import annotations

import re

import numpy as np

from tests.feedback.corpus import parts
from tests.feedback.corpus.case import Design, Edit

PALE = ((225, 225, 225), (235, 235, 210), (210, 225, 240), (240, 220, 220))
NUMBER = r"-?\d+(?:\.\d+)?"


def kinds(domain: str) -> tuple[str, ...]:
    """What can be injected."""
    del domain
    return tuple(INJECTIONS)


def inject(kind: str, design: Design, rng: np.random.Generator) -> Edit | None:
    """One of the ways to cause `kind` that suits the design, or None if none does."""
    ways = list(INJECTIONS[kind])
    for way in rng.permutation(len(ways)):
        edit = ways[way](design, rng)
        if edit is not None:
            return edit
    return None


def _place(line: str) -> list[float]:
    """Left, top, width and height in a call of `text` or `card`."""
    return [
        float(value)
        for value in re.search(rf"(?:text|card)\(({NUMBER}), ({NUMBER}), ({NUMBER}), ({NUMBER})", line).groups()
    ]


def _placed(line: str, left: float, top: float, width: float, height: float) -> str:
    return re.sub(rf"((?:text|card)\(){NUMBER}, {NUMBER}, {NUMBER}, {NUMBER}",
                  lambda match: f"{match[1]}{left:.3f}, {top:.3f}, {width:.3f}, {height:.3f}", line, count=1)  # fmt: skip


def _moved(line: str, right: float = 0.0, down: float = 0.0) -> str:
    left, top, width, height = _place(line)
    return _placed(line, left + right, top + down, width, height)


def _items(design: Design, *names: str) -> list[str]:
    return [role for name in names for role in design.roles(name) if role[len(name) :].isdigit()]


def _note(left: float, top: float, words: str, size: int = 18, more: str = "") -> str:
    return f"text({left:.2f}, {top:.2f}, 3.4, 0.5, '{words}', {size}{more})"


def _text_on_heading(design, rng):
    words = parts.words(rng)
    return Edit("a note on the heading", at="foot", added=_note(0.75 + 0.05 * rng.integers(4), 0.62, words, 24),
                added_clean=_note(9.2, 0.2, words, 18))  # fmt: skip


def _raised_line(design, rng):
    return Edit(
        "a line raised onto the heading", {"lead": _moved(design.text("lead"), down=-float(rng.uniform(0.6, 0.72)))}
    )


def _covered(design, rng):
    box = "slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches({}), Inches({}), Inches(2.5), Inches(0.5))"
    return Edit("a shape over the heading", at="foot", added=box.format(0.7, round(float(rng.uniform(0.55, 0.7)), 2)),
                added_clean=box.format(10.1, 0.1), also=("low_contrast",))  # fmt: skip


def _one_long_line(design, rng):
    words = ". ".join(parts.sentence(rng) for _ in range(7))
    line = "lead = text(0.7, 1.35, 11.9, 0.6, '{}', 20{})"
    return Edit("a line that does not wrap", {"lead": line.format(words, ", wrap=False")},
                clean={"lead": line.format(parts.sentence(rng), "")})  # fmt: skip


def _over_the_edge(design, rng):
    words = parts.words(rng)
    left = 12.4 + 0.1 * rng.integers(3)
    return Edit("a note over the edge", at="foot", added=f"text({left:.2f}, 0.1, 3.4, 0.4, '{words} and more', 18, wrap=False)",
                added_clean=_note(9.2, 0.1, f"{words} and more"))  # fmt: skip


def _heading_too_high(design, rng):
    return Edit(
        "a heading shifted over the top", {"h1": _moved(design.text("h1"), down=-float(rng.uniform(0.72, 0.8)))}
    )


def _long_card(design, rng):
    roles = _items(design, "card")
    if not roles:
        return None
    role = str(rng.choice(roles))
    words = ". ".join(parts.sentence(rng) for _ in range(22 if design.family == "cards" else 18))
    return Edit(
        "too many words for a card",
        {role: re.sub(r"'[^']*'", f"'{words}'", design.text(role))},
        also=("overlap", "clipped_text", "collision"),
    )


def _large_words(design, rng):
    roles = _items(design, "card")
    if not roles:
        return None
    role = str(rng.choice(roles))
    return Edit("words too large for a card", {role: f"{design.text(role)[:-1]}, {rng.integers(64, 80)})"},
                also=("overlap", "clipped_text", "off_canvas"))  # fmt: skip


def _outside(design, rng):
    left, top = ((14.2, 3.0), (3.0, 8.0), (-4.5, 2.0))[int(rng.integers(3))]
    words = parts.words(rng)
    return Edit("a note outside", at="foot", added=_note(left, top, words), added_clean=_note(9.2, 0.1, words))


def _picture_outside(design, rng):
    if not design.has("picture"):
        return None
    return Edit("a picture outside", {"picture": design.text("picture").replace("Inches(0.7), Inches(2.2)", "Inches(-4.9), Inches(5.2)", 1)},
                also=("imbalance", "white_space"))  # fmt: skip


def _shifted(design, rng):
    roles = _items(design, "card") or _items(design, "stat")
    if design.family not in ("cards", "stats"):
        return None
    role = str(rng.choice(roles))
    return Edit("an item a little lower", {role: _moved(design.text(role), down=float(rng.uniform(0.06, 0.16)))})


def _uneven(design, rng):
    roles = _items(design, "card")
    if design.family != "cards" or len(roles) < 4:
        return None
    role = str(rng.choice(roles[1:-1]))
    return Edit(
        "an item nearer to its neighbour", {role: _moved(design.text(role), right=float(rng.choice([-1, 1])) * 0.14)}
    )


def _off_grid(design, rng):
    if design.family != "grid":
        return None
    role = str(rng.choice(_items(design, "card")))
    return Edit("a box off its grid", {role: _moved(design.text(role), right=float(rng.uniform(0.06, 0.16)))})


def _pale_text(design, rng):
    role = str(rng.choice(["lead", "foot"]))
    return Edit("a pale text", {role: f"{design.text(role)[:-1]}, {PALE[int(rng.integers(len(PALE)))]})"})


def _pale_later(design, rng):
    name = str(rng.choice(["title", "lead", "foot"]))
    call = f"{name}.text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor{{}}"
    return Edit(
        "a text made pale later",
        added=call.format(PALE[int(rng.integers(len(PALE)))]),
        added_clean=call.format((20, 20, 20)),
    )


def _dark_card(design, rng):
    roles = _items(design, "card")
    if not roles:
        return None
    role = str(rng.choice(roles))
    return Edit("a dark card under dark text", {role: f"{design.text(role)[:-1]}, fill=(50, 56, 66))"})


def _tiny(design, rng):
    role = str(rng.choice(["lead", "foot"]))
    return Edit("a tiny text", {role: re.sub(r"', \d+\)$", f"', {rng.integers(2, 5)})", design.text(role))})


def _tiny_later(design, rng):
    name = str(rng.choice(["title", "lead", "foot"]))
    call = f"{name}.text_frame.paragraphs[0].runs[0].font.size = Pt({{}})"
    return Edit("a text made tiny later", added=call.format(rng.integers(2, 5)), added_clean=call.format(18))


def _rare(design, rng):
    role = str(rng.choice(["h1", "lead", "foot"]))
    character = chr(int(rng.choice([0x10900, 0x12000, 0x13000, 0x16A40, 0x65E5])))
    head, tail = design.text(role).rsplit("',", 1)
    return Edit("a character without a glyph", {role: f"{head} {character}',{tail}"})


def _emptied(design, rng):
    return Edit("emptied before it is saved", added="for shape in list(slide.shapes): shape._element.getparent().remove(shape._element)",
                added_clean="pass", named=False)  # fmt: skip


def _other_deck(design, rng):
    return Edit(
        "another deck is saved",
        added="prs = Presentation(); prs.slides.add_slide(prs.slide_layouts[6])",
        added_clean="pass",
        named=False,
    )


def _stretched(design, rng):
    if not design.has("picture"):
        return None
    line = design.text("picture")
    width, height = (float(value) for value in re.findall(rf"Inches\(({NUMBER})\)", line)[2:])
    return Edit(
        "a stretched picture",
        {"picture": line.replace(f"Inches({height:.3f}))", f"Inches({height * rng.choice([0.55, 0.7, 0.75]):.3f}))")},
    )


def _small_print(design, rng):
    if design.family != "bullets":
        return None
    sizes = dict.fromkeys(design.roles("item.size"), "pass")
    return (
        None
        if not sizes
        else Edit(
            "a body left out",
            {**dict.fromkeys(design.roles("item"), "pass"), "body": "body = text(0.7, 2.2, 11.9, 4.4, '...', 12)"},
            named=False,
        )
    )


def _left_out(design, rng):
    roles = [
        role
        for role in design.roles("")
        if role.startswith(("card", "column", "stat", "note")) or role in ("picture", "chart", "body")
    ]
    if design.family in ("bullets", "table"):
        return None
    return Edit("a body left out", dict.fromkeys(roles, "pass"), named=False)


def _small_table(design, rng):
    if design.family != "table":
        return None
    line = design.text("table")
    return Edit(
        "a small table",
        {
            "table": line.replace("Inches(11.9), Inches(4.2)", "Inches(3.2), Inches(0.9)"),
            "cell": design.text("cell").replace(".text = ", ".text = ''; _ = "),
        },
        also=("overlap",),
    )


def _half_table(design, rng):
    if design.family != "table":
        return None
    line = design.text("table")
    if rng.random() < 0.5:
        return Edit(
            "a table on one side", {"table": line.replace("Inches(11.9)", "Inches(4.6)")}, also=("overflow", "overlap")
        )
    return Edit(
        "a table on one side",
        {"table": line.replace("Inches(0.7), Inches(2.2), Inches(11.9)", "Inches(8.0), Inches(2.2), Inches(4.6)")},
        also=("overflow", "overlap"),
    )


def _one_column(design, rng):
    if design.family in ("columns", "grid"):
        side = int(rng.integers(2))
        roles = [role for role in _items(design, "column", "card") if int(role[-1]) % 2 == side]
        return Edit("half of the body left out", dict.fromkeys(roles, "pass"), named=False)
    if design.family in ("chart", "picture"):
        return Edit("half of the body left out", {"body": "pass"}, named=False) if design.family == "chart" else None
    return None


def _narrow_list(design, rng):
    if design.family != "bullets":
        return None
    return Edit(
        "a list on one side",
        {"body": design.text("body").replace("0.7, 2.2, 11.9", "0.7, 2.2, 4.4")},
        also=("clipped_text", "overlap", "off_canvas"),
    )


def _colliding(design, rng):
    if design.family not in ("cards", "grid"):
        return None
    role = str(rng.choice(_items(design, "card")))
    left, _, width, _ = _place(design.text(role))
    right = left < 6
    return Edit("a card over its neighbour", {role: _moved(design.text(role), right=(1 if right else -1) * float(rng.uniform(0.9, 1.3)))},
                also=("overlap", "misalignment"))  # fmt: skip


def _on_picture(design, rng):
    if design.family not in ("chart", "picture"):
        return None
    box = f"card({{}}, 4.6, 2.0, 1.0, '{parts.words(rng)}')"
    left = 6.6 if design.family == "chart" else None
    if left is None:
        return None
    return Edit(
        "a card over a chart", at="foot", added=box.format(left), added_clean=box.format(10.4), also=("overlap",)
    )


def _no_text(design, rng):
    return Edit("a text left out", {str(rng.choice(["lead"])): "pass"}, named=False)


def _more_text(design, rng):
    return Edit("a text too many", at="foot", added=_note(9.2, 0.1, parts.words(rng)))


def _other_words(design, rng):
    role = str(rng.choice(["h1", "lead", "foot"]))
    return Edit("other words", {role: re.sub(r"'[^']*'", f"'{parts.words(rng)} instead'", design.text(role))})


def _other_color(design, rng):
    name = str(rng.choice(["title", "lead"]))
    color = "(200, 30, 30)" if design.facts["color"] != (138, 59, 18) else "(20, 60, 200)"
    return Edit("another color", added=f"{name}.text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor{color}")


def _other_fill(design, rng):
    roles = _items(design, "card")
    role = str(rng.choice(roles)) if roles else None
    return role and Edit("a card of another color", {role: f"{design.text(role)[:-1]}, fill=(250, 200, 120))"})


def _other_place(design, rng):
    return Edit(
        "a text elsewhere",
        {"lead": _moved(design.text("lead"), right=float(rng.uniform(3.5, 6)))},
        also=("clipped_text", "overlap", "imbalance"),
    )


INJECTIONS = {
    "overlap": (_text_on_heading, _raised_line, _covered),
    "clipped_text": (_one_long_line, _over_the_edge, _heading_too_high),
    "overflow": (_long_card, _large_words),
    "off_canvas": (_outside, _picture_outside),
    "misalignment": (_shifted, _uneven, _off_grid),
    "low_contrast": (_pale_text, _pale_later, _dark_card),
    "unreadable_size": (_tiny, _tiny_later),
    "missing_glyph": (_rare,),
    "empty_render": (_emptied, _other_deck),
    "aspect_ratio": (_stretched,),
    "white_space": (_left_out, _small_print, _small_table),
    "imbalance": (_half_table, _one_column, _narrow_list),
    "collision": (_colliding, _on_picture),
    "missing_text": (_no_text,),
    "extra_text": (_more_text,),
    "wrong_text": (_other_words,),
    "wrong_color": (_other_color, _other_fill),
    "wrong_layout": (_other_place,),
}
