from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE, MSO_CONNECTOR

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[5])
slide.shapes.title.text = "Organisation"

def box(name, role, left, top, fill=RGBColor(0x33, 0x66, 0x99)):
    shape = slide.shapes.add_shape(MSO_SHAPE.ROUNDED_RECTANGLE, Inches(left), Inches(top), Inches(2.4), Inches(1))
    shape.fill.solid()
    shape.fill.fore_color.rgb = fill
    shape.text_frame.text = f"{name}\n{role}"
    for paragraph in shape.text_frame.paragraphs:
        paragraph.font.size = Pt(16)
        paragraph.font.color.rgb = RGBColor(255, 255, 255)
    return shape

ceo = box("Rosa Keller", "Managing director", 5.4, 1.8)
reports = [
    box("Tom Ito", "Engineering", 0.8, 4.2),
    box("Nadia Rahman", "Sales", 3.9, 4.2),
    box("Piet de Vries", "Finance", 7.0, 4.28),
    box("Olga Novak", "People", 9.0, 4.2, RGBColor(0xF5, 0xF0, 0xDC)),
]
for report in reports:
    line = slide.shapes.add_connector(MSO_CONNECTOR.ELBOW, Inches(6.6), Inches(2.8), report.left + report.width // 2, report.top)
    line.line.color.rgb = RGBColor(0x88, 0x88, 0x88)

prs.save("org.pptx")
