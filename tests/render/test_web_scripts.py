"""Scripts: where their statements lie, that they are repeatable, and that their nodes are traced to them."""

import numpy as np
import pytest

from vsdpo_jax.render.html_source import HtmlSource
from vsdpo_jax.render.js_source import script_statements

SCRIPT = """
const a = {x: 1, y: () => { inner(); }}
let b = a
  .x + `t ${`u ${b}`} }`
// a comment; with } in it
if (b) { one(); } else { two() }
for (const c of [1, 2]) three(c);
function f(p = {q: 2}) { return /[}"]/.test(p) }
class K { m() { four() } }
new K().m(function () { five(); });
x => { six() }
"""
EXPECTED = [
    "const a = {x: 1, y: () => { inner(); }}",
    "inner();",
    "let b = a\n  .x + `t ${`u ${b}`} }`",
    "if (b) { one(); } else { two() }",
    "one();",
    "two()",
    "for (const c of [1, 2]) three(c);",
    'function f(p = {q: 2}) { return /[}"]/.test(p) }',
    'return /[}"]/.test(p)',
    "class K { m() { four() } }",
    "m() { four() }",
    "four()",
    "new K().m(function () { five(); });",
    "five();",
    "x => { six() }",
    "six()",
]


def test_statements_of_a_script():
    found = [SCRIPT[start:end] for start, end in script_statements(SCRIPT)]
    assert found == EXPECTED


@pytest.mark.parametrize(
    "text", ["", "}", "{" * 5000, "`" * 5001, "`${" * 3000, "/" * 99, '"', "a\n" * 3000, "(" * 3000, "({" * 3000]
)
def test_no_text_breaks_the_reading(text):
    document = HtmlSource(f"<p>x</p><script>{text}</script>")
    assert all(0 <= s.start <= s.end <= len(document.source) for s in document.statements)


def test_scripts_are_repeatable(farm):
    page = """<h1 id="a"></h1><script>
    a.textContent = [Math.random(), Date.now(), new Date().toISOString(), performance.now(), new Date(0).getTime(),
                     new Date(2020, 1, 2).getFullYear(), Date() , new Date() instanceof Date].join(" ")</script>"""
    first, second = farm.submit(page, "web").result(), farm.submit(page + " ", "web").result()
    np.testing.assert_array_equal(first.image, second.image)
    (words,) = [element.text for element in first.elements if element.text]
    assert "2026-01-01T" in words and words.endswith("true") and " 0 2020 " in words


def test_callers_of_a_function_that_makes_a_node_come_after_it(farm):
    page = """<ul></ul>
<script>
function put(word) {
  document.querySelector("ul").insertAdjacentHTML("beforeend", `<li>${word}</li>`);
}
put("one");
</script>"""
    scene = farm.submit(page, "web").result()
    (chain,) = [e.statements for e in scene.elements if e.text == "one"]
    said = [page[s.start : s.end] for s in chain]
    assert said[0].startswith("document.querySelector") and said[1:] == ['put("one");', "<ul></ul>"]
