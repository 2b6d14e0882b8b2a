from pptx import Presentation
from pptx.util import Inches, Pt

prs = Presentation()
slide = prs.slides.add_slide(prs.slide_layouts[1])
slide.shapes.title.text = "Lessons from the migration"

content = slide.placeholders[1].text_frame
points = [
    "Start with the data that nobody owns, because it takes the longest to clean up",
    "Keep the old system running in read-only mode for at least three months",
    "Write down every manual step, including the ones that everybody knows",
    "Agree on the names of things before the first table is created",
    "Test with real volumes, since a sample of one percent hides every slow query",
    "Plan the rollback, rehearse the rollback, and time the rollback",
    "Tell customer support about the schedule before you tell customers",
    "Celebrate when it is done",
]
content.text = points[0]
for point in points[1:]:
    paragraph = content.add_paragraph()
    paragraph.text = point
for paragraph in content.paragraphs:
    paragraph.font.size = Pt(30)

prs.save("lessons.pptx")
