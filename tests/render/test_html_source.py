"""Where tags and rules lie in a document, however untidy it is."""

import pytest

from vsdpo_jax.render.html_source import HtmlSource
from vsdpo_jax.render.web_scripts import original_place


def written(source: str) -> list[str]:
    """The source text of every start tag's element, in order."""
    document = HtmlSource(source)
    return [source[s.start : s.end] for s in (document.statements[index] for index in document.elements)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<div><p>a</p></div>", ["<div><p>a</p></div>", "<p>a</p>"]),
        ("<ul><li>x<li>y</ul>", ["<ul><li>x<li>y</ul>", "<li>x", "<li>y"]),
        ("<p>one<div>two</div>", ["<p>one", "<div>two</div>"]),
        ("<table><tr><td>a<td>b<tr><td>c</table>",
         ["<table><tr><td>a<td>b<tr><td>c</table>", "<tr><td>a<td>b", "<td>a", "<td>b", "<tr><td>c", "<td>c"]),
        ('<img alt="a > b"><br/>é<b>c', ['<img alt="a > b">', "<br/>", "<b>c"]),
        ("<!-- <p> --><i>x</i></b>", ["<i>x</i>"]),
        ("<script>if (a < b) '<p>'</script><u>z</u>", ["<script>if (a < b) '<p>'</script>", "<u>z</u>"]),
    ],
)  # fmt: skip
def test_extent_of_elements(source, expected):
    assert written(source) == expected


def test_start_tags_are_numbered_and_places_map_back():
    source = "<div\n class=a><p>text</p></div>\n<b>x</b><i>é</i><u>end</u>"
    document = HtmlSource(source)
    assert document.marked == (
        '<div data-vs="0"\n class=a><p data-vs="1">text</p></div>\n'
        '<b data-vs="2">x</b><i data-vs="3">é</i><u data-vs="4">end</u>'
    )
    for word in ("text", "x</b>", "class", "é", "end"):
        before = document.marked[: document.marked.index(word)]
        line, column = before.count("\n"), len(before.rpartition("\n")[2])
        assert original_place(document, line, column) == source.index(word)
    assert original_place(document, 9, 0) is None


def rules(source: str) -> list[tuple[str, str]]:
    """(selector, source text) of the style rules."""
    document = HtmlSource(source)
    found = [(selector, document.statements[index]) for selector, index in document.style_rules()]
    return [(selector, source[statement.start : statement.end]) for selector, statement in found]


def test_rules_are_statements():
    source = "<style>\n/* { */ a { color: red }\n@media (x) { .b { top: 0 } }\n</style>"
    assert rules(source) == [("a", "a { color: red }"), (".b", ".b { top: 0 }")]
    document = HtmlSource(source)
    # The lines are those of the rules, not of the style element, and each is a statement besides it.
    lines = [document.statements[index].line_start for _, index in document.style_rules()]
    assert lines == [2, 3] and len(document.statements) == 3


def test_rules_keep_their_order_and_find_their_ends():
    source = """<p style="color: red">x</p>
<style>
h1, h2 > b:hover,
.c[data-a="1"]::before { content: "a" /* } */; }
@import url(x.css);
@supports (display: grid) { @media print { #d { top: 0 } } }
}
.last{left:0}</style><p>y</p><style>.e { right: 0 }</style>
<script>".no { rule: 1 }"</script>"""
    assert rules(source) == [
        ('h1, h2 > b:hover,\n.c[data-a="1"]::before',
         'h1, h2 > b:hover,\n.c[data-a="1"]::before { content: "a" /* } */; }'),
        ("#d", "#d { top: 0 }"),
        (".last", ".last{left:0}"),
        (".e", ".e { right: 0 }"),
    ]  # fmt: skip


def test_the_rule_behind_generated_content():
    document = HtmlSource("<style>.a::before { content: 'one' } .b:before { content: 'two' }</style>")
    said = [document.content_rule("::before", words) for words in ("one", "two", "three")]
    assert [None if i is None else document.statements[i].start for i in said] == [7, 37, None]
    assert document.content_rule("::after", "one") is None
