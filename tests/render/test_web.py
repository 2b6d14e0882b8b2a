"""Pages in a real Chromium: attribution, isolation, recovery."""

import http.server
import threading

import numpy as np
import pytest

from vsdpo_jax.errors import UserError
from vsdpo_jax.feedback.credit import responsibilities
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.render.farm import RenderFarm, RenderSetupError
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.reward import score

CLEAN = """<!doctype html>
<html><head><style>
body { font-family: Arial; margin: 40px; color: #222; }
.cards { display: flex; gap: 20px; }
.card { background: #f3f3f3; padding: 16px; width: 200px; }
</style></head><body>
<h1>Products</h1>
<p>All that we sell, in one list.</p>
<div class="cards">
<div class="card"><h2>One</h2><p>First thing</p></div>
<div class="card"><h2>Two</h2><p>Second thing</p></div>
<div class="card"><h2>Three</h2><p>Third thing</p></div>
</div>
</body></html>
"""

BROKEN = """<!doctype html>
<html><head><style>
.pale { color: #ddd; }
.card { background: #ddeeff; width: 150px; white-space: nowrap; }
.tiny { font-size: 4px; }
.cut { width: 80px; overflow: hidden; white-space: nowrap; }
.box { position: absolute; left: 40px; width: 200px; height: 40px; background: #cde; }
</style></head><body>
<h1 class="pale">Products</h1>
<div class="card">This text is far too long for its card</div>
<p class="tiny">tiny words</p>
<div class="cut">a long text that is cut</div>
<p style="position:absolute;left:40px;top:300px">first overlay text</p>
<p style="position:absolute;left:60px;top:305px">second overlay text</p>
<p style="position:absolute;left:1200px;top:400px;white-space:nowrap">running over the right edge</p>
<main>
<div class="box" style="top:450px">one</div>
<div class="box" style="top:500px;left:48px">two</div>
<div class="box" style="top:550px">three</div>
<div class="box" style="top:600px">four</div>
</main>
</body></html>
"""
# kind -> lines that may carry the most blame: the rule or the element.
EXPECTED = {
    "low_contrast": {3, 9},
    "overflow": {4, 10},
    "unreadable_size": {5, 11},
    "clipped_text": {6, 12, 15},
    "overlap": {13, 14},
    "misalignment": {18},
}


@pytest.fixture(scope="module")
def pages():
    try:
        find_chromium()
    except UserError as error:
        pytest.fail(str(error))
    with RenderFarm(workers=1, limits=RenderLimits(cpu_seconds=2)) as farm:
        yield farm


def test_a_clean_page_has_no_defects_and_every_text_is_traced(pages):
    scene = pages.submit(CLEAN, "web").result()
    assert scene.error is None and scene.image.shape == (scene.height, 1280, 3)
    assert detect(scene) == ()
    lines = {element.text: element.statements[0].line_start for element in scene.elements if element.text}
    assert lines["Products"] == 7 and lines["Second thing"] == 11 and lines["Three"] == 12
    assert scene.image[0, 0].tolist() == [255, 255, 255] and (scene.image[60:70, 45:60] < 128).any()


def test_defects_are_found_and_charged_to_element_or_rule(pages):
    scene = pages.submit(BROKEN, "web").result()
    defects = detect(scene)
    assert {defect.kind for defect in defects} == set(EXPECTED)
    for defect in defects:
        resp = responsibilities(scene, [defect])
        assert max(resp, key=resp.get).line_start in EXPECTED[defect.kind], defect


def test_a_slide_is_as_large_as_the_screen(pages):
    words = '<h1 style="position:absolute;left:100px;top:690px;margin:0;font-size:60px">low</h1>'
    scene = pages.submit(words, "slide").result()
    assert (scene.width, scene.height) == (1280, 720)
    assert {"clipped_text", "white_space"} <= {defect.kind for defect in detect(scene)}


def test_the_same_page_gives_the_same_bytes_after_other_pages(pages):
    first = pages.submit(CLEAN, "web").result()
    pages.render([BROKEN + "<!-- again -->", "<script>document.title = 1</script><p>x"], "web")
    again = pages.submit(CLEAN + " ", "web").result()
    np.testing.assert_array_equal(first.image, again.image)


def test_scripts_run_in_a_page_of_their_own(pages):
    page = "<body><script>document.body.append('made by script'); alert(1); localStorage</script>"
    scene = pages.submit(page, "web").result()
    assert scene.error is not None or any("made by script" in element.text for element in scene.elements)


def test_an_endless_script_is_a_timeout_and_the_next_page_renders(pages):
    scene = pages.submit("<body>x<script>while (true) {}</script>", "web").result()
    assert scene.error.status == "timeout"
    assert pages.submit(CLEAN + "  ", "web").result().error is None


def test_nothing_reaches_the_network(pages):
    visits = []

    class Canary(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            visits.append(self.path)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"127.0.0.1:{server.server_port}"
        page = f"""<style>@import "http://{place}/css"; body {{ background: url(http://{place}/bg) }}</style>
        <img src="http://{place}/img"><iframe src="http://{place}/frame"></iframe>
        <script>fetch("http://{place}/fetch").catch(() => 0); try {{ new WebSocket("ws://{place}/ws") }} catch (e) {{}}
        navigator.sendBeacon("http://{place}/beacon"); new Image().src = "http://{place}/image";
        location.href = "http://{place}/location"</script><p>text</p>"""
        for source in (page, page.replace("script", "b"), f'<meta http-equiv="refresh" content="0;http://{place}/r">x'):
            pages.submit(source, "web").result()
        server.shutdown()
    assert visits == []


def test_without_chromium_one_line_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("VSDPO_CHROMIUM", str(tmp_path / "nothing"))
    with RenderFarm(workers=1) as farm, pytest.raises(RenderSetupError, match="VSDPO_CHROMIUM=.*is not a program"):
        farm.submit(CLEAN, "web").result()


def test_differences_from_a_reference_lower_the_reward(pages):
    reference = pages.submit(CLEAN, "web").result()
    worse = CLEAN.replace("Products", "Things").replace("margin: 40px", "margin: 40px 40px 40px 400px")
    scene = pages.submit(worse, "web").result()
    defects = detect(scene, reference)
    assert {"wrong_text", "wrong_layout"} <= {defect.kind for defect in defects}
    assert detect(reference, reference) == ()
    assert score(reference, reference, ()).total == pytest.approx(1.0)
    assert 0.1 < score(scene, reference, defects).total < 0.9


def test_a_slide_has_the_viewport_of_a_slide_whatever_was_rendered_before(farm):
    """With the viewport of a page, `100vh` and a body without a doctype would be 800 pixels high."""
    farm.submit("<p>a page</p>", "web").result()
    for source in ("<body style='margin:0'><div style='height:100vh;background:teal'>x</div>", "<p>no doctype</p>"):
        scene = farm.submit(source, "slide").result()
        assert (scene.width, scene.height) == (1280, 720)
        assert max(element.box[3] for element in scene.elements) <= 720


def test_the_viewport_of_a_slide_does_not_stay_for_what_comes_after_it(farm):
    tall = "<body style='margin:0'><div style='height:100vh;background:teal'>%s</div>"
    measured = {}
    for kind in ("slide", "web", "slide", "slide_tree", "web"):
        source = tall % len(measured)
        scene = farm.submit(source, kind).result()
        measured[len(measured)] = (kind, scene.height)
    assert list(measured.values())[:3] == [("slide", 720), ("web", 800), ("slide", 720)]
    # A measure has a viewport of its own, and the page after it again that of a page.
    assert measured[4] == ("web", 800)


def test_overflowing_text_is_cut_inside_of_the_border(farm):
    page = (
        '<div style="border: 7px solid; width: 200px; height: 50px; overflow: hidden"><b><i>one two three</i></b></div>'
    )
    scene = farm.render([f"<!doctype html><body style='margin: 0'>{page}</body>"], "web")[0]
    (text,) = [element for element in scene.elements if element.text]
    # The box with its border is 214 x 64.
    assert text.clip == (7, 7, 207, 57)


def test_a_script_may_nest_without_boxes_as_deep_as_it_likes(farm):
    script = """let place = document.body;
for (let i = 0; i < 1500; i++) {
  place = place.appendChild(document.createElement('div'));
  place.style.display = 'contents';
}
place.append('deep words');"""
    scene = farm.submit(f"<!doctype html><body><script>{script}</script>", "web").result()
    assert scene.error is None
    assert [element.text for element in scene.elements if element.text] == ["deep words"]
