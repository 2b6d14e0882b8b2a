"""Designs that look unusual and are fine, and mistakes that must not count twice: rendered for real."""

import pytest

from vsdpo_jax.feedback.detect import detect

CHART = "import numpy as np\nimport matplotlib.pyplot as plt\n"
DECK = """from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches, Pt
prs = Presentation()
prs.slide_width, prs.slide_height = Inches(13.333), Inches(7.5)
slide = prs.slides.add_slide(prs.slide_layouts[6])
data = CategoryChartData()
data.categories = {categories}
data.add_series("Bikes", (120, 180, 260))
data.add_series("Trailers", (20, 35, 60))
frame = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(0.7), Inches(0.7), Inches(11.9), Inches(6), data)
frame.chart.has_legend = True
frame.chart.has_title = True
frame.chart.chart_title.text_frame.text = "{title}"
prs.save("deck.pptx")
"""

FINE = {
    "polar bars under the labels of their own axis": """
fig, ax = plt.subplots(subplot_kw={"projection": "polar"})
ax.bar(np.linspace(0, 2 * np.pi, 8, endpoint=False), [3, 5, 4, 6, 7, 5, 4, 6], width=0.6, alpha=0.6)
ax.set_title("Wind by direction")
fig.tight_layout()
""",
    "axes with nothing but an arrow": """
fig, ax = plt.subplots()
ax.annotate("", xy=(0.8, 0.5), xytext=(0.2, 0.5), arrowprops={"arrowstyle": "->"})
ax.set_title("From left to right")
""",
    "an inset with labels on its parent": """
fig, ax = plt.subplots(figsize=(7, 5))
ax.plot([0, 1, 2, 3], [0, 1, 4, 9])
inset = ax.inset_axes([0.15, 0.55, 0.35, 0.35])
inset.bar([1, 2], [1, 2])
""",
    "panels that touch": """
fig, axes = plt.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0})
for ax in axes:
    ax.plot([1, 2, 3], [2, 1, 3])
    ax.set_ylabel("level")
""",
    "two y axes": """
fig, ax = plt.subplots()
ax.bar([1, 2, 3], [3, 1, 2], color="lightsteelblue")
ax.set_ylabel("rain")
other = ax.twinx()
other.plot([1, 2, 3], [10, 20, 15], "o-", color="darkred")
other.set_ylabel("wind")
fig.tight_layout()
""",
    "a legend that a line ends beside": """
x = np.linspace(0, 10, 100)
plt.plot(x, np.exp(-x), label="decay")
plt.legend(loc="upper right")
""",
}


@pytest.mark.parametrize("name", FINE)
def test_an_unusual_chart_has_no_defects(farm, name):
    scene = farm.submit(CHART + FINE[name]).result()
    assert scene.error is None and detect(scene) == ()


def test_a_title_that_is_cut_on_both_sides_is_one_defect(farm):
    program = """
fig, ax = plt.subplots(figsize=(3, 3))
ax.bar([1], [1])
ax.set_title("A title that is longer than the figure is wide")
fig.subplots_adjust(left=0.2)
"""
    (defect,) = detect(farm.submit(CHART + program).result())
    assert defect.kind == "clipped_text" and "left edge and " in defect.message and "right edge" in defect.message


def test_the_texts_of_a_chart_in_a_deck_are_read(farm):
    right = DECK.format(categories=["2021", "2022", "2023"], title="Sales")
    wrong = DECK.format(categories=["2021", "2022", "2030"], title="Losses")
    scene, reference = farm.render([wrong, right], "pptx")
    (defect,) = detect(scene, reference)
    assert defect.kind == "wrong_text" and "should be" in defect.message
    lines = {statement.line_start for statement in defect.statements}
    assert wrong.splitlines().index('frame.chart.chart_title.text_frame.text = "Losses"') + 1 in lines
    assert {"Sales", "2022", "Bikes"} <= {element.text for element in reference.elements}
    assert detect(reference, reference) == ()
