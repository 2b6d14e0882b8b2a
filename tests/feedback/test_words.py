"""What elements are called in messages."""

import pytest

from tests.feedback.scenes import mark, text
from vsdpo_jax.feedback.words import are, name_of, quoted, thing

BOX = (0.0, 0.0, 10.0, 10.0)


def texts(*words):
    return [text(word, BOX, group="axes0/text") for word in words]


@pytest.mark.parametrize(
    ("elements", "name", "verb"),
    [
        (texts("rent"), "the text 'rent'", "is"),
        (texts("rent", "tax"), "the texts 'rent' and 'tax'", "are"),
        (texts("a", "b", "c", "d"), "the texts 'a', 'b' and 2 more", "are"),
        (texts("per month", "per month"), "the texts 'per month'", "are"),
        ([text("12", BOX, kind="tick_label", group="axes0/yticks")], "the y tick labels", "are"),
        ([text("Year", BOX, kind="axis_label", group="axes0/xlabel")], "the x axis label", "is"),
        ([text("T", BOX, kind="title")], "the title", "is"),
        ([mark("line", BOX, group="axes0/line1")], "the line", "is"),
        ([mark("line", BOX, group="axes0/line1"), mark("line", BOX, group="axes0/line2")], "the lines", "are"),
        ([mark("bar", BOX), mark("bar", BOX)], "the bars", "are"),
        ([mark("img", BOX), mark("img", BOX)], "the pictures", "are"),
        ([mark("text_box", BOX)], "the text box", "is"),
    ],
)
def test_names(elements, name, verb):
    assert (name_of(elements), are(elements)) == (name, verb)


def test_an_element_that_is_listed_twice_is_one():
    (one,) = texts("rent")
    assert (name_of([one, one]), are([one, one])) == ("the text 'rent'", "is")


def test_long_texts_end_in_a_mark_and_not_in_a_space():
    assert quoted("the end of the long road home") == "'the end of the long roa…'"
    assert quoted("one two three four five six seven") == "'one two three four five…'"
    assert quoted("two\n lines") == "'two lines'"
    assert quoted('{x} "y"') == "'{x} \"y\"'"


def test_tags_have_everyday_names():
    assert [thing(mark(kind, BOX)) for kind in ("div", "td", "h2", "shape")] == ["box", "cell", "heading", "shape"]
