"""Miscopied texts: what is changed, that a render shows it, and where the right text stands again."""

import re

import numpy as np
import pytest

from tests.data.revised import fully_revised
from vsdpo_jax.data.tasks import DOMAINS
from vsdpo_jax.data.tasks.author import PRESENCE_KINDS, Author
from vsdpo_jax.data.tasks.domain import Tasks
from vsdpo_jax.data.tasks.slips import miscopied, restored
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render.farm import RenderFarm


@pytest.fixture(scope="module")
def farm():
    with RenderFarm(workers=2) as farm:
        yield farm


@pytest.mark.parametrize("name", DOMAINS)
def test_one_thing_is_miscopied_and_all_sorts_occur(name):
    tasks, changed = Tasks(DOMAINS[name], "train"), set()
    for index in range(200):
        content = tasks[index].content
        slip = miscopied(content, np.random.default_rng(index))
        fields = {field for field in vars(content) if getattr(content, field) != getattr(slip, field)}
        # A category is left out together with its value.
        assert len(fields) == 1 or fields == {"labels", "values"}
        assert len(slip.labels) == len(slip.values) >= 3
        changed |= fields
    assert {"title", "labels", "values", "note"} <= changed


@pytest.mark.parametrize("name", DOMAINS)
def test_a_report_tells_of_a_slip_and_the_right_text_is_found_again(farm, name):
    domain = DOMAINS[name]
    told = 0
    for index in range(12):
        task = Tasks(domain, "train")[index]
        slip = miscopied(task.content, np.random.default_rng(index))
        program = task.write(task.decisions, slip)
        scenes = [farm.submit(source, domain.kind).result() for source in (program.source, task.ideal.source)]
        report = [defect for defect in detect(*scenes) if defect.kind in PRESENCE_KINDS]
        told += bool(report)
        assert fully_revised(task, program, report).source == task.ideal.source
        for start, end in restored(task.content, slip, task.ideal.source):
            text = task.ideal.source[start:end]
            # It stands there now and did not before: the same words elsewhere would be the wrong place.
            assert not re.search(re.escape(text) + r"(?!\d)", program.source)
    # The values of a chart show only where they are written on the bars.
    assert told >= 8


def test_an_author_slips_as_often_as_asked():
    tasks = Tasks(DOMAINS["slide"], "train")
    slipped = [Author().write(tasks[i], np.random.default_rng(i)).content != tasks[i].content for i in range(300)]
    assert np.mean(slipped) == pytest.approx(Author.slip_rate, abs=0.1)
