"""What lies behind the texts of a page, in a real Chromium, and as the pictures show it."""

import numpy as np
import pytest

from vsdpo_jax.feedback.compare import compare
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.feedback.thresholds import Thresholds
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.web_backgrounds import Backgrounds

WHITE, RED, BLUE = [1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]

PAGE = """<!doctype html><style>
body { margin: 0; background: #ffff00; font: 20px sans-serif }
div { padding: 10px; height: 30px }
</style>
<div>body</div>
<div style="background:#ff0000">first<br>second</div>
<div style="background:#008080"><section><b>deep</b> inside</section></div>
<div>some <span style="background:#0000ff">marked</span></div>
<div style="background:rgba(0,0,255,.5)">half blue</div>
<div style="background:#000000;opacity:.5">half black</div>
<div style="background:linear-gradient(red,blue)">gradient</div>
<div style="background:#00ff00;height:30px"></div>
<div style="position:relative;top:-50px">over a sibling</div>
<div style="position:relative;z-index:-1;background:#ff0000">below a veil</div>
<div style="margin-top:-50px;background:rgba(255,255,255,.5)"></div>
"""
EXPECTED = {
    "body": (1, 1, 0),
    "first": (1, 0, 0),
    "second": (1, 0, 0),
    "deep": (0, 0.5, 0.5),
    "inside": (0, 0.5, 0.5),
    "some": (1, 1, 0),
    "marked": (0, 0, 1),
    "half blue": (0.5, 0.5, 0.5),
    "half black": (0.5, 0.5, 0),
    "gradient": None,
    # Not a child of the green box, and yet on it.
    "over a sibling": (0, 1, 0),
    # What is painted later is in front of a text, not behind it.
    "below a veil": (1, 0, 0),
}


@pytest.fixture(scope="module")
def farm():
    with RenderFarm(workers=1) as farm:
        yield farm


def backgrounds(farm, source):
    scene = farm.submit(source, "web").result()
    assert scene.error is None
    return scene, {element.text: element.background for element in scene.elements if element.text}


def test_the_background_of_every_text_is_known(farm):
    _, found = backgrounds(farm, PAGE)
    assert found.keys() == EXPECTED.keys()
    for text, expected in EXPECTED.items():
        assert found[text] == (expected if expected is None else pytest.approx(expected, abs=0.01)), text


def test_it_is_the_color_in_the_picture_beside_the_letters(farm):
    scene, found = backgrounds(farm, PAGE)
    for element in scene.elements:
        if element.text and found[element.text] is not None and element.text != "below a veil":
            left, top = round(element.box[0]), round(element.box[1])
            assert scene.image[top - 2, left + 1] / 255 == pytest.approx(found[element.text], abs=0.01), element.text


def test_the_canvas_has_the_color_of_the_root_where_the_body_has_none(farm):
    style = "<style>html{background:#0000ff}body{height:40px}</style>"
    _, found = backgrounds(farm, style + "<p style='margin-top:90px'>low")
    assert found["low"] == pytest.approx((0, 0, 1))


def test_a_picture_has_no_single_color(farm):
    svg = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"
    page = f"""<img src="{svg}" width=200 height=60 style="position:absolute;left:0;top:0">
<p style="position:absolute;left:10px;top:0">on it</p>"""
    assert backgrounds(farm, page)[1]["on it"] is None


def test_letters_are_mixed_with_what_is_behind_them(farm):
    glass = "<div style='background:#ff0000;color:rgba(0,0,255,.5)'>glass</div>"
    page = glass + "<p style='color:#000;opacity:.25'>faint</p>"
    scene, _ = backgrounds(farm, page)
    colors = {element.text: element.color for element in scene.elements if element.text}
    # Taken as opaque these would be blue and black, and easy to read.
    assert colors["glass"] == pytest.approx((0.5, 0, 0.5), abs=0.01)
    assert colors["faint"] == pytest.approx((0.75, 0.75, 0.75), abs=0.01)
    assert "low_contrast" in {defect.kind for defect in detect(scene)}


def test_a_text_in_the_color_of_its_card_is_unreadable(farm):
    page = "<style>div{background:navy;color:navy;padding:9px}</style><div>one<br>two</div>"
    scene, _ = backgrounds(farm, page)
    [defect] = [defect for defect in detect(scene) if defect.kind == "low_contrast"]
    # Taken to be on white paper they would have a contrast of 16.
    assert "1.0" in defect.message


def test_a_card_in_another_color_than_in_the_target_is_told(farm):
    page = "<style>div{{background:{};color:white}}</style><div>Oslo<br>4 mm</div><div>Rome<br>2 mm</div>"
    scenes = [backgrounds(farm, page.format(color))[0] for color in ("purple", "teal")]
    [defect] = compare(*scenes, Thresholds())
    assert defect.kind == "wrong_color"
    assert defect.message == "the texts 'Oslo', '4 mm' and 2 more are on 'purple' instead of 'teal'"


def test_fills_are_blended_in_the_order_of_painting():
    fills = Backgrounds()
    assert fills.behind([0, 0, 2, 2], 9.0) == WHITE
    # Added first, painted last.
    fills.add([0, 0, 10, 10], 3.0, BLUE, 0.5)
    fills.add([0, 0, 10, 10], 1.0, RED, 1.0)
    assert fills.behind([0, 0, 2, 2], 0.0) == WHITE
    assert fills.behind([0, 0, 2, 2], 1.0) == RED
    assert fills.behind([0, 0, 2, 2], 3.0) == [0.5, 0.0, 0.5]
    assert fills.behind([10, 10, 20, 20], 3.0) == WHITE
    # On a picture nothing is known, until something hides it.
    fills.add([0, 0, 10, 10], 4.0, None, 1.0)
    fills.add([0, 0, 5, 5], 5.0, RED, 0.5)
    assert fills.behind([6, 6, 8, 8], 5.0) is None
    assert fills.behind([0, 0, 2, 2], 5.0) is None
    fills.add([0, 0, 5, 5], 6.0, RED, 1.0)
    assert fills.behind([0, 0, 2, 2], 6.0) == RED
    assert np.isclose(fills.behind([0, 0, 2, 2], 3.0), [0.5, 0.0, 0.5]).all()
