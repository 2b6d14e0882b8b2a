from pptx import Presentation
from pptx.util import Inches, Pt

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[5])
slide.shapes.title.text = "Risk register"

rows = [
    ("Risk", "Probability", "Impact", "Measure"),
    ("Supplier fails", "low", "high", "Second source qualified by May"),
    ("Key person leaves", "medium", "high", "Documentation, pairing, and a deputy for each role"),
    ("Regulation changes", "medium", "medium", "Quarterly review with counsel"),
]
table = slide.shapes.add_table(len(rows), 4, Inches(0.7), Inches(1.9), Inches(11.9), Inches(3)).table
for r, row in enumerate(rows):
    for c, value in enumerate(row):
        cell = table.cell(r, c)
        cell.text = value
        cell.text_frame.paragraphs[0].font.size = Pt(5 if r == 3 else 18)

foot = slide.shapes.add_textbox(Inches(0.7), Inches(7.3), Inches(8), Inches(0.5))
foot.text_frame.text = "Reviewed by the board on 4 April"
prs.save("risks.pptx")
