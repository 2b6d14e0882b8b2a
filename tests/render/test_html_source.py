"""Where tags and rules lie in a document, however untidy it is."""

import pytest

from vsdpo_jax.render.html_source import HtmlSource


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


def test_start_tags_are_numbered():
    source = "<div\n class=a><p>text</p></div>\n<b>x</b>"
    document = HtmlSource(source)
    assert document.marked == '<div data-vs="0"\n class=a><p data-vs="1">text</p></div>\n<b data-vs="2">x</b>'


def test_rules_are_statements():
    source = "<style>\n/* { */ a { color: red }\n@media (x) { .b { top: 0 } }\n</style>"
    document = HtmlSource(source)
    found = [(selector, document.statements[index]) for selector, index in document.style_rules()]
    assert [(selector, source[s.start : s.end]) for selector, s in found] == [
        ("a", "a { color: red }"),
        (".b", ".b { top: 0 }"),
    ]
