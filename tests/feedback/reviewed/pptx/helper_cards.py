from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor

prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])


def add_text(text, left, top, width, height, size=18, color="333333", bold=False):
    box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height))
    box.text_frame.word_wrap = True
    paragraph = box.text_frame.paragraphs[0]
    run = paragraph.add_run()
    run.text = text
    run.font.size = Pt(size)
    run.font.bold = bold
    run.font.color.rgb = RGBColor.from_string(color)
    return box


add_text("Onboarding in three weeks", 0.7, 0.4, 12, 1, size=38, bold=True)
add_text("Week 1", 0.7, 1.8, 3.6, 0.6, size=26, color="B23A48")
add_text("Meet the team, set up the computer, read the handbook, and follow a colleague for one day.", 0.7, 2.5, 3.6, 2, size=20)
add_text("Week 2", 4.8, 1.8, 3.6, 0.6, size=26, color="B23A48")
add_text("Take over a small task with a mentor and present it on Friday.", 4.8, 2.5, 3.6, 2, size=20)
add_text("Week 3", 8.9, 1.8, 3.6, 0.6, size=26, color="F7E1E3")
add_text("Own a task from the first call to the invoice, and write down what was missing in the handbook.", 11.6, 2.5, 3.6, 2, size=20)
add_text("Every new colleague has a mentor for six months. Mentors have two hours a week for it, and they are asked how it goes.", 0.7, 5.0, 11.9, 1.4, size=24)
add_text("Human resources, version of May 2024", 0.7, 6.9, 6, 0.4, size=4)
prs.save("onboarding.pptx")
