"""The page in a real browser: what a reader points at, types, and sees on a phone and in the dark."""

import dataclasses
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from vsdpo_jax import record
from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.report import write_report

ATTACK = '</script><img src=x onerror="window.broken=1"><script>window.broken=1</script>' + "w" * 600

# The contrast of every visible text with what is painted behind it, colours blended as the browser does.
CONTRAST = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (color) => color.map((c) => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("script, title, .unseen, .boxes") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const drawn = element.closest("svg") ? style.fill : style.color;
    const under = behind(element);
    const [a, b] = [light(over(parse(drawn), under)), light(under)];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.tagName, node.data.trim().slice(0, 40)]);
  }
  return found.sort((one, other) => one[0] - other[0]);
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def page_path(sample_run, tmp_path_factory):
    return write_report(sample_run, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture
def visit(browser):
    """Opens a page; fails the test on an error in its console or a request that leaves the file."""
    contexts, complaints = [], []

    def open_page(path, width=1280, height=900, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if _leaves(request.url, path) else None)
        page.goto(f"file://{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _leaves(url, path):
    return not url.startswith("data:") and url != f"file://{path}"


def lit_lines(page):
    return page.evaluate("[...document.querySelectorAll('.rollout[open] li.lit > code')].map(line => line.textContent)")


def lit_regions(page):
    return page.evaluate("[...document.querySelectorAll('.rollout[open] g.lit')].map(region => +region.dataset.defect)")


def test_pointing_at_a_defect_lights_its_lines_and_its_boxes(visit, page_path):
    page = visit(page_path)
    buttons = page.locator(".rollout[open] button[data-defect]")
    assert [text.split("\n")[1].split()[0] for text in buttons.all_inner_texts()] == ["clipped", "overlap:", "low"]
    buttons.nth(0).hover()
    (line,) = lit_lines(page)
    assert line.startswith("ax.set_title(") and lit_regions(page) == [0]
    # The overlap has two statements: the legend, which is to blame first, and the bars under it.
    buttons.nth(1).hover()
    assert [line.split("(")[0] for line in lit_lines(page)] == ["ax.bar", "ax.legend"] and lit_regions(page) == [1]
    page.mouse.move(2, 2)
    assert lit_lines(page) == [] and lit_regions(page) == []


def test_pointing_at_a_line_or_a_box_lights_the_defect(visit, page_path):
    page = visit(page_path)
    buttons = page.locator(".rollout[open] button[data-defect]")
    page.locator(".rollout[open] li.blamed", has_text="ax.set_ylabel").hover()
    assert lit_regions(page) == [2]
    expect(buttons.nth(2)).to_have_class("lit")
    page.locator(".rollout[open] g[data-defect='0'] > rect").hover()
    assert lit_regions(page) == [0]
    assert lit_lines(page)[0].startswith("ax.set_title(")
    page.locator(".rollout[open] li", has_text="import matplotlib").hover()
    assert lit_regions(page) == []


def test_the_keyboard_reaches_what_the_pointer_reaches(visit, page_path):
    page = visit(page_path)
    summary = page.locator(".rollout[open] > summary").first
    summary.focus()
    page.keyboard.press("Tab")
    assert lit_regions(page) == [0]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert lit_regions(page) == [1]
    # A pinned defect stays lit when the focus has gone.
    page.locator("input[value=weight]").focus()
    assert lit_regions(page) == [0]
    expect(page.locator(".rollout[open] button[data-defect='0']")).to_have_attribute("aria-pressed", "true")
    page.locator(".rollout[open] li.blamed", has_text="ax.legend").focus()
    assert lit_regions(page) == [1]
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator(".rollout[open]").count() == 0


def test_the_heat_map_shows_weights_and_on_request_the_divergence(visit, page_path):
    page = visit(page_path)
    shade = "([text]) => getComputedStyle([...document.querySelectorAll('.rollout[open] .code span[data-w]')]\
        .find(token => token.textContent.includes(text))).backgroundColor"
    weighted = page.evaluate(shade, ["set_ti"])
    # A token outside every blamed statement has weight 1: it has a divergence, and no colour until that is shown.
    assert weighted.startswith("rgba(240, 138, 24, 0.6")
    assert page.evaluate(shade, ["pyplot"]) == "rgba(240, 138, 24, 0)"
    page.locator("input[value=kl]").check()
    assert page.evaluate(shade, ["set_ti"]).startswith("rgba(92, 98, 224, 0.")
    assert page.evaluate(shade, ["pyplot"]).startswith("rgba(92, 98, 224, 0.")
    page.locator(".rollout[open] .code span[data-w]", has_text="set_ti").hover()
    assert page.locator(".reading").inner_text().startswith("weight 2.50, KL ")


def test_a_failed_rollout_shows_its_error_and_the_line(visit, page_path):
    page = visit(page_path)
    failed = page.locator(".rollout", has_text="did not run").first
    failed.locator("summary").first.click()
    expect(failed.locator(".failure")).to_contain_text("NameError: name 'value' is not defined")
    expect(failed.locator(".failure pre")).to_contain_text("line 7, in <module>")
    expect(failed.locator("li.failed code")).to_contain_text("ax.bar(names, value,")
    expect(failed.locator("summary").first).to_contain_text("advantage −1.40")


def test_a_curve_is_read_at_the_step_under_the_pointer(visit, page_path):
    page = visit(page_path)
    chart = page.locator(".chart").first
    assert page.locator(".chart").count() == 9
    chart.locator("svg").hover()
    words = chart.locator(".at").inner_text().split()
    assert words[1:3] == ["at", "step"] and 20 < int(words[3]) < 40 and 0.3 < float(words[0]) < 0.8


def test_the_gallery_pairs_the_renders_of_a_prompt(visit, page_path):
    page = visit(page_path)
    row = page.locator(".prompt-row").nth(1)
    captions = row.locator("figcaption").all_inner_texts()
    assert captions[0] == "Target"
    assert captions[1].startswith("Before training") and captions[1].endswith("no render")
    assert captions[2].startswith("After training") and captions[2].endswith("0 defects")
    loaded = "[...document.images].every(image => image.complete && image.naturalWidth > 100)"
    assert page.evaluate(loaded) and row.locator("img").count() == 2


@pytest.fixture(scope="module")
def hostile_page(sample_run, tmp_path_factory):
    workdir = shutil.copytree(sample_run, tmp_path_factory.mktemp("hostile") / "demo")
    for name in ("before", "step_000001", "after"):
        path = workdir / "rollouts" / f"{name}.jsonl"
        record.write_records(workdir, name, [_hostile(one) for one in record.read_records(path)])
    return write_report(workdir)


def _hostile(one):
    error = one.error and dataclasses.replace(one.error, message=ATTACK, traceback=ATTACK)
    defects = tuple(dataclasses.replace(defect, kind=ATTACK, message=ATTACK) for defect in one.defects)
    code = one.code.replace("import", ATTACK + "\nimport", 1)
    length = len(one.spans)
    return dataclasses.replace(
        one,
        prompt_id=ATTACK,
        prompt_text=ATTACK,
        code=code,
        error=error,
        defects=defects,
        weights=np.full(length, 2.0, np.float32),
        parts={ATTACK: 0.5},
    )


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_nothing_that_a_model_wrote_runs_or_widens_the_page(visit, hostile_page, width):
    page = visit(hostile_page, width=width)
    page.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
    assert page.evaluate("window.broken") is None
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [320, 375])
def test_a_phone_needs_no_sideways_scrolling(visit, page_path, width):
    page = visit(page_path, width=width, height=812, has_touch=True, is_mobile=True)
    page.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    button = page.locator("button[data-defect='0']").first
    assert button.bounding_box()["height"] >= 44
    button.tap()
    assert lit_lines(page)[0].startswith("ax.set_title(")


@pytest.mark.parametrize("heat", ["weight", "kl"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(visit, page_path, scheme, heat):
    page = visit(page_path, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
    page.locator(f"input[value={heat}]").check()
    page.locator("button[data-defect='0']").first.focus()
    found = page.evaluate(CONTRAST)
    assert len(found) > 300
    assert found[0][0] >= 4.5, found[:5]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(250, 249, 246)", "dark": "rgb(18, 20, 24)"}[scheme]
