# ruff: noqa: E501 (a statement a line)
"""Clean python-pptx programs: a heading and a body of shapes, text, tables, charts or pictures on a slide of 16:9."""

from __future__ import annotations

import numpy as np

from tests.feedback.corpus import parts
from tests.feedback.corpus.case import Design

HEAD = (
    "import io",
    "from PIL import Image",
    "from pptx import Presentation",
    "from pptx.util import Inches, Pt",
    "from pptx.dml.color import RGBColor",
    "from pptx.enum.shapes import MSO_SHAPE",
    "from pptx.enum.text import MSO_ANCHOR",
    "from pptx.chart.data import CategoryChartData",
    "from pptx.enum.chart import XL_CHART_TYPE",
    "prs = Presentation()",
    "prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)",
    "slide = prs.slides.add_slide(prs.slide_layouts[6])",
    "def text(left, top, width, height, words, size=20, color=(34, 34, 34), wrap=True):",
    "    box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))",
    "    box.text_frame.word_wrap = wrap",
    "    box.text_frame.text = words",
    "    box.text_frame.paragraphs[0].runs[0].font.size = Pt(size)",
    "    box.text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor(*color)",
    "    return box",
    "def card(left, top, width, height, words, size=18, fill=(227, 236, 245), color=(34, 34, 34)):",
    "    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(left), Inches(top), Inches(width), Inches(height))",
    "    shape.fill.solid()",
    "    shape.fill.fore_color.rgb = RGBColor(*fill)",
    "    shape.text_frame.word_wrap = True",
    "    shape.text_frame.text = words",
    "    shape.text_frame.paragraphs[0].runs[0].font.size = Pt(size)",
    "    shape.text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor(*color)",
    "    return shape",
)
COLORS = ((29, 78, 137), (138, 59, 18), (11, 110, 79), (106, 27, 154), (34, 34, 34))


def design(seed: int) -> Design:
    """A clean deck of one slide; the families take turns."""
    rng = np.random.default_rng([5, seed])
    family = FAMILIES[seed % len(FAMILIES)]
    color = COLORS[int(rng.integers(len(COLORS)))]
    heading = f"text(0.7, 0.5, 11.9, 0.9, '{parts.words(rng)}', {rng.choice([32, 36, 40])}, {color})"
    lines = [
        *(("", line) for line in HEAD),
        ("h1", f"title = {heading}"),
        ("lead", f"lead = text(0.7, 1.35, 11.9, 0.6, '{parts.sentence(rng)}', 20)"),
        *_BODIES[family](rng, color),
        ("foot", f"foot = text(0.7, 6.85, 11.9, 0.45, '{parts.words(rng)} {rng.integers(1, 40)}', 14)"),
        ("end", "prs.save('deck.pptx')"),
    ]
    twin = tuple((role, text.replace(", 1.35, 11.9", ", 1.4, 11.9")) for role, text in lines)
    return Design(family, tuple(lines), {"domain": "pptx", "color": color}, twin)


def _cards(rng, color):
    count = int(rng.integers(3, 5))
    width = (11.9 - 0.4 * (count - 1)) / count
    return [
        (f"card{i}", f"card({0.7 + i * (width + 0.4):.3f}, 2.3, {width:.3f}, 4.2, '{parts.paragraph(rng, 2)}')")
        for i in range(count)
    ]


def _grid(rng, color):
    return [
        (f"card{i}", f"card({0.7 + 6.05 * (i % 2):.2f}, {2.2 + 2.3 * (i // 2):.2f}, 5.85, 2.1, '{parts.paragraph(rng, 3)}')")
        for i in range(4)
    ]  # fmt: skip


def _bullets(rng, color):
    items = [parts.sentence(rng) for _ in range(int(rng.integers(5, 7)))]
    return [
        ("body", f"body = text(0.7, 2.2, 11.9, 4.4, '{items[0]}', 28)"),
        *[
            line
            for i, item in enumerate(items[1:], 1)
            for line in (
                ("", "more = body.text_frame.add_paragraph()"),
                (f"item{i}", f"more.text = '{item}'"),
                (f"item.size{i}", "more.font.size = Pt(28)"),
                ("", "more.space_before = Pt(8)"),
            )
        ],
    ]


def _columns(rng, color):
    return [
        (f"column{i}", f"text({0.7 + 6.15 * i:.2f}, 2.2, 5.75, 4.4, '{parts.paragraph(rng, 7)}', 24)") for i in range(2)
    ]


def _stats(rng, color):
    lines = []
    for i in range(4):
        left = 0.7 + 3.05 * i
        lines += [
            (f"stat{i}", f"text({left:.2f}, 2.3, 2.75, 1, '{rng.integers(10, 99)}%', 48, {color})"),
            (f"note{i}", f"text({left:.2f}, 3.3, 2.75, 0.6, '{rng.choice(parts.NAMES)}', 20)"),
        ]
    return [*lines, ("body", f"text(0.7, 4.4, 11.9, 2, '{parts.paragraph(rng, 5)}', 24)")]


def _table(rng, color):
    rows, columns = int(rng.integers(5, 7)), 4
    return [
        ("table", f"table = slide.shapes.add_table({rows}, {columns}, Inches(0.7), Inches(2.2), Inches(11.9), Inches(4.2)).table"),
        ("", f"for row in range({rows}):"),
        ("", f"    for column in range({columns}):"),
        ("cell", f"        table.cell(row, column).text = {[str(name) for name in rng.choice(parts.NAMES, 4)]}[column] + str(row)"),
    ]  # fmt: skip


def _chart(rng, color):
    names = [str(name) for name in rng.choice(parts.NAMES, 4, replace=False)]
    return [
        ("", "data = CategoryChartData()"),
        ("names", f"data.categories = {names}"),
        ("series", f"data.add_series('{rng.choice(parts.NAMES)}', {[int(value) for value in rng.integers(10, 90, 4)]})"),
        ("chart", "slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(0.7), Inches(2.2), Inches(6.8), Inches(4.4), data)"),
        ("body", f"text(7.8, 2.3, 4.8, 4.2, '{parts.paragraph(rng, 6)}', 22)"),
    ]  # fmt: skip


def _picture(rng, color):
    natural = (int(rng.integers(60, 120)), int(rng.integers(50, 80)))
    height = 4.2
    width = min(7.0, height * natural[0] / natural[1])
    height = width * natural[1] / natural[0]
    first, second = (tuple(int(value) for value in rng.integers(20, 220, 3)) for _ in range(2))
    left = 0.7 + width + 0.5
    return [
        ("", f"picture = Image.new('RGB', {natural}, {first})"),
        ("", f"picture.paste({second}, (10, 10, {natural[0] // 2}, {natural[1] - 10}))"),
        ("", "file = io.BytesIO()"),
        ("", "picture.save(file, 'PNG')"),
        ("picture", f"slide.shapes.add_picture(file, Inches(0.7), Inches(2.2), Inches({width:.3f}), Inches({height:.3f}))"),
        ("body", f"text({left:.2f}, 2.2, {12.6 - left:.2f}, 4.2, '{parts.paragraph(rng, 4)}', 22)"),
    ]  # fmt: skip


_BODIES = {
    "cards": _cards, "grid": _grid, "bullets": _bullets, "columns": _columns, "stats": _stats, "table": _table,
    "chart": _chart, "picture": _picture,
}  # fmt: skip
FAMILIES = tuple(_BODIES)
