"""Pixels of things that hide each other, in charts where the answer can be worked out by hand."""

import numpy as np
import pytest

# Data units are pixels: 200 x 100, with the origin at the bottom left.
HEAD = """
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle
fig = plt.figure(figsize=(2, 1), dpi=100)
ax = fig.add_axes([0, 0, 1, 1], xlim=(0, 200), ylim=(0, 100))
ax.axis("off")
"""


def look(farm, program: str):
    """{color or text of an element: (visible share, pixels in front)}."""
    scene = farm.submit(HEAD + program, visible=True).result()
    assert scene.error is None, scene.error
    assert scene.front.shape == (100, 200) and scene.front.max() < len(scene.elements)
    found = {}
    for index, element in enumerate(scene.elements):
        name = element.text or "".join(str(round(value)) for value in element.color or (9,))
        found[element.kind if element.kind in ("axes", "legend") else name] = (
            element.visible,
            int(np.count_nonzero(scene.front == index)),
        )
    return scene, found


def test_a_bar_half_behind_another(farm):
    scene, found = look(
        farm,
        "ax.bar([50], [60], width=40, color='red', align='edge')\n"
        "ax.bar([70], [40], width=40, color='blue', align='edge')\n",
    )
    # Red is 40 x 60, blue covers 20 x 40 of it.
    assert found["001"] == (1.0, 1600)
    assert found["100"] == (pytest.approx(1 - 800 / 2400, abs=0.02), pytest.approx(1600, abs=60))
    bars = [index for index, element in enumerate(scene.elements) if element.kind == "bar"]
    # Row 70 from the top is 30 from the bottom.
    assert [int(scene.front[70, x]) for x in (60, 80, 100)] == [bars[0], bars[1], bars[1]]


def test_the_order_of_drawing_decides_and_not_that_of_the_program(farm):
    program = "ax.bar([50], [60], width=40, color='red', align='edge', zorder={})\n"
    program += "ax.bar([50], [60], width=40, color='blue', align='edge', zorder=2)\n"
    assert look(farm, program.format(3))[1]["100"][0] == 1.0
    assert look(farm, program.format(1))[1]["100"] == (0.0, 0)


def test_a_line_under_a_legend(farm):
    program = "ax.plot([0, 200], [80.5, 80.5], color='red', linewidth=1.44, label='data')\n"
    program += "legend = ax.legend(loc='upper left', bbox_to_anchor=(0.5, 1), framealpha={}, borderaxespad=0)\n"
    scene, found = look(farm, program.format(1))
    left, top, right, bottom = next(element.box for element in scene.elements if element.kind == "legend")
    assert top < 19 < bottom
    assert found["100"][0] == pytest.approx(1 - (right - left) / 200, abs=0.02)
    # One can see through this one.
    assert look(farm, program.format(0.3))[1]["100"][0] > 0.9


def test_text_behind_a_patch_and_in_front_of_it(farm):
    program = (
        "ax.add_patch(Rectangle((20, 20), 100, 60, color='red', lw=0, zorder={}))\nax.text(30, 45, 'words', zorder=3)\n"
    )
    scene, found = look(farm, program.format(4))
    assert found["words"] == (0.0, 0) and found["100"][1] == 6000
    scene, found = look(farm, program.format(1))
    assert found["words"][0] == 1.0 and found["words"][1] > 50
    # The letters, not their box.
    left, top, right, bottom = next(element.box for element in scene.elements if element.text)
    assert found["words"][1] < 0.6 * (right - left) * (bottom - top)
    assert found["words"][1] + found["100"][1] == 6000


def test_points_and_what_leaves_the_canvas(farm):
    program = "ax.scatter([20, 100, 500], [50, 50, 50], s=100, color='red')\n"
    program += "ax.add_patch(Rectangle((90, 0), 20, 100, color='blue', zorder=5))\n"
    program += "ax.text(-500, 50, 'gone', clip_on=False)\n"
    _, found = look(farm, program)
    # Two discs of one size are on the canvas, and one of them is hidden.
    assert found["100"][0] == pytest.approx(0.5, abs=0.03)
    assert found["gone"] == (None, 0)


def test_picture_and_boxes_stay_the_same_and_nothing_is_added_unasked(farm):
    program = HEAD + "ax.plot([0, 200], [0, 100])\nax.set_title('t')\nfig.tight_layout()\n"
    program += "plt.savefig('a.png', bbox_inches='tight')\n"
    plain, asked = (farm.submit(program, visible=wanted).result() for wanted in (False, True))
    np.testing.assert_array_equal(plain.image, asked.image)
    assert plain.front is None and all(element.visible is None for element in plain.elements)
    assert [e.box for e in plain.elements] == [e.box for e in asked.elements]
    assert asked.front.shape == asked.image.shape[:2]
