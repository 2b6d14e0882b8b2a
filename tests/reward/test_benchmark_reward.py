"""r_vis from the benchmarks' scores: on scenes of the real browser, and what it is made of."""

import pytest

from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.reward import aeslides, design2code, score, slide_tree, whitespace
from vsdpo_jax.rollout.collect import Grading
from vsdpo_jax.types import RenderError, Scene

PAGE = """<!doctype html><html><style>body{{font-family:Arial;margin:40px}}h1{{color:{color}}}</style>
<body><h1>Harbour timetable</h1><p>The first boat leaves at six.</p>{more}</body></html>"""
SLIDE = """<!doctype html><style>body{{margin:0}}.s{{width:1280px;height:{height}px;position:relative;background:#fff}}
.c{{position:absolute;top:{top}px;height:180px;width:520px;background:#246;color:#fff;font:24px/1.5 Arial}}</style>
<div class="s"><div class="c" style="left:80px">What the gauges said in the night before the flood came</div>
<div class="c" style="left:{second}px">Which walls held, which did not, and who was listening</div></div>"""


CHART = "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, 2], color='{color}')\nplt.title('Rain')\n"


@pytest.fixture(scope="module")
def farm():
    with RenderFarm(workers=1) as farm:
        yield farm


@pytest.fixture(scope="module")
def scenes(farm):
    """Name -> (scene, block scene or tree scene)."""
    pages = {
        "page": PAGE.format(color="#112233", more="<p>Bicycles travel free.</p>"),
        "other": PAGE.format(color="#cc1122", more=""),
        "slide": SLIDE.format(height=720, top=270, second=680),
        "tall": SLIDE.format(height=900, top=270, second=680),
        "collided": SLIDE.format(height=720, top=270, second=300),
    }
    futures = {
        name: (
            farm.submit(text, "web" if name in ("page", "other") else "slide"),
            farm.submit(text, "page_blocks" if name in ("page", "other") else "slide_tree"),
        )
        for name, text in pages.items()
    }
    return {name: tuple(future.result() for future in pair) for name, pair in futures.items()}


def test_a_page_is_worth_the_mean_of_the_four_scores_times_cleanliness(scenes):
    page, other = scenes["page"][0], scenes["other"][0]
    same = score(page, page, (), "benchmark")
    assert same.total == 1.0
    reward = score(other, page, (), "benchmark")
    four = [reward.parts[name] for name in design2code.NAMES]
    assert reward.total == pytest.approx(sum(four) / 4)
    assert reward.parts["block_match"] < 1 and reward.parts["color"] < 1
    # The default is another score; nobody's training changes by itself.
    assert score(other, page, ()).parts.keys() != reward.parts.keys()


def test_the_cheap_blocks_score_as_those_of_recolored_pixels(scenes):
    cheap = score(scenes["other"][0], scenes["page"][0], (), "benchmark").parts
    found, wanted = (design2code.page_blocks(scenes[name][1]) for name in ("other", "page"))
    assert len(found) == 2 and len(wanted) == 3
    for name, value in design2code.score(found, wanted).values.items():
        assert cheap[name] == pytest.approx(value, abs=0.06), name


def test_a_slide_is_worth_the_mean_of_the_four_rules(scenes):
    slide = scenes["slide"][0]
    reward = score(slide, None, (), "benchmark")
    assert reward.total == pytest.approx(sum(reward.parts[name] for name in aeslides.NAMES) / 4)
    assert reward.parts["aspect"] == reward.parts["collision"] == reward.parts["imbalance"] == 1.0
    tall = score(scenes["tall"][0], None, (), "benchmark")
    assert tall.parts["aspect"] == pytest.approx(aeslides.aspect(1280, 900), abs=1e-6)
    collided = scenes["collided"][0]
    assert score(collided, None, (), "benchmark").parts["collision"] == 0.0
    assert score(collided, None, detect(collided), "benchmark").total < score(collided, None, (), "benchmark").total


def test_a_slide_of_something_else_is_worth_less_than_the_rules_say(scenes):
    slide, page = scenes["slide"][0], scenes["page"][0]
    assert score(slide, page, (), "benchmark").total < 0.3 * score(slide, None, (), "benchmark").total
    assert score(slide, slide, (), "benchmark").total == pytest.approx(score(slide, None, (), "benchmark").total)


def test_the_cheap_tree_scores_as_the_published_one(scenes):
    for name in ("slide", "collided"):
        scene, measured = scenes[name]
        (cheap,) = slide_tree.from_scene(scene)
        published = slide_tree.from_report(measured.report)
        one, other = aeslides.imbalance_distance(cheap), aeslides.imbalance_distance(published)
        # The centroid within four pixels, of which 9.6 are one tolerance.
        assert one == pytest.approx(other, abs=0.4), name
        rough = whitespace.rough_content_ratio(scene.image)
        assert rough == pytest.approx(whitespace.content_ratios(measured.image)[1], abs=0.02)


def test_what_did_not_draw_is_worth_nothing():
    failed = Scene("", "slide", error=RenderError("timeout", "late"))
    assert score(failed, None, (), "benchmark").total == 0.0


def test_a_chart_is_rendered_with_the_traces_that_its_score_needs(farm):
    settings = Grading(alpha=4.0, feedback_chars=200, visual="benchmark")
    reference = settings.submit(farm, CHART.format(color="red"), "chart").result()
    same = settings.submit(farm, CHART.format(color="red"), "chart").result()
    other = settings.submit(farm, CHART.format(color="blue"), "chart").result()
    assert score(same, reference, (), "benchmark").total == 1.0
    reward = score(other, reference, (), "benchmark")
    assert reward.parts["type"] == reward.parts["text"] == reward.parts["layout"] == 1.0
    assert reward.parts["color"] < 0.6
    plain = Grading(alpha=4.0, feedback_chars=200).submit(farm, CHART.format(color="red"), "chart").result()
    assert plain.traces is None
