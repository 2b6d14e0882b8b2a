from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor
from pptx.enum.text import PP_ALIGN

prs = Presentation()
prs.slide_width = Inches(13.333)
prs.slide_height = Inches(7.5)

slide = prs.slides.add_slide(prs.slide_layouts[6])

title = slide.shapes.add_textbox(Inches(0.6), Inches(0.4), Inches(12), Inches(1))
p = title.text_frame.paragraphs[0]
p.text = "Q3 results: growth in every region"
p.font.size = Pt(40)
p.font.bold = True

metrics = [("Revenue", "$4.2M", "+18% year on year"), ("Customers", "1,830", "+240 since June"), ("Churn", "2.1%", "lowest so far")]
for i, (name, value, note) in enumerate(metrics):
    left = Inches(0.6 + i * 4.1)
    card = slide.shapes.add_shape(1, left, Inches(1.8), Inches(3.8), Inches(2.2))
    card.fill.solid()
    card.fill.fore_color.rgb = RGBColor(0xE8, 0xF1, 0xFA)
    card.line.fill.background()
    tf = card.text_frame
    tf.text = name
    tf.paragraphs[0].font.size = Pt(18)
    tf.paragraphs[0].font.color.rgb = RGBColor(0x55, 0x55, 0x55)
    v = tf.add_paragraph()
    v.text = value
    v.font.size = Pt(44)
    v.font.color.rgb = RGBColor(0x1F, 0x4E, 0x79)
    n = tf.add_paragraph()
    n.text = note
    n.font.size = Pt(16)
    n.font.color.rgb = RGBColor(0xD0, 0xDD, 0xEA)

body = slide.shapes.add_textbox(Inches(0.6), Inches(4.4), Inches(12), Inches(2.4))
tf = body.text_frame
tf.word_wrap = True
tf.text = "Enterprise deals closed faster after the new onboarding programme."
tf.paragraphs[0].font.size = Pt(24)
for line in ["Two large renewals moved from Q4 into Q3.", "Support tickets per customer fell by a fifth."]:
    q = tf.add_paragraph()
    q.text = line
    q.font.size = Pt(24)

prs.save("quarterly.pptx")
