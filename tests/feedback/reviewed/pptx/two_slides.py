from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor
from PIL import Image
import io

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)

first = prs.slides.add_slide(prs.slide_layouts[0])
first.shapes.title.text = "A field guide to city birds"
first.placeholders[1].text = "Workshop for teachers, spring 2025"

second = prs.slides.add_slide(prs.slide_layouts[6])
head = second.shapes.add_textbox(Inches(0.8), Inches(0.5), Inches(11.7), Inches(1))
head.text_frame.text = "The blackbird"
head.text_frame.paragraphs[0].font.size = Pt(40)

picture = Image.new("RGB", (400, 300), (70, 90, 60))
for i in range(0, 400, 40):
    picture.paste((30, 30, 30), (i, i * 3 // 4, i + 20, i * 3 // 4 + 30))
stream = io.BytesIO()
picture.save(stream, "PNG")
stream.seek(0)
second.shapes.add_picture(stream, Inches(0.8), Inches(1.8), Inches(6), Inches(2.4))

text = second.shapes.add_textbox(Inches(7.2), Inches(1.8), Inches(5.4), Inches(4.5))
text.text_frame.word_wrap = True
for i, line in enumerate(["Sings from roofs before sunrise", "Eats worms, berries and what falls from tables", "Builds in hedges and on balconies", "Stays in town in winter"]):
    paragraph = text.text_frame.paragraphs[0] if i == 0 else text.text_frame.add_paragraph()
    paragraph.text = line
    paragraph.font.size = Pt(24)

caption = second.shapes.add_textbox(Inches(0.8), Inches(4.1), Inches(6), Inches(0.5))
caption.text_frame.text = "A male in April, seen from below"
caption.text_frame.paragraphs[0].font.size = Pt(16)

prs.save("birds.pptx")
