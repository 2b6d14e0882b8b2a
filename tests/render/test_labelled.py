"""Of all visible elements at least 99% (98% on pages) belong to the line that a person named, or could have named."""

import dataclasses

import pytest

from tests.render.labelled import Judgement, judge, read
from tests.render.labelled_charts import CHARTS
from tests.render.labelled_deck_objects import OBJECT_DECKS
from tests.render.labelled_decks import DECKS
from tests.render.labelled_library_charts import LIBRARY_CHARTS
from tests.render.labelled_pages import PAGES
from tests.render.labelled_panels import PANELS
from tests.render.labelled_scripts import SCRIPTED_PAGES

# Programs, the share of elements that must be right, and the share that a person has judged one by one.
CORPORA = {
    "chart": (CHARTS | PANELS | LIBRARY_CHARTS, 0.99, 0.9),
    "pptx": (DECKS | OBJECT_DECKS, 0.99, 0.8),
    "web": (PAGES | SCRIPTED_PAGES, 0.98, 0.65),
}


def judgement(farm, kind: str, programs: dict[str, str]) -> Judgement:
    marked = {name: read(text) for name, text in programs.items()}
    futures = {name: farm.submit(source, kind) for name, (source, _) in marked.items()}
    judged = visible = 0
    wrong = []
    for name, future in futures.items():
        scene = future.result()
        assert scene.error is None, (name, scene.error)
        one = judge(scene, marked[name][1])
        judged, visible = judged + one.judged, visible + one.visible
        wrong += [f"{name}: {problem}" for problem in one.wrong]
    return Judgement(judged, visible, tuple(wrong))


@pytest.mark.parametrize("kind", CORPORA)
def test_some_programs_of_each_kind(farm, kind):
    programs = CORPORA[kind][0]
    some = dict(list(programs.items())[::10])
    assert judgement(farm, kind, some).wrong == ()


@pytest.mark.slow
@pytest.mark.parametrize("kind", CORPORA)
def test_all_programs(farm, kind):
    programs, least, by_hand = CORPORA[kind]
    found = judgement(farm, kind, programs)
    assert len(programs) >= 60 and found.judged > by_hand * found.visible, found
    assert len(found.wrong) <= (1 - least) * found.judged, "\n".join(found.wrong)


def test_a_wrong_line_and_a_mark_without_an_element_are_seen(farm):
    source, expected = read("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('t')  #> line; legend\n")
    wrong = judge(farm.submit(source).result(), expected).wrong
    assert wrong == ("nothing is 'legend'", "line '' (line): line [2] instead of 3")


def test_an_implausible_statement_is_seen_without_a_mark(farm):
    scene = farm.submit("<p>one</p>\n<b>two</b>", "web").result()
    assert judge(scene, {"=one": 1, "=two": 2}).wrong == ()
    forged = [e for e in scene.elements if e.kind == "b" and not e.text][0]
    paragraph = next(e for e in scene.elements if e.kind == "p").statements
    elements = tuple(dataclasses.replace(e, statements=paragraph) if e is forged else e for e in scene.elements)
    wrong = judge(dataclasses.replace(scene, elements=elements), {"=one": 1, "=two": 2}).wrong
    assert wrong == ("b '' belongs to '<p>one</p>'",)
