"""The same source gives the same bytes on every worker, and the fingerprint says what the bytes depend on."""

import shutil
from pathlib import Path

import numpy as np

from vsdpo_jax.render import farm as farm_module
from vsdpo_jax.render import fonts
from vsdpo_jax.render.farm import RenderFarm

CHANCE = """
import datetime, os, random, secrets, time, uuid
import numpy as np
import matplotlib.pyplot as plt
values = [
    np.random.default_rng().random(), np.random.default_rng(None).random(), np.random.rand(),
    np.random.RandomState().rand(), random.random(), random.Random().random(), random.SystemRandom().random(),
    secrets.randbelow(1000) / 1000, os.urandom(1)[0] / 256, uuid.uuid4().int % 97 / 97, hash("a") % 97 / 97,
    len({str(value) for value in set("abc")}) / 3, time.time() % 1, time.time_ns() % 7 / 7,
]
random.seed(), np.random.seed(None)
values += [random.random(), np.random.rand()]
today, day = datetime.datetime.now(), datetime.date.today()
assert isinstance(today, datetime.datetime) and isinstance(day, datetime.date) and day == today.date()
assert datetime.datetime(2020, 1, 2) - datetime.timedelta(days=1) == datetime.datetime(2020, 1, 1)
plt.figure(figsize=(4, 3), dpi=50)
plt.plot([today + datetime.timedelta(days=index) for index in range(len(values))], values)
plt.title(time.strftime("%c") + str(datetime.datetime.today()), family="serif", size=7)
plt.xlabel(repr(values))
"""
DECK = """
import datetime, random
from pptx import Presentation
prs = Presentation()
slide = prs.slides.add_slide(prs.slide_layouts[0])
slide.shapes.title.text = f"{random.random()} {datetime.datetime.now()}"
prs.save("deck.pptx")
"""


def test_charts_and_decks_are_the_same_on_every_worker():
    pictures = []
    for _ in range(2):
        with RenderFarm(workers=1) as farm:
            chart, deck = farm.submit(CHANCE), farm.submit(DECK, "pptx")
            assert chart.result().error is None and deck.result().error is None
            pictures.append((chart.result(), deck.result()))
    for first, second in zip(*pictures, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
        assert first.elements == second.elements
    assert any("2026- 01-01" in element.text for element in pictures[0][1].elements)


def test_another_set_of_fonts_is_another_fingerprint_and_another_job(monkeypatch, tmp_path):
    face = fonts.font_files()[0]
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    digests = []
    for folder, name in (
        (None, None),
        (".fonts", "Mine.ttf"),
        (".local/share/fonts", "Mine.ttf"),
        (".fonts", "Other.ttf"),
    ):
        if folder:
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(face, tmp_path / folder / name)
        fonts.font_set.cache_clear()
        digests.append(fonts.font_set())
    try:
        # Where a font lies does not matter; a second one does, and so does its content.
        assert digests[1] == digests[2] and len(set(digests)) == 3
        caches = {farm_module.worker_environment()["MPLCONFIGDIR"]}
        (tmp_path / ".fonts" / "Other.ttf").write_bytes(b"another face")
        fonts.font_set.cache_clear()
        assert fonts.font_set() not in digests
        caches.add(farm_module.worker_environment()["MPLCONFIGDIR"])
        assert len(caches) == 2
    finally:
        fonts.font_set.cache_clear()


def test_the_fingerprint_names_fonts_renderers_and_browser():
    found = fonts.fingerprint()
    assert found["fonts"] == fonts.font_set() and len(found["fonts"]) == 64
    assert {"python", "matplotlib", "python-pptx", "betteroffice-pptx", "playwright", "chromium"} <= set(found)
    assert all(found.values())


def test_the_same_job_with_other_fonts_is_not_answered_from_the_cache(monkeypatch, farm):
    first = farm.submit(CHANCE).result()
    assert farm.submit(CHANCE).result() is first
    monkeypatch.setattr(farm_module.fonts, "font_set", lambda: "another")
    again = farm.submit(CHANCE).result()
    assert again is not first
    np.testing.assert_array_equal(again.image, first.image)
