from pptx import Presentation
from pptx.util import Inches, Pt

prs = Presentation()
slide = prs.slides.add_slide(prs.slide_layouts[1])
slide.shapes.title.text = "Agenda"
frame = slide.placeholders[1].text_frame
frame.text = "Review of the last quarter"
for item in ["Budget for the new workshop", "Hiring plan", "Safety training in autumn", "Any other business"]:
    paragraph = frame.add_paragraph()
    paragraph.text = item
prs.save("agenda.pptx")
