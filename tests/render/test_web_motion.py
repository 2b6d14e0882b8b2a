"""Pages that move are shown at rest, and the same by every browser."""

# A page stands on one line.
# ruff: noqa: E501

import base64
import io

import numpy as np
import pytest
from PIL import Image

from vsdpo_jax.render.farm import RenderFarm


def moving_picture() -> str:
    frames = [Image.new("RGB", (40, 40), color) for color in ("red", "green", "blue", "black")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=20, loop=0)
    return base64.b64encode(buffer.getvalue()).decode()


PAGES = {
    "appears": "<style>@keyframes f { from { opacity: 0 } } p { animation: f 2s both }</style><p>words</p>",
    "turns forever": "<style>@keyframes f { to { rotate: 1turn } } p { animation: f 1s infinite; width: 99px }</style><p>words",
    "moves later": "<style>p { transition: margin 3s } .m { margin-left: 300px }</style><p id=p>words</p>"
    "<script>requestAnimationFrame(() => requestAnimationFrame(() => p.className = 'm'))</script>",
    "moves by script": "<p id=p>words</p><script>p.animate([{marginLeft: 0}, {marginLeft: '300px'}],"
    "{duration: 2500, fill: 'both'})</script>",
    "a drawing that moves": "<svg width=200 height=50><rect width=9 height=9><animate attributeName=x from=0 to=100 dur=2s "
    "fill=freeze /></rect><circle cy=30 r=5><animate attributeName=cx values='0;90' dur=1.7s repeatCount=indefinite />",
    "a moving picture": f"<img src='data:image/gif;base64,{moving_picture()}'>",
    "a caret": "<input autofocus>",
    "an endless bar": "<progress></progress>",
    "a running line": "<marquee>words</marquee><marquee behavior=alternate direction=right scrollamount=40>to and fro",
    "a rising line": "<marquee direction=up height=60 bgcolor=yellow scrolldelay=1 truespeed>words</marquee>",
    "a running line by script": "<div id=d></div><script>d.append(document.createElement('marquee'));"
    "d.firstChild.innerHTML = '<b>words</b>'</script>",
    "a counter": "<p id=p>0</p><script>setInterval(() => p.textContent++, 7)</script>",
    "frames": "<p id=p>0</p><script>(function f() { p.textContent++; requestAnimationFrame(f) })()</script>",
    "loads late": "<p id=p>loading</p><script>setTimeout('p.textContent = \"loaded\"', 400)</script>",
    "draws": "<canvas id=c></canvas><script>let x = 0; const g = c.getContext('2d');"
    "setInterval(() => g.fillRect(x++, 0, 1, 50), 5)</script>",
    "in order": "<p id=p></p><script>for (const t of [30, 10, 20, 10]) setTimeout(() => p.append(t + ' '), t);"
    "clearTimeout(setTimeout(() => p.append('never'), 5)); setTimeout(() => p.append('late'), 5000);"
    "Promise.resolve().then(() => p.append('first '))</script>",
}  # fmt: skip


@pytest.fixture(scope="module")
def other():
    with RenderFarm(workers=1) as farm:
        yield farm


@pytest.mark.parametrize("name", PAGES)
def test_every_browser_draws_the_same(farm, other, name):
    scenes = [one.submit(PAGES[name] + end, "web").result() for one, end in ((farm, ""), (farm, " "), (other, ""))]
    assert [scene.error for scene in scenes] == [None] * 3
    for scene in scenes[1:]:
        np.testing.assert_array_equal(scene.image, scenes[0].image)
        assert [(e.text, e.box) for e in scene.elements] == [(e.text, e.box) for e in scenes[0].elements]


def words(farm, name: str):
    scene = farm.submit(PAGES[name], "web").result()
    return scene, [element for element in scene.elements if element.text]


def test_what_has_an_end_is_shown_at_its_end(farm):
    scene, (text,) = words(farm, "appears")
    left, top, right, bottom = map(round, text.box)
    assert text.text == "words" and scene.image[top:bottom, left:right].min() < 60
    for name in ("moves later", "moves by script"):
        scene, (text,) = words(farm, name)
        assert text.box[0] >= 300
        assert scene.image[:, :290].min() == 255 and scene.image[:, 300:].min() < 60
    for name in ("a running line", "a rising line", "a running line by script"):
        scene, texts = words(farm, name)
        left, top, right, bottom = map(round, texts[0].box)
        assert texts[0].text == "words" and left == 8 and scene.image[top:bottom, left:right].min() < 60, name
    picture = farm.submit(PAGES["a moving picture"], "web").result().image
    assert picture[20, 20].tolist() == [255, 0, 0]


def test_timers_of_the_first_second_have_run_in_their_order(farm):
    assert [e.text for e in words(farm, "loads late")[1]] == ["loaded"]
    assert [e.text for e in words(farm, "in order")[1]] == ["first", "10", "10", "20", "30"]
    # 1000 / 7, and 1000 / 16 frames beside the call that starts them.
    assert [e.text for e in words(farm, "a counter")[1]] == ["142"]
    assert [e.text for e in words(farm, "frames")[1]] == ["63"]


def test_nodes_that_a_timer_makes_belong_to_its_statement(farm):
    page = "<ul id=u></ul>\n<script>\nsetTimeout(() => {\n  u.innerHTML = '<li>late</li>';\n}, 100);\n</script>"
    (item,) = [e for e in farm.submit(page, "web").result().elements if e.text == "late"]
    assert item.statements[0].line_start == 4
