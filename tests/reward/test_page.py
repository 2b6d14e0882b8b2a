"""Rewards of pages and slides computed by hand; what a wrong rule would give is named beside each."""

import dataclasses

import numpy as np
import pytest

from vsdpo_jax.reward import score
from vsdpo_jax.types import Defect, Element, Scene

BLACK, WHITE, NAVY, RED = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.5), (1.0, 0.0, 0.0)
TITLE = Element("h1", (10.0, 5.0, 90.0, 15.0), "Rain", color=NAVY, background=WHITE)
ITEMS = tuple(
    Element("li", (10.0, top, 90.0, top + 8), words, color=BLACK, background=WHITE)
    for top, words in ((20.0, "Oslo: 4"), (30.0, "Rome: 2"), (40.0, "Lima: 7"))
)
CARD = Element("div", (60.0, 50.0, 90.0, 70.0), "13 mm", color=WHITE, background=NAVY)


def slide(*elements: Element, kind: str = "slide", size=(200, 100)) -> Scene:
    return Scene("<p>", kind, np.full((size[1], size[0], 3), 255, np.uint8), *size, elements)


REFERENCE = slide(TITLE, *ITEMS, CARD)


def parts(*elements: Element) -> dict[str, float]:
    return score(slide(*elements), REFERENCE, ()).parts


def test_the_reference_itself_is_worth_one():
    assert score(REFERENCE, REFERENCE, ()).total == 1.0


def test_every_color_of_the_palette_counts_the_same():
    # Three looks: the title, the items, the card. Counted by texts, the title would be one of five.
    wrong_title = dataclasses.replace(TITLE, color=RED)
    assert parts(wrong_title, *ITEMS, CARD)["color"] == pytest.approx(2 / 3)
    wrong_items = [dataclasses.replace(item, color=RED) for item in ITEMS]
    assert parts(TITLE, *wrong_items, CARD)["color"] == pytest.approx(2 / 3)
    # One of three items: a third of a third.
    assert parts(TITLE, wrong_items[0], *ITEMS[1:], CARD)["color"] == pytest.approx(8 / 9)


def test_what_is_behind_a_text_counts_as_the_text_does():
    # The letters are right, the card is not. A look at the letters alone would find nothing wrong.
    assert parts(TITLE, *ITEMS, dataclasses.replace(CARD, background=RED))["color"] == pytest.approx(2 / 3)
    # Distance 0.25 of the range 0.5 behind, 0.1 in front: the worse of the two, one half of this look.
    near = dataclasses.replace(CARD, color=(1.0, 1.0, 0.9), background=(0.0, 0.25, 0.5))
    assert parts(TITLE, *ITEMS, near)["color"] == pytest.approx((1 + 1 + 0.5) / 3)
    # What lies on a picture has no color behind it to compare.
    assert parts(TITLE, *ITEMS, dataclasses.replace(CARD, background=None))["color"] == 1.0


def test_the_text_of_a_deck_lies_on_the_shape_of_its_group():
    words = Element("text", (60.0, 50.0, 90.0, 70.0), "13 mm", color=WHITE, group="panel")
    shape = Element("rect", (60.0, 50.0, 90.0, 70.0), background=NAVY, group="panel")
    reference = slide(shape, words, kind="pptx")
    wrong = slide(dataclasses.replace(shape, background=RED), words, kind="pptx")
    assert score(wrong, reference, ()).parts["color"] == 0.0


def test_position_falls_with_the_way_to_the_right_place():
    # A quarter of the width, of the range of one half, for one of five texts.
    moved = dataclasses.replace(CARD, box=(10.0, 50.0, 40.0, 70.0))
    assert parts(TITLE, *ITEMS, moved)["position"] == pytest.approx((4 + 0.5) / 5)


def test_the_total_is_the_mean_of_four_times_shape_times_cleanliness():
    scene = slide(dataclasses.replace(TITLE, color=RED), *ITEMS, CARD)
    # A fifth part that every slide has in full would leave 0.933.
    assert score(scene, REFERENCE, ()).total == pytest.approx((3 + 2 / 3) / 4)
    assert score(scene, REFERENCE, (Defect("overlap", "overlap"),)).total == pytest.approx((3 + 2 / 3) / 4 * 2 / 3)
    # Twice as tall as it should be, positions as before in shares of the canvas.
    tall = slide(kind="web", size=(200, 200))
    assert score(tall, slide(kind="web"), ()).parts["shape"] == 0.5


def test_a_page_without_the_right_texts_has_no_color_and_no_position():
    found = parts(dataclasses.replace(CARD, text="else"))
    assert (found["color"], found["position"]) == (0.0, 0.0)
