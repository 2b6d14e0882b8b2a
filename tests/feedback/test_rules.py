"""What counts as a defect and what does not, on scenes made by hand with known distances."""

import dataclasses

import numpy as np
import pytest

from tests.feedback.scenes import BLACK, ORANGE, WHITE, make_scene, mark, text
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.types import RenderError, Scene, Statement

# Something that a chart shows, out of the way: a title alone is an empty chart.
DATA = mark("bar", (90, 40, 130, 60))


def kinds(*elements, reference=None, **changes) -> list[str]:
    return [defect.kind for defect in detect(make_scene(*elements, **changes), reference)]


def test_a_text_inside_of_the_picture_is_fine():
    assert kinds(text("inside", (10, 10, 60, 24))) == []


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((160, 10, 230, 24), "the title runs 30 px past the right edge"),
        ((-20, 10, 60, 24), "the title runs 20 px past the left edge"),
        ((10, -8, 60, 6), "the title runs 8 px past the top edge"),
        ((10, 92, 60, 108), "the title runs 8 px past the bottom edge"),
    ],
)
def test_a_text_over_the_edge_is_clipped_by_the_measured_distance(box, message):
    (defect,) = detect(make_scene(text("over", box, kind="title", line=2), DATA))
    assert (defect.kind, defect.message, defect.boxes, defect.elements) == ("clipped_text", message, (box,), (0,))
    assert [statement.line_start for statement in defect.statements] == [2]


def test_a_pixel_over_the_edge_is_no_defect():
    assert kinds(text("almost", (150, 10, 201, 24))) == []


def test_empty_room_of_a_text_box_may_lie_outside():
    # The box keeps room for descenders; nothing is drawn in its last rows.
    scene = make_scene(text("no tails", (10, 90, 60, 103)))
    scene.image[97:] = 255
    assert detect(scene) == ()


def test_a_text_is_clipped_by_its_own_box_too():
    (defect,) = detect(make_scene(text("in a cell", (10, 10, 90, 24), clip=(0, 0, 50, 50))))
    assert defect.kind == "clipped_text" and "40 px past the right edge" in defect.message


def test_a_text_outside_is_off_the_canvas_and_not_also_clipped():
    assert kinds(text("inside", (10, 10, 60, 24)), text("gone", (300, 10, 350, 24))) == ["off_canvas"]


def test_two_texts_that_share_pixels_overlap_and_neighbours_do_not():
    first = text("first", (10, 10, 60, 24), line=1)
    (defect,) = detect(make_scene(first, text("second", (40, 10, 90, 24), line=3)))
    assert (defect.kind, defect.elements) == ("overlap", (0, 1))
    assert {statement.line_start for statement in defect.statements} == {1, 3}
    assert kinds(first, text("second", (60, 10, 110, 24))) == []
    assert kinds(first, text("below", (10, 24, 60, 38))) == []
    # Boxes of text include spacing: two pixels are nothing.
    assert kinds(first, text("tight", (10, 22, 60, 36))) == []


def test_a_label_inside_of_its_bar_is_fine_and_one_across_its_edge_is_not():
    bar = mark("bar", (20, 20, 60, 90))
    assert kinds(bar, text("5", (30, 30, 50, 44))) == []
    assert kinds(bar, text("5", (30, 4, 50, 18))) == []
    assert kinds(bar, text("wide label", (40, 30, 90, 44))) == ["overlap"]


def test_what_lies_in_front_of_the_data_is_to_blame_and_not_the_data():
    bar = mark("bar", (20, 20, 100, 90), line=1)
    label = text("wide label", (80, 30, 140, 44), line=2)
    (defect,) = detect(make_scene(bar, label))
    assert defect.boxes == (label.box,)


def test_a_line_through_the_middle_of_a_text_crosses_it_and_one_along_its_edge_does_not():
    words = text("crossed", (50, 40, 110, 54))
    through = mark("line", (0, 46, 200, 48), parts=tuple((x, 46.0, x + 8.0, 48.0) for x in range(0, 200, 8)))
    beside = mark("line", (0, 53, 200, 55), parts=tuple((x, 53.0, x + 8.0, 55.0) for x in range(0, 200, 8)))
    assert kinds(through, words) == ["overlap"]
    assert kinds(beside, words) == []


def test_a_text_with_a_frame_of_its_own_may_lie_on_a_line():
    line = mark("line", (0, 46, 200, 48), parts=((0.0, 46.0, 200.0, 48.0),))
    frame = mark("frame", (46, 36, 114, 58), color=WHITE)
    assert kinds(line, frame, text("framed", (50, 40, 110, 54))) == []


def test_a_legend_may_touch_the_bars_but_not_lie_on_them():
    bar = mark("bar", (20, 20, 60, 90))
    assert kinds(bar, mark("legend", (60, 10, 120, 40), group="legend", color=WHITE)) == []
    (defect,) = detect(make_scene(bar, mark("legend", (30, 10, 90, 40), group="legend", color=WHITE)))
    assert (defect.kind, defect.message) == ("overlap", "the legend overlaps the bars")


@pytest.mark.parametrize(
    ("color", "expected"),
    # Contrast on white: 1.6, 2.3, 3.4 and 21.
    [
        ((0.8, 0.8, 0.8), ["low_contrast"]),
        ((0.67, 0.67, 0.67), ["low_contrast"]),
        ((0.55, 0.55, 0.55), []),
        (BLACK, []),
    ],
)
def test_contrast(color, expected):
    assert kinds(text("words", (10, 10, 60, 24), color=color)) == expected


def test_contrast_is_that_with_the_pixels_behind_not_with_the_declared_background():
    bar = mark("bar", (0, 0, 200, 90), color=BLACK)
    dark = text("dark", (10, 10, 60, 24), color=(0.1, 0.1, 0.1), background=WHITE)
    assert kinds(bar, dark) == ["low_contrast"]


def test_small_text():
    assert kinds(text("tiny", (10, 10, 30, 16), font_size=6.0), DATA) == ["unreadable_size"]
    assert kinds(text("small", (10, 10, 30, 17), font_size=7.0)) == []


def test_missing_glyphs_are_charged_to_the_texts_that_have_them():
    warning = "Glyph 26085 (\\N{CJK UNIFIED IDEOGRAPH-65E5}) missing from font(s) DejaVu Sans."
    elements = text("日", (10, 10, 30, 24), line=1), text("plain", (50, 10, 90, 24), line=2)
    (defect,) = detect(make_scene(*elements, warnings=(warning,)))
    assert (defect.kind, defect.elements) == ("missing_glyph", (0,)) and "'日'" in defect.message


def test_a_blank_picture_is_the_only_defect():
    blank = dataclasses.replace(make_scene(text("gone", (300, 0, 350, 9))), image=np.full((100, 200, 3), 255, np.uint8))
    assert [defect.kind for defect in detect(blank)] == ["empty_render"]


def test_a_chart_without_data_is_empty():
    assert kinds(text("Title", (10, 10, 60, 24), kind="title")) == ["empty_render"]


def test_an_error_is_the_only_defect_and_names_its_statement():
    statement = Statement(0, 5, 1, 1)
    scene = Scene("a = 1", "chart", error=RenderError("python-error", "NameError: b", statement=statement))
    (defect,) = detect(scene)
    assert (defect.kind, defect.message, defect.statements) == ("execution_error", "NameError: b", (statement,))


def test_the_gravest_kind_comes_first():
    found = kinds(
        text("tiny and pale", (10, 70, 40, 76), font_size=5.0, color=(0.9, 0.9, 0.9)),
        text("cut", (170, 10, 240, 24)),
    )
    assert found == ["clipped_text", "low_contrast", "unreadable_size"]


def test_differences_from_a_reference():
    bar, title = mark("bar", (20, 20, 60, 90)), text("Rain", (80, 5, 120, 19), kind="title")
    reference = make_scene(bar, title)
    assert kinds(bar, title, reference=reference) == []
    assert kinds(bar, reference=reference) == ["missing_text"]
    assert kinds(bar, title, text("more", (80, 50, 120, 64)), reference=reference) == ["extra_text"]
    assert kinds(bar, dataclasses.replace(title, text="Snow"), reference=reference) == ["wrong_text"]
    assert kinds(dataclasses.replace(bar, color=ORANGE), title, reference=reference) == ["wrong_color"]
    assert kinds(dataclasses.replace(bar, kind="points"), title, reference=reference) == ["wrong_type"]
    # Numbers on an axis are the renderer's own choice.
    ticks = text("25", (5, 80, 15, 94), kind="tick_label")
    assert kinds(bar, title, ticks, reference=reference) == []


def test_what_differs_from_a_reference_is_told_beside_what_it_has():
    green, blue = (0.0, 128 / 255, 0.0), (0.0, 0.0, 0.5)

    def messages(*elements, reference, **changes):
        found = detect(make_scene(*elements, **changes), make_scene(*reference, **changes))
        return [defect.message for defect in found]

    bar, other = mark("bar", (20, 20, 60, 90), color=green), mark("bar", (90, 20, 130, 90), color=ORANGE, group="two")
    # What the scene has already is not what is missing.
    wrong = dataclasses.replace(bar, color=(1.0, 0.0, 0.0))
    assert messages(wrong, other, reference=(bar, other)) == ["the bars are 'red' instead of 'green'"]
    points = dataclasses.replace(bar, kind="points")
    assert messages(points, reference=(bar,)) == ["the chart shows points instead of vertical bars ('bar')"]
    heads = [text(words, (10, top, 60, top + 12), color=green) for words, top in (("Rain", 10), ("Sun", 40))]
    item = text("Oslo", (10, 70, 60, 82), background=blue, color=WHITE)
    blues = [dataclasses.replace(head, color=blue) for head in heads]
    paler = dataclasses.replace(item, background=(0.1, 0.2, 0.3))
    assert messages(*blues, paler, reference=(*heads, item), kind="web") == [
        "the texts 'Rain' and 'Sun' are 'navy' instead of 'green'",
        "the text 'Oslo' is on '#1a334c' instead of 'navy'",
    ]


def test_a_label_that_runs_into_the_next_plot_overlaps_it():
    left, right = (
        mark("axes", (x, 10, x + 80, 80), group=group, color=WHITE) for x, group in ((10, "axes0"), (110, "axes1"))
    )
    bars = [mark("bar", (x, 40, x + 20, 80), group=f"{group}/bars0") for x, group in ((30, "axes0"), (150, "axes1"))]
    label = text("long name", (70, 50, 125, 64), kind="tick_label", group="axes1/yticks", line=2)
    (defect,) = detect(make_scene(left, right, *bars, label))
    assert (defect.kind, defect.message) == ("overlap", "the y tick labels overlap the next plot")
    assert defect.boxes == (label.box,) and defect.statements[0].line_start == 2
    # Its own plot lies there as well: an inset, or a second axis.
    around = mark("axes", (0, 0, 200, 100), group="axes0", color=WHITE)
    assert kinds(around, right, *bars, label) == []


def test_a_legend_over_a_thin_line_hides_it():
    pieces = tuple((float(x), 30.0, x + 8.0, 31.0) for x in range(0, 160, 8))
    line = mark("line", (0, 30, 160, 31), group="axes0/line0", parts=pieces)
    legend = mark("legend", (60, 15, 140, 45), group="legend", color=WHITE)
    (defect,) = detect(make_scene(line, legend))
    assert (defect.kind, defect.message) == ("overlap", "the legend overlaps the line")
    # It ends where the legend begins, give or take a few pixels.
    short = dataclasses.replace(line, parts=pieces[:9], box=(0, 30, 72, 31))
    assert kinds(short, legend) == []


def test_several_lines_of_a_plot_are_one_defect():
    lines = [
        mark("line", (0, y, 200, y + 2), group=f"axes0/line{y}", parts=((0.0, y, 200.0, y + 2.0),)) for y in (30, 60)
    ]
    labels = [text(str(y), (50, y - 6, 80, y + 8), kind="annotation", group="axes0/text", line=2) for y in (30, 60)]
    (defect,) = detect(make_scene(*lines, *labels))
    assert defect.message == "the value labels overlap the lines"


def test_decoration_may_be_pale():
    assert kinds(text("“", (10, 10, 60, 64), color=(0.9, 0.9, 0.9)), DATA) == []
    assert kinds(text("a", (10, 10, 60, 64), color=(0.9, 0.9, 0.9)), DATA) == ["low_contrast"]


def test_one_rule_behind_several_tags_is_one_defect_of_a_page():
    rule = make_scene().statements[2]
    tags = [
        text(
            word,
            (10, y, 60, y + 14),
            group=f"node{y}/small",
            line=line,
            color=(0.85, 0.85, 0.85),
            styles=(("color", rule),),
        )
        for word, y, line in (("per month", 10, 1), ("per year", 40, 2))
    ]
    (defect,) = detect(make_scene(*tags, kind="web"))
    assert defect.message == "the texts 'per month' and 'per year' have a contrast of only 1.4"
    assert defect.statements[0] == rule
    # Each by itself, where nothing says that they belong together.
    alone = [dataclasses.replace(tag, styles=()) for tag in tags]
    assert kinds(*alone, kind="web") == ["low_contrast", "low_contrast"]
