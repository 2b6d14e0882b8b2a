from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE

prs = Presentation()
prs.slide_width = Inches(13.333)
prs.slide_height = Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])

title = slide.shapes.add_textbox(Inches(0.5), Inches(0.3), Inches(12), Inches(0.8))
title.text_frame.text = "SWOT analysis: the bakery on Mill Street"
title.text_frame.paragraphs[0].font.size = Pt(34)

quadrants = {
    "Strengths": ["Sourdough with a name", "Loyal morning customers", "Own flour mill"],
    "Weaknesses": ["Closed on Sundays", "One oven", "No card payments", "Queue at eight", "Old till", "No storage for flour in winter", "No website, and no plan for one"],
    "Opportunities": ["Office deliveries", "Baking courses"],
    "Threats": ["Rent review in June", "Supermarket next door"],
}
colors = [RGBColor(0x2A, 0x9D, 0x8F), RGBColor(0xE7, 0x6F, 0x51), RGBColor(0x26, 0x46, 0x53), RGBColor(0xF4, 0xE2, 0xB8)]

for i, (name, points) in enumerate(quadrants.items()):
    left = Inches(0.5 + (i % 2) * 6.25)
    top = Inches(1.3 + (i // 2) * 3.0)
    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, left, top, Inches(6), Inches(2.8))
    shape.fill.solid()
    shape.fill.fore_color.rgb = colors[i]
    shape.line.fill.background()
    tf = shape.text_frame
    tf.word_wrap = True
    tf.text = name
    tf.paragraphs[0].font.size = Pt(26)
    tf.paragraphs[0].font.bold = True
    for point in points:
        p = tf.add_paragraph()
        p.text = point
        p.font.size = Pt(20)
        p.font.color.rgb = RGBColor(0xFF, 0xFF, 0xFF)

prs.save("swot.pptx")
