"""python-pptx programs of many styles, with marks (see `labelled`) for what each line is responsible for."""

# A mark stands behind its line, which makes some lines long.
# ruff: noqa: E501

HEAD = """
import io
from PIL import Image
from pptx import Presentation
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
from pptx.enum.shapes import MSO_CONNECTOR, MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.util import Cm, Emu, Inches, Pt
prs = Presentation()
"""
BLANK = HEAD + "slide = prs.slides.add_slide(prs.slide_layouts[6])\n"
CONTENT = HEAD + "slide = prs.slides.add_slide(prs.slide_layouts[1])\n"

DECKS = {
    "title slide": HEAD + """
slide = prs.slides.add_slide(prs.slide_layouts[0])
slide.shapes.title.text = "Annual report"  #> =Annual report
slide.placeholders[1].text = "All that happened"  #> =All that happened
""",
    "bullets": CONTENT + """
slide.shapes.title.text = "Points"  #> =Points
frame = slide.placeholders[1].text_frame
frame.text = "first"
for word in ("second", "third"):
    frame.add_paragraph().text = word  #> text
""",
    "a text box": BLANK + """
box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(4), Inches(1))  #> text_box
box.text_frame.text = "a note"  #> =a note
""",
    "a run with a font": BLANK + """
box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(4), Inches(1))  #> text_box
run = box.text_frame.paragraphs[0].add_run()
run.text = "bold words"  #> =bold words
run.font.bold = True
run.font.size = Pt(28)
""",
    "shapes in a loop": BLANK + """
for index, name in enumerate(("plan", "build", "ship")):
    shape = slide.shapes.add_shape(MSO_SHAPE.CHEVRON, Inches(0.5 + 3 * index), Inches(3), Inches(2.8), Inches(1))  #> shape
    shape.text_frame.text = name  #> text
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor(30, 60 + 40 * index, 120)
""",
    "a helper": BLANK + """
def label(left, top, words, size=18):
    box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(0.6))  #> text_box
    paragraph = box.text_frame.paragraphs[0]
    paragraph.text = words  #> text
    paragraph.font.size = Pt(size)
    return box
label(1, 1, "upper")
label(1, 3, "lower", size=24)
""",
    "connectors": BLANK + """
one = slide.shapes.add_shape(MSO_SHAPE.OVAL, Inches(1), Inches(1), Inches(2), Inches(1))  #> shape@shape2
two = slide.shapes.add_shape(MSO_SHAPE.OVAL, Inches(6), Inches(4), Inches(2), Inches(1))  #> shape@shape3
line = slide.shapes.add_connector(MSO_CONNECTOR.STRAIGHT, 0, 0, 0, 0)
line.begin_connect(one, 3)
line.end_connect(two, 1)
one.text_frame.text = "from"  #> =from
two.text_frame.text = "to"  #> =to
""",
    "a group": BLANK + """
group = slide.shapes.add_group_shape()
back = group.shapes.add_shape(MSO_SHAPE.ROUNDED_RECTANGLE, Inches(1), Inches(1), Inches(4), Inches(2))  #> shape
front = group.shapes.add_textbox(Inches(1.5), Inches(1.5), Inches(3), Inches(0.5))  #> text_box
front.text_frame.text = "inside"  #> =inside
""",
    "text written twice": BLANK + """
box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(4), Inches(1))
box.text_frame.text = "draft"
box.text_frame.text = "final"  #> =final
""",
    "several slides": HEAD + """
for number in range(3):
    slide = prs.slides.add_slide(prs.slide_layouts[5])
    slide.shapes.title.text = f"Part {number + 1}"  #> text
""",
    "a template in a function": HEAD + """
def page(title, lines):
    slide = prs.slides.add_slide(prs.slide_layouts[1])
    slide.shapes.title.text = title  #> =One; =Two
    body = slide.placeholders[1].text_frame
    body.text = "\\n".join(lines)  #> text
page("One", ["a", "b"])
page("Two", ["c"])
""",
    "a class": HEAD + """
class Deck:
    def __init__(self):
        self.slide = prs.slides.add_slide(prs.slide_layouts[6])
    def card(self, left, words):
        shape = self.slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(left), Inches(2), Inches(2.5), Inches(2))  #> shape
        shape.text_frame.text = words  #> text
        return self
Deck().card(0.5, "left card").card(5, "right card")
""",
    "aligned and anchored": BLANK + """
shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(1), Inches(1), Inches(6), Inches(3))  #> shape
frame = shape.text_frame
frame.vertical_anchor = MSO_ANCHOR.TOP
paragraph = frame.paragraphs[0]
paragraph.text = "upper right"  #> =upper right
paragraph.alignment = PP_ALIGN.RIGHT
""",
    "sizes in other units": BLANK + """
bar = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, 0, 0, prs.slide_width, Cm(2))  #> shape
bar.fill.solid()
bar.fill.fore_color.rgb = RGBColor(0x11, 0x33, 0x55)
bar.line.fill.background()
title = slide.shapes.add_textbox(Emu(400000), Cm(0.3), Inches(8), Inches(0.6))
title.text_frame.text = "On a bar"  #> =On a bar
""",
    "moved after it was made": BLANK + """
box = slide.shapes.add_textbox(0, 0, Inches(3), Inches(1))  #> text_box
box.text_frame.text = "moved"  #> =moved
box.left = Inches(4)
box.top = Inches(3)
""",
    "subtitle and footer": HEAD + """
slide = prs.slides.add_slide(prs.slide_layouts[0])
title, subtitle = slide.shapes.title, slide.placeholders[1]
title.text = "A talk"  #> =A talk
subtitle.text = "by somebody"  #> =by somebody
foot = slide.shapes.add_textbox(Inches(0.5), Inches(7), Inches(9), Inches(0.4))
foot.text_frame.text = "page 1 of 1"  #> =page 1 of 1
""",
    "two contents": HEAD + """
slide = prs.slides.add_slide(prs.slide_layouts[3])
slide.shapes.title.text = "Compare"  #> =Compare
slide.placeholders[1].text_frame.text = "this side"
slide.placeholders[2].text_frame.text = "that side"
""",
    "colors by a dictionary": BLANK + """
palette = {"red": RGBColor(200, 40, 40), "green": RGBColor(40, 140, 60)}
for place, (name, color) in enumerate(palette.items()):
    dot = slide.shapes.add_shape(MSO_SHAPE.OVAL, Inches(1 + 3 * place), Inches(2), Inches(1), Inches(1))  #> shape
    dot.fill.solid()
    dot.fill.fore_color.rgb = color
    word = slide.shapes.add_textbox(Inches(1 + 3 * place), Inches(3.2), Inches(2), Inches(0.5))
    word.text_frame.text = name  #> text
""",
    "a comprehension": BLANK + """
boxes = [slide.shapes.add_textbox(Inches(1), Inches(1 + i), Inches(3), Inches(0.6)) for i in range(3)]
for box, words in zip(boxes, ("alpha", "beta", "gamma")):
    box.text_frame.text = words  #> text
""",
    "wide slides": HEAD + """
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])
shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(1), Inches(1), Inches(11), Inches(5))  #> shape
shape.text_frame.text = "wide"  #> =wide
prs.save("wide.pptx")
""",
    "paragraph levels": CONTENT + """
slide.shapes.title.text = "Levels"  #> =Levels
frame = slide.placeholders[1].text_frame
frame.text = "top"
second = frame.add_paragraph()
second.text = "below"
second.level = 1
""",
    "text of several runs": BLANK + """
paragraph = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(7), Inches(1)).text_frame.paragraphs[0]  #> text_box
for words, color in (("red ", RGBColor(200, 0, 0)), ("and blue", RGBColor(0, 0, 200))):
    run = paragraph.add_run()
    run.text = words  #> text
    run.font.color.rgb = color
""",
    "arrows between boxes": BLANK + """
def box(left, words):
    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(left), Inches(3), Inches(2), Inches(1))  #> shape
    shape.text = words  #> text
    return shape
def arrow(first, second):
    width = second.left - first.left - first.width
    slide.shapes.add_shape(MSO_SHAPE.RIGHT_ARROW, first.left + first.width, Inches(3.3), width, Inches(0.4))  #> shape@shape4
arrow(box(0.5, "in"), box(5, "out"))
""",
    "a grid of cards": BLANK + """
for row in range(2):
    for column in range(3):
        card = slide.shapes.add_shape(  #> shape
            MSO_SHAPE.ROUNDED_RECTANGLE,
            Inches(0.4 + 3.1 * column), Inches(1 + 2.5 * row), Inches(2.8), Inches(2),
        )
        card.text_frame.text = f"card {row}{column}"  #> text
""",
    "a shape's text attribute": BLANK + """
star = slide.shapes.add_shape(MSO_SHAPE.STAR_5_POINT, Inches(3), Inches(2), Inches(3), Inches(3))  #> shape
star.text = "best"  #> =best
""",
    "a line": BLANK + """
head = slide.shapes.add_textbox(Inches(1), Inches(0.5), Inches(8), Inches(1))
head.text_frame.text = "Above the line"  #> =Above the line
rule = slide.shapes.add_connector(MSO_CONNECTOR.STRAIGHT, Inches(1), Inches(1.6), Inches(9), Inches(1.6))
rule.line.color.rgb = RGBColor(120, 120, 120)
""",
    "text with a line break": BLANK + """
box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(6), Inches(2))
box.text_frame.text = "one line\\nanother line"  #> text
""",
    "a quote": BLANK + """
frame = slide.shapes.add_textbox(Inches(1.5), Inches(2), Inches(7), Inches(2)).text_frame  #> text_box
frame.word_wrap = True
quote = frame.paragraphs[0]
quote.text = "Simple things should be simple"
quote.font.italic = True
quote.font.size = Pt(32)
who = frame.add_paragraph()
who.text = "somebody wise"  #> text
""",
    "a saved and reopened deck": HEAD + """
first = prs.slides.add_slide(prs.slide_layouts[6])
prs.save("first.pptx")
again = Presentation("first.pptx")
slide = again.slides[0]
box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(4), Inches(1))
box.text_frame.text = "second life"  #> =second life
again.save("second.pptx")
""",
    "metrics in a row": BLANK + """
metrics = [("Users", "1,204"), ("Growth", "12%"), ("Churn", "3%")]
left = Inches(0.5)
for name, value in metrics:
    tile = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, left, Inches(2), Inches(2.8), Inches(2))  #> shape
    frame = tile.text_frame
    frame.text = value
    paragraph = frame.add_paragraph()
    paragraph.text = name  #> text
    left += Inches(3.1)
""",
    "a timeline": BLANK + """
axis = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(0.5), Inches(3.7), Inches(9), Inches(0.1))  #> shape@shape2
for index, year in enumerate(range(2020, 2024)):
    left = Inches(0.8 + 2.2 * index)
    slide.shapes.add_shape(MSO_SHAPE.OVAL, left, Inches(3.55), Inches(0.4), Inches(0.4))  #> shape
    slide.shapes.add_textbox(left, Inches(4.2), Inches(1.5), Inches(0.5)).text_frame.text = str(year)  #> text; text_box
""",
    "text in a nested group": BLANK + """
outer = slide.shapes.add_group_shape()
inner = outer.shapes.add_group_shape()
shape = inner.shapes.add_shape(MSO_SHAPE.OVAL, Inches(2), Inches(2), Inches(3), Inches(2))  #> shape
shape.text_frame.text = "deep"  #> =deep
""",
    "an exchanged placeholder": CONTENT + """
title = slide.shapes.title
title.text = "Kept"  #> =Kept
body = slide.placeholders[1]
body._element.getparent().remove(body._element)
box = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(6), Inches(1))
box.text_frame.text = "instead"  #> =instead
""",
    "a lambda": BLANK + """
put = lambda words, top: setattr(slide.shapes.add_textbox(Inches(1), Inches(top), Inches(5), Inches(1)).text_frame, "text", words)  #> text; text_box
put("through a lambda", 1)
put("again", 3)
""",
    "a decorator": BLANK + """
def framed(make):
    def inner(*arguments):
        shape = make(*arguments)
        shape.line.color.rgb = RGBColor(200, 0, 0)
        return shape
    return inner
@framed
def tile(left, words):
    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(left), Inches(1), Inches(3), Inches(1))  #> shape
    shape.text_frame.text = words  #> text
    return shape
tile(1, "red frame")
tile(5, "also")
""",
    "centered by arithmetic": BLANK + """
width, height = Inches(4), Inches(1.5)
left, top = (prs.slide_width - width) // 2, (prs.slide_height - height) // 2
shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, left, top, width, height)  #> shape
shape.text_frame.text = "middle"  #> =middle
""",
    "a section header": HEAD + """
slide = prs.slides.add_slide(prs.slide_layouts[2])
slide.shapes.title.text = "Section"
for placeholder in slide.placeholders:
    if placeholder.placeholder_format.idx == 1:
        placeholder.text = "what follows"  #> =what follows
""",
    "a background": BLANK + """
fill = slide.background.fill
fill.solid()
fill.fore_color.rgb = RGBColor(20, 30, 50)
box = slide.shapes.add_textbox(Inches(1), Inches(1), Inches(8), Inches(1))
box.text_frame.text = "light on dark"  #> =light on dark
box.text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor(255, 255, 255)
""",
    "numbers in circles": BLANK + """
steps = ["wake", "work", "sleep"]
for number, step in enumerate(steps, 1):
    top = Inches(1.5 * number)
    circle = slide.shapes.add_shape(MSO_SHAPE.OVAL, Inches(1), top, Inches(0.8), Inches(0.8))  #> shape
    circle.text_frame.text = str(number)  #> =1; =2; =3
    words = slide.shapes.add_textbox(Inches(2), top, Inches(4), Inches(0.8))  #> text_box
    words.text_frame.text = step  #> =wake; =work; =sleep
""",
    "a freeform": BLANK + """
builder = slide.shapes.build_freeform(Inches(1), Inches(1))
builder.add_line_segments([(Inches(3), Inches(1)), (Inches(2), Inches(3))])
shape = builder.convert_to_shape()  #> shape
shape.text_frame.text = "free"  #> =free
""",
    "text cleared and written": CONTENT + """
frame = slide.placeholders[1].text_frame
frame.text = "old"
frame.clear()
frame.paragraphs[0].text = "new"  #> text
slide.shapes.title.text = "Cleared"  #> =Cleared
""",
    "a copied size": BLANK + """
model = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(1), Inches(1), Inches(2), Inches(1))  #> shape@shape2
twin = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(5), model.top, model.width, model.height)  #> shape@shape3
model.text, twin.text = "model", "twin"  #> text
""",
    "a legend of squares": BLANK + """
entries = [("sun", 250, 190, 40), ("rain", 60, 90, 200)]
for row, (name, *rgb) in enumerate(entries):
    top = Inches(1 + 0.7 * row)
    mark = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(1), top, Inches(0.4), Inches(0.4))  #> shape
    mark.fill.solid()
    mark.fill.fore_color.rgb = RGBColor(*rgb)
    slide.shapes.add_textbox(Inches(1.6), top, Inches(2), Inches(0.4)).text_frame.paragraphs[0].text = name  #> text; text_box
""",
    "a loop over layouts": HEAD + """
for index in (5, 6):
    slide = prs.slides.add_slide(prs.slide_layouts[index])
    box = slide.shapes.add_textbox(Inches(1), Inches(3), Inches(6), Inches(1))
    box.text_frame.text = f"layout {index}"  #> =layout 5; =layout 6
""",
    "a function in a function": BLANK + """
def column(left, words):
    def cell(row, word):
        box = slide.shapes.add_textbox(left, Inches(1 + row), Inches(2), Inches(0.6))  #> text_box
        box.text_frame.text = word  #> text
    for row, word in enumerate(words):
        cell(row, word)
column(Inches(1), ["a1", "a2"])
column(Inches(4), ["b1", "b2", "b3"])
""",
    "text of a list by join": CONTENT + """
items = ["milk", "bread", "salt"]
slide.shapes.title.text = "Shopping"  #> =Shopping
slide.placeholders[1].text = "\\n".join(items)  #> text
prs.save("list.pptx")
""",
    "nothing saved": BLANK + """
slide.shapes.add_shape(MSO_SHAPE.HEXAGON, Inches(3), Inches(2), Inches(3), Inches(3)).text_frame.text = "six"  #> shape; text
""",
}  # fmt: skip
