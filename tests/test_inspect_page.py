"""The page and the picture of `inspect`, in a real browser and as pixels."""

import itertools

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from tests.feedback.scenes import make_scene, mark, text
from tests.report.test_report_browser import CONTRAST
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.inspect import write
from vsdpo_jax.inspection import overlay as drawing
from vsdpo_jax.inspection.page import credit_html
from vsdpo_jax.inspection.tables import guilty
from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.types import Defect, RenderError, Scene, Statement

LONG = [f"long_name_{i} = {'x' * 40!r}  # </code><script>broken = 1</script>" for i in range(20)]
SOURCE = "\n".join(["a = 1", "b = 2", "c = 3", *LONG])


def crowded():
    labels = [text(f"label {i}", (150 + i, 10 + 8 * i, 230, 24 + 8 * i), line=1 + i % 3) for i in range(6)]
    return make_scene(*labels, mark("bar", (90, 40, 130, 60), line=2), source=SOURCE)


def test_numbers_stand_beside_each_other_and_not_on_each_other(monkeypatch):
    scene = crowded()
    defects = detect(scene)
    assert len(defects) >= 4
    tags = []
    monkeypatch.setattr(drawing, "_tag", lambda draw, box, number: tags.append((box, number)))
    drawing.overlay(scene, defects)
    shown = [(box, number) for box, number in tags if box[3] <= scene.height]
    assert {number for _, number in shown} == set(range(len(defects)))
    for (first, _), (second, _) in itertools.combinations(shown, 2):
        apart = first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]
        assert apart, (first, second)
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= scene.width for box, _ in shown)


def test_long_messages_are_wrapped_and_every_script_has_letters():
    scene = make_scene(text("x", (10, 10, 60, 24)))
    long = Defect("overlap", "the words " + "and more words " * 30, ((10.0, 10.0, 60.0, 24.0),))
    plain = np.asarray(drawing.overlay(scene, [long]))
    assert plain.shape[0] > scene.height + 5 * 18 and plain.shape[1] == 480
    # No ink reaches the right edge of the legend.
    assert (plain[scene.height + 4 :, -4:] == 255).all()
    for words in ("Größe, цена, τιμή", "half of a pair: \ud800"):
        drawing.overlay(scene, [Defect("wrong_text", words, ((10.0, 10.0, 60.0, 24.0),))])


def test_the_page_shows_every_character_of_the_source_and_runs_none_of_it():
    page = credit_html(crowded(), detect(crowded()))
    assert "<script" not in page and page.count('class="line"') == SOURCE.count("\n") + 1
    assert "&lt;script&gt;" in page and 'id="line3"' in page and "<mark" in page


def test_lines_are_numbered_as_python_counts_them():
    # A form feed and a line separator end no line of a program.
    source = "a = '\u2028'\n\x0cb = 2\n"
    page = credit_html(
        Scene(source, "chart", error=RenderError("python-error", "m", statement=Statement(10, 15, 2, 2))), ()
    )
    assert page.count('class="line"') == 2


def test_pictures_of_an_earlier_render_go_when_the_program_fails(tmp_path):
    write(tmp_path, crowded(), detect(crowded()))
    assert (tmp_path / "overlay.png").exists() and (tmp_path / "render.png").exists()
    failed = Scene("a = 1\n", "chart", error=RenderError("python-error", "NameError: \ud800"))
    write(tmp_path, failed, detect(failed))
    assert not (tmp_path / "overlay.png").exists() and not (tmp_path / "render.png").exists()
    assert "NameError" in (tmp_path / "defects.json").read_text()


def test_named_lines_are_those_that_carry_the_blame_in_its_order():
    bar, label = mark("bar", (20, 20, 100, 90), line=1), text("wide label", (80, 30, 140, 44), line=3)
    scene = make_scene(bar, label)
    (defect,) = detect(scene)
    assert [statement.line_start for statement in guilty(scene, defect)] == [3]
    nobody = Defect("missing_text", "the title 'Rain' is missing")
    assert guilty(scene, nobody) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_readable_on_a_phone_and_in_the_dark(tmp_path, scheme):
    write(tmp_path, crowded(), detect(crowded()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740}).new_page()
        page.goto(f"file://{tmp_path / 'credit.html'}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("window.broken") is None
        (ratio, tag, words), *_ = page.evaluate(CONTRAST)
        assert ratio >= 4.5, (tag, words)
        assert page.evaluate("document.querySelector('img').naturalWidth") > 0
        page.click("a[href='#line1']")
        browser.close()
