from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])

title = slide.shapes.add_textbox(Inches(0.7), Inches(0.5), Inches(11.9), Inches(1))
title.text_frame.text = "Three pillars of the plan"
title.text_frame.paragraphs[0].font.size = Pt(40)
title.text_frame.paragraphs[0].font.color.rgb = RGBColor(0x12, 0x3B, 0x5D)

pillars = [
    ("Homes", "Insulate 400 houses a year, beginning with those that are heated with oil. Owners pay a third."),
    ("Mobility", "Double the length of protected cycle lanes and run buses every ten minutes until ten at night."),
    ("Energy", "Put solar panels on every public roof by 2028 and sell what is left over to the neighbours."),
]
for index, (name, words) in enumerate(pillars):
    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(0.7 + index * 4.1), Inches(2), Inches(3.7), Inches(4.4))
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor(0xE3, 0xEE, 0xE7)
    shape.line.fill.background()
    frame = shape.text_frame
    frame.word_wrap = True
    frame.vertical_anchor = MSO_ANCHOR.TOP
    frame.text = name
    frame.paragraphs[0].font.size = Pt(30)
    frame.paragraphs[0].font.color.rgb = RGBColor(0x12, 0x3B, 0x5D)
    body = frame.add_paragraph()
    body.text = words
    body.font.size = Pt(22)
    body.font.color.rgb = RGBColor(0x22, 0x22, 0x22)

prs.save("pillars.pptx")
