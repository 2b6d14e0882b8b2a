"""Rewards of charts computed by hand; what a wrong rule would give is named beside each."""

import dataclasses

import numpy as np
import pytest

from vsdpo_jax.reward import score
from vsdpo_jax.types import Defect, Element, RenderError, Scene

RED, BLUE, GREEN = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)


def bar(left: float, color=RED, kind: str = "bar") -> Element:
    return Element(kind, (left, 50 - left / 10, left + 8, 90.0), color=color, group="bars")


def words(text: str, kind: str = "title") -> Element:
    return Element(kind, (10.0, 0.0, 60.0, 12.0), text, font_size=12.0, group=kind)


AXES = Element("axes", (5.0, 5.0, 195.0, 95.0), group="axes0")
LEGEND = Element("legend", (150.0, 10.0, 190.0, 30.0), group="legend")


def chart(*elements: Element) -> Scene:
    return Scene("x = 1", "chart", np.zeros((100, 200, 3), np.uint8), 200, 100, elements)


def defects(*kinds: str) -> tuple[Defect, ...]:
    return tuple(Defect(kind, kind) for kind in kinds)


REFERENCE = chart(AXES, bar(20), bar(40), words("Rain"))


def test_the_reference_itself_is_worth_one():
    reward = score(REFERENCE, REFERENCE, ())
    assert (reward.total, reward.executed, reward.visual) == (1.0, 1.0, 1.0)
    assert set(reward.parts) == {"cleanliness", "type", "color", "text", "layout"}
    assert set(reward.parts.values()) == {1.0}


@pytest.mark.parametrize(("count", "expected"), [(0, 1.0), (1, 2 / 3), (2, 1 / 2), (6, 1 / 4)])
def test_each_defect_costs_less_than_the_one_before(count, expected):
    # Linear would give 0 for the sixth; a share of the defects would not fall at all.
    assert score(REFERENCE, REFERENCE, defects(*["overlap"] * count)).total == pytest.approx(expected)


def test_a_remark_costs_nothing():
    remark = dataclasses.replace(defects("overlap")[0], severity=0.0)
    assert score(REFERENCE, REFERENCE, (remark,)).total == 1.0


def test_differences_from_the_reference_do_not_count_twice():
    # They are in the similarity; as defects as well they would give 2/3 of it.
    found = defects("wrong_type", "wrong_color", "missing_text", "extra_text", "wrong_text", "wrong_layout")
    assert score(REFERENCE, REFERENCE, found).total == 1.0


def test_an_empty_render_and_a_failure_are_worth_nothing():
    empty = score(chart(), REFERENCE, defects("empty_render"))
    assert (empty.total, empty.executed) == (0.0, 1.0)
    failed = Scene("x", "chart", error=RenderError("python-error", "m"))
    assert score(failed, REFERENCE, defects("execution_error")) == score(failed, None, ())
    assert score(failed, None, ()).total == score(failed, None, ()).executed == 0.0


def test_without_a_reference_only_cleanliness_counts():
    assert score(REFERENCE, None, defects("overlap")).total == pytest.approx(2 / 3)
    failed = Scene("x", "chart", error=RenderError("python-error", "m"))
    assert score(REFERENCE, failed, ()).total == 1.0


def test_type_is_the_overlap_of_the_kinds_of_marks():
    # One kind in common of one and two: 2/3. Counting the marks would give 1/2 or 4/5.
    scene = chart(AXES, bar(20), bar(40), bar(60, kind="points"), words("Rain"))
    assert score(scene, REFERENCE, ()).parts["type"] == pytest.approx(2 / 3)
    # Horizontal bars are another type than vertical ones.
    lying = tuple(Element("bar", (10.0, top, 50.0 + top, top + 8), color=RED, group="bars") for top in (20.0, 40.0))
    assert score(chart(AXES, *lying, words("Rain")), REFERENCE, ()).parts["type"] == 0.0


def test_color_falls_with_the_distance_to_the_nearest_color():
    # Distance 0.25 of the range 0.5, both ways: one half. A test for equality would give 0.
    near = chart(AXES, bar(20, (1.0, 0.25, 0.0)), bar(40, (1.0, 0.25, 0.0)), words("Rain"))
    assert score(near, REFERENCE, ()).parts["color"] == pytest.approx(0.5)
    assert score(chart(AXES, bar(20, BLUE), bar(40, BLUE)), REFERENCE, ()).parts["color"] == 0.0
    # Found red and blue, wanted red: red is right both ways, blue has nothing near: 2/3. One way would give 1/2 or 1.
    assert score(chart(bar(20), bar(40, BLUE)), REFERENCE, ()).parts["color"] == pytest.approx(2 / 3)
    assert score(chart(words("Rain")), REFERENCE, ()).parts["color"] == 0.0


def test_text_counts_almost_right_words_by_their_letters():
    # "Rain" and "Rail" share 3 letters of 4: 2 * 3 / 8. Exact matching would give 0.
    scene = chart(AXES, bar(20), bar(40), words("Rail"))
    assert score(scene, REFERENCE, ()).parts["text"] == pytest.approx(0.75)
    # One of two texts is right: F1 of 1 in 2 and 1 in 1. Recall alone would give 1.
    scene = chart(AXES, bar(20), bar(40), words("Rain"), words("more", "axis_label"))
    assert score(scene, REFERENCE, ()).parts["text"] == pytest.approx(2 / 3)
    # The right words in the wrong place do not count.
    scene = chart(AXES, bar(20), bar(40), words("Rain", "axis_label"))
    assert score(scene, REFERENCE, ()).parts["text"] == 0.0


def test_texts_that_share_letters_by_chance_do_not_match():
    scene = chart(AXES, bar(20), bar(40), words("Iran"))
    assert score(scene, REFERENCE, ()).parts["text"] == 0.0


def test_layout_counts_plots_and_legends():
    # Axes in common, a legend too much: 2 * 1 / 3.
    scene = chart(AXES, LEGEND, bar(20), bar(40), words("Rain"))
    assert score(scene, REFERENCE, ()).parts["layout"] == pytest.approx(2 / 3)


def test_the_total_is_the_mean_of_the_similarities_times_cleanliness():
    # type 1, color 0, text 1, layout 1: 3/4, times 2/3 for one defect. A product of all would be 0.
    scene = chart(AXES, bar(20, GREEN), bar(40, GREEN), words("Rain"))
    assert score(scene, REFERENCE, defects("overlap", "wrong_color")).total == pytest.approx(0.75 * 2 / 3)


def test_an_unknown_kind_is_refused():
    with pytest.raises(KeyError):
        score(dataclasses.replace(REFERENCE, kind="poem"), None, ())
