from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.util import Inches, Pt

deck = Presentation()
slide = deck.slides.add_slide(deck.slide_layouts[6])
slide.background.fill.solid()
slide.background.fill.fore_color.rgb = RGBColor(0x3A, 0x2C, 0x1A)
quote = slide.shapes.add_textbox(Inches(0.8), Inches(1.2), Inches(8.4), Inches(3)).text_frame
quote.word_wrap = True
quote.text = "The second-best time to plant an oak is in autumn, when the ground is soft and nobody else is watching."
quote.paragraphs[0].font.size = Pt(36)
quote.paragraphs[0].font.color.rgb = RGBColor(0xE8, 0xC4, 0x8F)
source = slide.shapes.add_textbox(Inches(0.8), Inches(3.6), Inches(8.4), Inches(0.8)).text_frame
source.text = "Old saying, probably invented in this workshop"
source.paragraphs[0].font.size = Pt(20)
source.paragraphs[0].font.color.rgb = RGBColor(0xF7, 0xF3, 0xEA)
deck.save("slide.pptx")
