"""What rows of each layout say."""

import pytest

from tests.data.prepared_files import chart, page
from vsdpo_jax.data.prepared.sets import CHART_REQUEST, SETS, WEB_REQUEST, configure, question, read_entry
from vsdpo_jax.errors import UserError


def _conversation(answer, **more):
    turns = [{"from": "human", "value": "<image>\nRedraw."}, {"from": "gpt", "value": answer}]
    return {"id": "7", "image": "a.png", "conversations": turns} | more


def test_conversations_give_the_question_and_the_fenced_program():
    settings = configure("chart2code", {})
    entry = read_entry(_conversation(f"Sure.\n```python\n{chart(1)}\n```\nDone."), "n", settings)
    assert (entry.id, entry.prompt, entry.code, entry.image) == ("7", "Redraw.", chart(1), "a.png")
    parts = [{"type": "image"}, {"type": "text", "text": "Redraw it."}]
    row = {
        "image": "b.png",
        "conversations": [{"role": "user", "content": parts}, {"role": "assistant", "content": "x=1"}],
    }
    entry = read_entry(row, "0-3", settings)
    assert (entry.id, entry.prompt, entry.code) == ("0-3", "Redraw it.", "x=1")


def test_a_question_is_the_rows_or_that_of_the_kind():
    charts, pages = configure("chart2code", {}), configure("websight", {})
    with_prompt = read_entry(_conversation("x=1"), "0", charts)
    assert question(with_prompt, charts, True) == "Redraw."
    bare = read_entry({"image": b"1", "text": page(1)}, "0", pages)
    assert question(bare, pages, True) == WEB_REQUEST
    assert question(bare, configure("websight", {"request": "Copy it."}), True) == "Copy it."
    assert question(read_entry(_conversation("x=1", conversations=[]), "0", charts), charts, True) == CHART_REQUEST


def test_instructions_for_slides_come_with_what_a_slide_is():
    slides = configure("aeslides", {})
    entry = read_entry({"id": 3, "instruction": "A slide on tides."}, "0", slides)
    asked = question(entry, slides, False)
    assert asked.startswith("A slide on tides.") and "1280 pixels" in asked
    decks = configure("aeslides", {"kind": "pptx"})
    assert "python-pptx" in question(entry, decks, False)
    assert question(read_entry({"instruction": ""}, "0", slides), slides, False) == ""


def test_columns_are_settings():
    settings = configure("generic", {"prompt": "ask", "code": "html", "image": "shot", "kind": "web", "id": "key"})
    entry = read_entry({"key": "k", "ask": " Build. ", "html": f"```html\n{page(2)}\n```", "shot": b"1"}, "0", settings)
    assert (entry.id, entry.prompt, entry.code, entry.image) == ("k", "Build.", page(2), b"1")


def test_rows_without_the_kept_value_are_left_out():
    settings = configure("webcode2m", {"keep": "lang=en"})
    row = {"hash": "h", "image": b"1", "text": page(1), "lang": "en"}
    assert read_entry(row, "0", settings).id == "h"
    assert read_entry(row | {"lang": "de"}, "0", settings) is None


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nothing", {}, "choose from chart2code, webcode2m, websight, aeslides, generic"),
        ("websight", {"colour": "x"}, "no option 'colour': it has kind, files"),
        ("websight", {"kind": "poster"}, "choose from chart, web, slide, pptx"),
        ("websight", {"need_image": "perhaps"}, "must be true or false"),
    ],
)
def test_impossible_settings_are_named(name, options, message):
    with pytest.raises(UserError, match=message):
        configure(name, options)


def test_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(UserError, match=r"no column 'text', only image, html: name it with --option=code=COLUMN"):
        read_entry({"image": b"1", "html": "x"}, "0", configure("websight", {}))


def test_every_set_says_what_it_is():
    for settings in SETS.values():
        assert settings.about.endswith(".") and settings.patterns
