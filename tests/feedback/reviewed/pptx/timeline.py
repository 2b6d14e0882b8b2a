from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])
background = slide.background.fill
background.solid()
background.fore_color.rgb = RGBColor(0x1B, 0x26, 0x3B)

t = slide.shapes.add_textbox(Inches(0.8), Inches(0.5), Inches(11), Inches(1))
t.text_frame.text = "Our history"
t.text_frame.paragraphs[0].font.size = Pt(44)

events = [(1998, "Founded in a garage"), (2005, "First factory"), (2014, "Listed on the stock exchange"), (2022, "Carbon neutral")]
for i, (year, text) in enumerate(events):
    x = 0.8 + i * 3.1
    dot = slide.shapes.add_shape(MSO_SHAPE.OVAL, Inches(x), Inches(3), Inches(0.5), Inches(0.5))
    dot.fill.solid()
    dot.fill.fore_color.rgb = RGBColor(0xE0, 0x9F, 0x3E)
    label = slide.shapes.add_textbox(Inches(x), Inches(3.7), Inches(2.8), Inches(1.2))
    label.text_frame.word_wrap = True
    label.text_frame.text = f"{year}: {text}"
    label.text_frame.paragraphs[0].font.size = Pt(22)
    label.text_frame.paragraphs[0].font.color.rgb = RGBColor(255, 255, 255)

prs.save("history.pptx")
