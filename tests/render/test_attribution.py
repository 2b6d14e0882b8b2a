"""Every labelled element of the programs belongs to the statement that a person would name, and its box is drawn."""

import pytest

from tests.render.attributed import PROGRAMS


def matches(element, what: str) -> bool:
    if "=" in what:
        return f"{element.kind}={element.text}" == what
    kind, _, group = what.partition("@")
    return element.kind == kind and (element.group.endswith(group) or element.group.startswith(group + "/"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_elements_belong_to_the_expected_statements(farm, name):
    source, expected = PROGRAMS[name]
    scene = farm.submit(source).result()
    assert scene.error is None
    for what, fragment in expected.items():
        found = [element for element in scene.elements if matches(element, what)]
        assert found, f"no {what} in {sorted({(e.kind, e.group, e.text) for e in scene.elements})}"
        for element in found:
            first = element.statements[0] if element.statements else None
            said = source[first.start : first.end] if first else "nothing"
            assert fragment in said, (what, element.text, said)
            inner = [s for s in scene.statements if first.start <= s.start and s.end <= first.end and s != first]
            assert not any(fragment in source[s.start : s.end] for s in inner), f"{what}: a smaller statement says it"


def test_every_text_and_mark_has_a_statement_and_a_box_of_its_own(farm):
    scenes = [farm.submit(source).result() for source, _ in PROGRAMS.values()]
    elements = [(scene, element) for scene in scenes for element in scene.elements]
    assert len(elements) > 250
    lost = [(element.kind, element.text) for _, element in elements if not element.statements]
    assert lost == []
    for scene, element in elements:
        left, top, right, bottom = element.box
        assert left <= right and top <= bottom
        assert all(statement in scene.statements for statement in element.statements)


def test_axes_of_subfigures_are_there_once(farm):
    source = "import matplotlib.pyplot as plt\nleft, right = plt.figure().subfigures(1, 2)\n"
    source += "left.subplots().plot([1, 2])\nright.subplots().bar([1], [2])\nright.suptitle('t')\n"
    elements = farm.submit(source).result().elements
    kinds = [element.kind for element in elements if element.kind != "tick_label"]
    assert sorted(kinds) == ["axes", "axes", "bar", "line", "title"]


def test_the_caller_of_a_helper_comes_after_the_helper(farm):
    source, _ = PROGRAMS["a helper and its callers"]
    scene = farm.submit(source).result()
    chains = {
        element.text: [source[s.start : s.end] for s in element.statements]
        for element in scene.elements
        if element.kind == "title"
    }
    assert chains == {
        "one": ["axes.set_title(title)", 'decorate(left, "one")'],
        "two": ["axes.set_title(title)", 'decorate(right, "two")'],
    }
