"""python-pptx programs: attribution by shape, defects, and what can go wrong."""

import numpy as np
import pytest

from vsdpo_jax.feedback.credit import responsibilities
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.reward import score

HEAD = """from pptx import Presentation
from pptx.util import Inches, Pt
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
prs = Presentation()
slide = prs.slides.add_slide(prs.slide_layouts[1])
slide.shapes.title.text = "Quarterly report"
slide.placeholders[1].text = "First point\\nSecond point that is a little longer\\nThird\\nFourth"
"""
BOX = "b = slide.shapes.add_textbox(Inches(1), Inches(6), Inches({}), Inches(0.5))\n"

# name -> (program after HEAD, kind, line at fault after HEAD)
BROKEN = {
    "pale text": (
        BOX.format(4) + 'b.text_frame.text = "pale"\n'
        "b.text_frame.paragraphs[0].runs[0].font.color.rgb = RGBColor(230, 230, 230)\n",
        "low_contrast", 3,
    ),
    "tiny text": (
        BOX.format(4) + 'b.text_frame.text = "tiny"\nb.text_frame.paragraphs[0].runs[0].font.size = Pt(3)\n',
        "unreadable_size", 3,
    ),
    "past the edge": (
        BOX.format(2) + 'b.text_frame.text = "over the edge of the slide"\nb.text_frame.word_wrap = False\n'
        "b.left = Inches(8.5)\n", "clipped_text", 4,
    ),
    "two shapes": (
        "for x in (1, 2):\n"
        "    s = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, Inches(x), Inches(5.5), Inches(2), Inches(1))\n"
        "    s.text_frame.text = 'box'\n    s.fill.solid()\n    s.fill.fore_color.rgb = RGBColor(20, 20, 90)\n",
        "collision", 2,
    ),
    "stretched picture": (
        "import io\nfrom PIL import Image\nf = io.BytesIO()\nImage.new('RGB', (80, 80), 'red').save(f, 'PNG')\n"
        "slide.shapes.add_picture(f, Inches(5), Inches(5.5), Inches(3), Inches(1))\n",
        "aspect_ratio", 5,
    ),
}  # fmt: skip


def test_a_clean_deck(farm):
    scene = farm.submit(HEAD + "prs.save('deck.pptx')\n", "pptx").result()
    assert scene.error is None and (scene.width, scene.height) == (1280, 960)
    assert detect(scene) == () and score(scene, scene, ()).total == pytest.approx(1.0)
    lines = {element.text[:7]: element.statements[0].line_start for element in scene.elements}
    assert lines["Quarter"] == 7 and lines["• First"] == 8
    unsaved = farm.submit(HEAD, "pptx").result()
    np.testing.assert_array_equal(unsaved.image, scene.image)


@pytest.mark.parametrize("name", BROKEN)
def test_defect_is_found_and_charged_to_its_statement(farm, name):
    program, kind, line = BROKEN[name]
    scene = farm.submit(HEAD + program, "pptx").result()
    found = [defect for defect in detect(scene) if defect.kind == kind]
    assert found, detect(scene)
    resp = responsibilities(scene, found)
    assert max(resp, key=resp.get).line_start == line + HEAD.count("\n")


def test_slides_stand_below_each_other_and_are_judged_alone(farm):
    second = "slide = prs.slides.add_slide(prs.slide_layouts[6])\n" + BOX.format(1) + "b.text_frame.text = 'x'\n"
    scene = farm.submit(HEAD + second, "pptx").result()
    assert scene.image.shape == (1920, 1280, 3)
    (lonely,) = [defect for defect in detect(scene) if defect.kind == "white_space"]
    # What stands alone is to blame: the text box at (1, 6) inches of the second slide, 128 pixels to the inch.
    assert lonely.boxes == ((128.0, 960 + 768.0, 256.0, 960 + 832.0),)
    assert [statement.line_start - HEAD.count("\n") for statement in lonely.statements] == [2, 3]


@pytest.mark.parametrize(
    ("program", "status"),
    [
        (HEAD + "nothing()", "python-error"),
        ("x = 1", "no-result"),
        (HEAD + "for _ in range(30): prs.slides.add_slide(prs.slide_layouts[6])", "too-large"),
        (HEAD + "while True: pass", "timeout"),
        (HEAD + "import os\nos.fork()", "python-error"),
    ],
)
def test_every_outcome_is_a_result(farm, program, status):
    assert farm.submit(program, "pptx").result().error.status == status


def test_as_many_slides_as_a_deck_may_have_are_drawn(farm):
    program = HEAD + "for _ in range(19): prs.slides.add_slide(prs.slide_layouts[6])\n"
    scene = farm.submit(program, "pptx").result()
    assert scene.error is None and scene.image.shape == (20 * 960, 1280, 3)
    tall = farm.submit(program + "prs.slide_height = Inches(20)\n", "pptx").result()
    assert tall.error.status == "too-large"
    assert tall.error.message == "the slides have 51200 rows of 1280 pixels together"
