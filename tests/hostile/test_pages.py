"""Pages that hang, flood, pry and call: each gets its answer, nothing gets out, and the next page is as it was."""

import numpy as np
import pytest

from tests.hostile.canary import Canary
from tests.hostile.pages import FAST, SLOW
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits

GOOD = "<!doctype html><h1>good</h1><p>A page that does no harm, with <b>some</b> words.</p>"
STORED = """<p id=p></p><script>
let found = [];
for (const [name, read] of Object.entries({
  cookie: () => document.cookie, local: () => localStorage.a, session: () => sessionStorage.a, name: () => window.name,
})) try { found.push(name + '=' + (read() || '')) } catch (error) { found.push(name + ' refused') }
for (const write of [
  () => { document.cookie = 'a=left' }, () => { localStorage.a = 'left' }, () => { sessionStorage.a = 'left' },
  () => { window.name = 'left' }, () => indexedDB.open('left'), () => caches.open('left'),
]) try { write() } catch (error) {}
p.textContent = found.join(' ')
</script>"""


@pytest.fixture(scope="module")
def pages():
    with RenderFarm(workers=1, limits=RenderLimits(wall_seconds=20, cpu_seconds=3), cache=0) as farm:
        yield farm


@pytest.fixture(scope="module")
def good(pages):
    return pages.submit(GOOD, "web").result().image


def check(pages, good, source, right):
    with Canary() as canary:
        scene = pages.submit(
            source.replace("{{", "{").replace("}}", "}").replace("{port}", str(canary.port)), "web"
        ).result()
        status = "ok" if scene.error is None else scene.error.status
        assert status in right, scene.error
        assert scene.image is None or scene.image.size <= 3 * 1280 * 7680
        assert "root:" not in "".join(element.text for element in scene.elements)
        np.testing.assert_array_equal(pages.submit(GOOD, "web").result().image, good)
    assert canary.visits == 0


# These take seconds each.
LARGE = ("deep nesting", "text without end", "frames in frames", "a tall page", "a large picture of vectors")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in LARGE else ()) for n in FAST])
def test_fast(pages, good, name):
    check(pages, good, *FAST[name])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "a loop" else pytest.mark.slow) for name in SLOW]
)
def test_slow(pages, good, name):
    check(pages, good, *SLOW[name])


def test_a_page_finds_nothing_of_the_one_before(pages):
    first, second = (pages.submit(STORED + end, "web").result() for end in ("", " "))
    texts = [[element.text for element in scene.elements if "cookie" in element.text] for scene in (first, second)]
    assert texts[0] and texts[0] == texts[1] and "left" not in texts[1][0]
