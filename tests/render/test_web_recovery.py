"""Browsers that are killed or hang: the page that meets it is tried again, and the next finds a browser."""

import os
import signal

import pytest

from tests.render.processes import gone, named, tree
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits

GOOD = "<h1>good</h1><!--{}-->"
# Pages with scripts do not use the page that is open already.
SCRIPTED = GOOD.format(1) + "<script>document.body.append('x')</script>"
# Long enough in the browser to meet what happens meanwhile.
LARGE = "<p>words</p>" * 3000
TARGETS = {
    "the process of a page": "--type=renderer",
    "the browser": "--headless",
    "the driver": "playwright/driver",
    "the worker": "-m vsdpo_jax.render.web",
}


@pytest.fixture
def pages():
    """A farm of the test's own, and a way to find its processes."""
    before = set(tree())
    with RenderFarm(workers=1, limits=RenderLimits(wall_seconds=12), cache=0) as farm:
        assert farm.submit(GOOD.format(0), "web").result().error is None
        yield farm, lambda part: [p for p in named(part) if p not in before and _is_main(p, part)]


def _is_main(process: int, part: str) -> bool:
    """Whether a process is the browser itself: those of its pages have a type."""
    return part != "--headless" or "--type=" not in tree().get(process, "--type=")


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_what_is_killed_is_replaced(pages, name):
    farm, find = pages
    for process in find(TARGETS[name]):
        os.kill(process, signal.SIGKILL)
    assert farm.submit(SCRIPTED, "web").result().error is None, "killed between two pages"
    future = farm.submit(LARGE, "web")
    for process in find(TARGETS[name]):
        os.kill(process, signal.SIGKILL)
    assert future.result().error is None, "killed with a page in it"
    assert farm.submit(GOOD.format(2), "web").result().error is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["the process of a page", "the browser"])
def test_what_hangs_is_replaced(pages, name):
    farm, find = pages
    stopped = find(TARGETS[name])
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    # Nobody can tell a page that hangs from a browser that does. Another process may have taken over the page.
    error = farm.submit(GOOD.format(1), "web").result().error
    assert (error is None and name != "the browser") or error.status in ("timeout", "died")
    assert farm.submit(GOOD.format(2), "web").result().error is None
    assert name != "the browser" or gone(stopped)


@pytest.mark.slow
def test_a_browser_that_hangs_does_not_outlive_its_farm():
    before = set(tree())
    with RenderFarm(workers=1, cache=0) as farm:
        farm.submit(GOOD.format(0), "web").result()
        stopped = [process for process in named("--headless") if process not in before]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
    assert stopped and gone(stopped)
