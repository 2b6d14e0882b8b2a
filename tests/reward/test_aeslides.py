"""AeSlides' rules: published values, hand-worked trees, and slides whose flaw is known."""

import math

import numpy as np
import pytest

from vsdpo_jax.reward import aeslides, slide_tree, whitespace
from vsdpo_jax.reward.slide_collision import collision
from vsdpo_jax.reward.slide_tree import SlideNode, SlideTree
from vsdpo_jax.types import Element, Scene, Statement


def node(tag="div", box=(0, 0, 100, 100), parent=-1, **rest):
    return SlideNode(tag=tag, box=box, full=rest.pop("full", box), parent=parent, **rest)


def text(box, parent=0, length=20, **rest):
    return node("p", box, parent, text_length=length, is_text=True, lines=(box,), full_lines=(box,), **rest)


def tree(*nodes):
    return SlideTree(1280, 720, (node("body", (0, 0, 1280, 720)), *nodes))


@pytest.mark.parametrize(
    ("height", "expected"),
    [(720, 1.0), (700, 0.987), (721, 0.99997), (741, 0.9869), (760, 0.942), (780, 0.815), (800, 0.637), (850, 0.233),
     (900, 0.053), (960, 0.0052), (1000, 0.0009)],
)  # fmt: skip
def test_aspect_has_the_published_values(height, expected):
    assert aeslides.aspect(1280, height) == pytest.approx(expected, abs=6e-4)


def test_aspect_of_nothing_is_zero():
    assert aeslides.aspect(1280, 0) == aeslides.aspect(0, 720) == 0.0


def test_smoothstep():
    assert aeslides.smoothstep(0.8) == 0.0
    assert aeslides.smoothstep(0.995) == 1.0
    assert aeslides.smoothstep(0.8975) == pytest.approx(0.5)
    # u = 1/4: 3/16 - 2/64.
    assert aeslides.smoothstep(0.8 + 0.195 / 4) == pytest.approx(0.15625)


def test_centroid_by_hand():
    """A text of 200 x 100 at the left and a picture of 100 x 100 at the right.

    Centers 200 and 1150, weights 20,000 and 10,000: centroid (200 * 2 + 1150) / 3 = 516.67, 360; the distance is
    (516.67 / 1280 - 0.5) / 0.0075 = 12.85 tolerances.
    """
    slide = tree(text((100, 310, 300, 410)), node("img", (1100, 310, 1200, 410), 0, is_image=True))
    assert aeslides.imbalance_distance(slide) == pytest.approx((0.5 - 516.6667 / 1280) / 0.0075, rel=1e-4)
    low = tree(text((540, 500, 740, 600)))
    assert aeslides.imbalance_distance(low) == pytest.approx((550 / 720 - 0.5) / 0.145)


def test_long_texts_weigh_by_their_lines_and_short_ones_by_their_box():
    """The box is centered, its lines are not."""
    lines = ((0, 300, 400, 320), (0, 330, 400, 350))
    long = node("p", (0, 300, 1280, 350), 0, text_length=41, is_text=True, lines=lines)
    short = node("p", (0, 300, 1280, 350), 0, text_length=40, is_text=True, lines=lines)
    assert aeslides.imbalance_distance(tree(long)) > 40
    assert aeslides.imbalance_distance(tree(short)) == pytest.approx((0.5 - 325 / 720) / 0.145)


def test_what_counts_towards_the_centroid():
    """Each of these would pull the centroid to the left if it counted."""
    middle = text((600, 340, 680, 380))
    left = (0, 320, 300, 400)
    ignored = (
        node("div", left, 0, background_alpha=1.0),
        node("img", left, 0, is_image=True, opacity=0.04),
        node("img", left, 0, is_image=True, kept=False),
        node("html", left, 0, text_length=5, is_text=True),
        node("div", (0, 0, 1200, 720), 0, background_image=True),
    )
    for one in ignored:
        assert aeslides.imbalance_distance(tree(middle, one)) == pytest.approx(0.0), one
    counted = (
        node("img", left, 0, is_image=True),
        node("i", left, 0, is_icon=True),
        node("input", left, 0),
        node("div", left, 0, background_image=True),
    )
    weights = [aeslides.imbalance_distance(tree(middle, one)) for one in counted]
    assert min(weights) > 1
    # An icon weighs half.
    assert weights[1] < weights[0] == weights[2] == weights[3]


def test_a_background_counts_as_far_as_nothing_covers_it():
    """300 x 80 of background, of which a child covers 200 x 80: 8,000 are left, a third."""
    child = text((0, 320, 200, 400), parent=1)
    slide = tree(node("div", (0, 320, 300, 400), 0, background_image=True), child)
    across = (8000 * 150 + 16000 * 100) / 24000
    assert aeslides.imbalance_distance(slide) == pytest.approx((0.5 - across / 1280) / 0.0075)
    full = tree(node("div", (0, 320, 300, 400), 0, background_image=True), text((0, 320, 300, 400), parent=1))
    assert aeslides.imbalance_distance(full) == pytest.approx((0.5 - 150 / 1280) / 0.0075)


def test_imbalance_as_a_score():
    assert aeslides.balance(None) == 0.0
    assert aeslides.balance(0.99) == aeslides.balance(1.0) == 1.0
    assert aeslides.balance(3.0) == pytest.approx(math.exp(-1))


def test_a_blank_slide_has_nothing_but_its_shape():
    scores = aeslides.score(tree(), 720, 0.0)
    assert scores.values == {"aspect": 1.0, "whitespace": 0.0, "imbalance": 0.0, "collision": 0.0}


def test_collisions():
    """The three kinds, and what is meant to be so."""
    first, second = text((100, 100, 300, 140)), text((100, 200, 300, 240))
    assert collision(tree(first, second)).score == 1.0
    over = text((150, 110, 350, 150))
    result = collision(tree(first, over, second))
    # Three texts of the same size; two of them are spoiled.
    assert result.score == pytest.approx(1 / 3)
    assert "cover each other" in result.defects[0]
    off = text((1200, 600, 1300, 640))
    assert "20 px off the slide" in collision(tree(first, off)).defects[0]
    card = node("div", (100, 100, 200, 150), 0, background_alpha=1.0)
    wide = text((110, 110, 260, 140), parent=1)
    assert "60 px out of its div" in collision(tree(card, wide)).defects[0]


def test_what_is_no_collision():
    card = node("div", (100, 100, 300, 200), 0, background_alpha=1.0)
    badge = text((280, 90, 320, 110), parent=1, positioned=True)
    assert collision(tree(card, badge)).score == 1.0
    picture = node("img", (100, 100, 500, 400), 0, is_image=True)
    caption = text((120, 350, 400, 380), positioned=True)
    assert collision(tree(picture, caption)).score == 1.0
    # A text that happens to lie there was not put there.
    assert collision(tree(picture, text((120, 350, 400, 380)))).score == 0.0
    backdrop = node("img", (0, 0, 1280, 720), 0, is_image=True)
    assert collision(tree(backdrop, caption)).score == 1.0
    # A link inside a paragraph lies on it by nature.
    outer = text((100, 100, 400, 140))
    assert collision(tree(outer, text((150, 100, 250, 140), parent=1))).score == 1.0
    # Neighbouring lines touch with the room above and below their letters.
    assert collision(tree(text((100, 100, 300, 140)), text((100, 132, 300, 172)))).score == 1.0


def test_small_clean_texts_do_not_hide_a_large_broken_one():
    """sqrt(40,000) of 200 + 10 * sqrt(100) is spoiled: 1/3 is left, not 10/11."""
    small = [text((100 + 30 * i, 600, 110 + 30 * i, 610)) for i in range(10)]
    broken = text((1100, 100, 1300, 300))
    trimmed = SlideTree(1280, 720, tree(broken, *small).nodes, trimmed=True)
    assert collision(trimmed).score == pytest.approx(100 / 300)


def test_local_deviation_equals_its_definition():
    """At some places, corners among them, without running sums."""
    rng = np.random.default_rng(1)
    image = np.full((170, 230, 3), 250, np.uint8)
    image[20:60, 5:90] = rng.integers(150, 255, (40, 85, 3))
    red, green, blue = (image[..., c].astype(int) for c in range(3))
    gray = ((4899 * red + 9617 * green + 1868 * blue + 8192) >> 14).astype(float)
    kernel = np.exp(-(np.arange(-10, 11) ** 2) / 24.5)
    kernel /= kernel.sum()
    for axis in (0, 1):
        padded = np.pad(gray, [(10, 10) if k == axis else (0, 0) for k in (0, 1)], mode="reflect")
        gray = np.apply_along_axis(np.convolve, axis, padded, kernel, mode="valid")
    around = np.pad(gray, ((75, 75), (100, 100)), mode="symmetric")
    found = whitespace.local_deviation(image)
    for row, column in ((0, 0), (169, 229), (40, 40), (0, 120), (100, 3), (85, 115)):
        assert found[row, column] == pytest.approx(around[row : row + 151, column : column + 201].std(), abs=2e-3)
    assert found.max() > 5 * found.min()


def test_the_margins_are_left_out():
    """Noise in the top seventh only: the window reaches 75 rows further, so part of the rest is filled."""
    image = np.full((720, 1280, 3), 255, np.uint8)
    image[:30] = np.random.default_rng(0).integers(0, 255, (30, 1280, 3))
    whole, inner = whitespace.content_ratios(image)
    # Rows up to 30 + 75 and a blurred edge of 720; the margin ends at row 108.
    assert 105 / 720 <= whole < 120 / 720
    assert inner < 12 / 540


def test_whitespace_equals_opencv():
    import cv2

    rng = np.random.default_rng(0)
    image = np.full((400, 700, 3), 240, np.uint8)
    for _ in range(6):
        top, left = rng.integers(0, 350), rng.integers(0, 600)
        image[top : top + 12, left : left + 90] = rng.integers(0, 255, (12, 90, 3))
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (21, 21), 0)
    means = [
        cv2.boxFilter(values, -1, (201, 151), normalize=True, borderType=cv2.BORDER_REFLECT)
        for values in (gray, gray**2)
    ]
    filled = np.clip(np.sqrt(np.maximum(means[1] - means[0] ** 2, 0)), 0, 50) / 50 > 0.05
    wanted = filled.mean(), filled[60:360, 70:630].mean()
    assert 0.2 < wanted[0] < 0.98
    assert whitespace.content_ratios(image) == pytest.approx(wanted, abs=1e-3)
    assert whitespace.rough_content_ratio(image) == pytest.approx(wanted[1], abs=0.02)


def test_the_tree_of_an_html_scene_is_nested_as_its_source():
    """<div><p>some words</p><img></div>"""
    whole, inner, image = Statement(0, 50, 1, 1), Statement(5, 30, 1, 1), Statement(31, 44, 1, 1)
    scene = Scene(
        "x" * 50,
        "slide",
        image=np.zeros((720, 1280, 3), np.uint8),
        width=1280,
        height=720,
        elements=(
            Element("div", (0, 0, 600, 400), background=(1, 1, 1), statements=(whole,)),
            Element("p", (10, 10, 300, 40), statements=(inner,)),
            Element("p", (10, 14, 100, 36), text="some words", font_size=20, statements=(inner,)),
            Element("img", (10, 60, 90, 120), statements=(image,)),
        ),
        statements=(whole, inner, image),
    )
    (made,) = slide_tree.from_scene(scene)
    by_tag = {n.tag: n for n in made.nodes}
    assert made.nodes[by_tag["p"].parent].tag == made.nodes[by_tag["img"].parent].tag == "div"
    assert by_tag["p"].full_lines == ((10, 14, 100, 36),)
    assert by_tag["div"].text_length == by_tag["p"].text_length == len("some words")
    assert by_tag["img"].is_image and not by_tag["div"].is_text
    assert collision(made).score == 1.0


def test_every_slide_of_a_deck_has_its_tree():
    slides = [(0.0, 720.0 * k, 1280.0, 720.0 * (k + 1)) for k in range(2)]
    elements = (
        Element("text", (100, 100, 300, 130), text="first", font_size=20, clip=slides[0], group="slide0/shape2"),
        Element("picture", (100, 820, 300, 900), clip=slides[1], group="slide1/shape2"),
    )
    image = np.zeros((2160, 1280, 3), np.uint8)
    scene = Scene("", "pptx", image=image, width=1280, height=2160, elements=elements)
    first, second, blank = slide_tree.from_scene(scene)
    assert [n.full_lines for n in first.nodes] == [((100, 100, 300, 130),)]
    assert [n.full for n in second.nodes] == [(100, 100, 300, 180)]
    assert blank.nodes == () and blank.height == 720


@pytest.mark.parametrize("broken", [{}, {"view": [1280, 720]}, {"view": [1280, 720], "nodes": [{"parent": 7}]}])
def test_a_forged_report_is_refused(broken):
    with pytest.raises(ValueError, match="malformed"):
        slide_tree.from_report(broken)
