"""Of all elements that a person has judged, at least 99% (98% on pages) belong to the line that the person named."""

import pytest

from tests.render.labelled import Judgement, judge, read
from tests.render.labelled_charts import CHARTS
from tests.render.labelled_decks import DECKS
from tests.render.labelled_pages import PAGES

CORPORA = {"chart": (CHARTS, 0.99), "pptx": (DECKS, 0.99), "web": (PAGES, 0.98)}


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
    programs, _ = CORPORA[kind]
    some = dict(list(programs.items())[::7])
    assert judgement(farm, kind, some).wrong == ()


@pytest.mark.slow
@pytest.mark.parametrize("kind", CORPORA)
def test_all_programs(farm, kind):
    programs, least = CORPORA[kind]
    found = judgement(farm, kind, programs)
    assert len(programs) >= 40 and found.judged > 0.6 * found.visible
    assert len(found.wrong) <= (1 - least) * found.judged, "\n".join(found.wrong)


def test_a_wrong_line_and_a_mark_without_an_element_are_seen(farm):
    source, expected = read("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('t')  #> line; legend\n")
    wrong = judge(farm.submit(source).result(), expected).wrong
    assert wrong == ("nothing is 'legend'", "line '' (line): line [2] instead of 3")
