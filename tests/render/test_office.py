"""LibreOffice as the reference for the pixels of slides: the built-in renderer must put things where it puts them."""

import os
import signal

import numpy as np
import pytest

from tests.render.labelled import read
from tests.render.labelled_deck_objects import OBJECT_DECKS
from tests.render.labelled_decks import DECKS
from tests.render.processes import named
from vsdpo_jax.errors import UserError
from vsdpo_jax.render import office_kit
from vsdpo_jax.render.farm import RenderFarm

# Decks of most kinds of shapes. Not charts, whose automatic colors and titles the two choose differently, and not text
# boxes that do not wrap: LibreOffice centers what they hold, other programs do not.
NAMES = (
    "title slide",
    "bullets",
    "a table",
    "pictures in a loop",
    "aligned and anchored",
    "a grid of cards",
    "a quote",
    "wide slides",
    "several slides",
    "shapes in a loop",
    "a template in a function",
    "a merged cell",
)


@pytest.fixture(scope="module")
def office():
    with RenderFarm(workers=1, slides="libreoffice", cache=0) as farm:
        yield farm


@pytest.fixture
def no_office(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_libreoffice_one_line_says_so(no_office):
    with pytest.raises(UserError, match="LibreOffice is not installed: install LibreOffice Impress .*apt-get"):
        RenderFarm(workers=1, slides="libreoffice")


def test_a_libreoffice_without_its_library_is_named(monkeypatch, tmp_path):
    path = tmp_path / "soffice"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="soffice has no library of LibreOffice"):
        office_kit.find_library()


def test_another_name_is_refused():
    with pytest.raises(UserError, match="render.slides=keynote is not known: choose builtin or libreoffice"):
        RenderFarm(workers=1, slides="keynote")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_both_draw_the_same_things_in_the_same_places(farm, office, name):
    source = read((DECKS | OBJECT_DECKS)[name])[0]
    ours, theirs = (one.submit(source, "pptx").result() for one in (farm, office))
    assert ours.error is None and theirs.error is None
    assert theirs.elements == ours.elements and theirs.image.shape == ours.image.shape
    assert np.abs(theirs.image.astype(int) - ours.image).mean() < 0.04 * 255
    texts = [element for element in ours.elements if element.text]
    assert texts or name == "pictures in a loop"
    for element in ours.elements:
        # Where we say that something is, LibreOffice has drawn something too; beside a text, nothing else.
        assert _ink(theirs.image, element.box) > 0.4 * _ink(ours.image, element.box), element
    assert _ink_outside(theirs.image, ours) < 0.03


@pytest.mark.slow
def test_what_goes_wrong_in_the_program_is_the_same_and_nothing_hangs_on_libreoffice(office):
    assert office.submit("1/0", "pptx").result().error.status == "python-error"
    broken = "from pptx import Presentation\nPresentation().save('a.pptx')\n"
    assert office.submit(broken, "pptx").result().error.status == "no-result"
    first, second = (office.submit(read(DECKS["bullets"])[0] + end, "pptx").result() for end in ("", "\n"))
    np.testing.assert_array_equal(first.image, second.image)


@pytest.mark.slow
def test_a_libreoffice_that_dies_is_started_again(office):
    source = read(DECKS["a quote"])[0]
    assert office.submit(source, "pptx").result().error is None
    for process in named("-m vsdpo_jax.render.office"):
        os.kill(process, signal.SIGKILL)
    assert office.submit(source + "\n", "pptx").result().error is None


def _edges(image: np.ndarray) -> np.ndarray:
    """Where neighbouring pixels differ."""
    grey = image.astype(int).sum(axis=2)
    found = np.zeros(grey.shape, bool)
    found[:, 1:] |= np.abs(np.diff(grey, axis=1)) > 60
    found[1:] |= np.abs(np.diff(grey, axis=0)) > 60
    return found


def _ink(image: np.ndarray, box) -> int:
    # Lines of text may lie a few pixels higher or lower.
    left, top, right, bottom = (max(0, round(edge)) for edge in (box[0] - 6, box[1] - 6, box[2] + 6, box[3] + 6))
    return int(_edges(image[top:bottom, left:right]).sum())


def _ink_outside(image: np.ndarray, scene) -> float:
    """The share of all edges that lie in no element of a scene, give or take some pixels."""
    edges = _edges(image)
    total = edges.sum()
    for element in scene.elements:
        left, top, right, bottom = (max(0, round(edge)) for edge in element.box)
        edges[max(0, top - 8) : bottom + 8, max(0, left - 8) : right + 8] = False
    return float(edges.sum() / max(1, total))
