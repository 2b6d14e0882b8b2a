"""What holds of the tasks of every domain: hidden decisions, spans, habits, failures, and clean references."""

import dataclasses

import numpy as np
import pytest

from tests.data.revised import fully_revised
from vsdpo_jax.data.tasks import DOMAINS
from vsdpo_jax.data.tasks.author import Author, guilty_decisions
from vsdpo_jax.data.tasks.domain import SPLITS, Tasks
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.types import Defect, Statement

FAILURES = [(name, failure) for name, domain in DOMAINS.items() for failure in domain.failures]


@pytest.fixture(params=DOMAINS)
def domain(request):
    return DOMAINS[request.param]


@pytest.fixture(scope="module")
def farm():
    with RenderFarm(workers=1) as farm:
        yield farm


def all_of(program):
    """A defect of no particular kind that every statement caused."""
    lines = program.source.count("\n") + 1
    return Defect("execution_error", "", statements=(Statement(0, len(program.source), 1, lines),))


def test_no_instruction_occurs_in_two_splits(domain):
    seen = [{task.instruction for task in Tasks(domain, split, 300)} for split in SPLITS]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_instruction_says_nothing_of_what_is_only_seen(domain):
    for task in Tasks(domain, "train", 50):
        other = {name: next(iter(domain.habits[name])) for name in domain.seen}
        assert (
            dataclasses.replace(task, decisions=dataclasses.replace(task.decisions, **other)).instruction
            == task.instruction
        )
        assert not any(str(getattr(task.decisions, name)) in task.instruction.split() for name in domain.seen)


def test_what_is_only_seen_varies(domain):
    tasks = Tasks(domain, "train", 200)
    for name in domain.seen:
        assert len({getattr(task.decisions, name) for task in tasks}) > 1, name


def test_spans_hold_the_decided_values(domain):
    for task in Tasks(domain, "train", 20):
        program = Author(0.3, 0.3, 0.0).write(task, np.random.default_rng(1))
        assert len(program.roles) == program.source.count("\n") + 1
        for name, (start, end) in program.spans.items():
            value = getattr(program.decisions, name)
            if isinstance(value, (int, float, str)) and not isinstance(value, bool) and name not in ("kind", "legend"):
                assert program.source[start:end] == str(value), name


def test_author_has_every_habit_and_full_skill_is_ideal(domain):
    tasks, author = Tasks(domain, "train"), Author(skill=0.0, sight=0.0)
    programs = [author.write(tasks[i], np.random.default_rng(i)) for i in range(400)]
    for name, habit in domain.habits.items():
        assert {getattr(program.decisions, name) for program in programs} == set(habit), name
    assert Author(1.0, 1.0, 0.0, 0.0).write(tasks[0], np.random.default_rng(0)).source == tasks[0].ideal.source


@pytest.mark.parametrize(("name", "failure"), FAILURES, ids=lambda value: "-".join(value).replace(" ", "_"))
def test_a_failure_is_written_raises_and_is_corrected(farm, name, failure):
    task = Tasks(DOMAINS[name], "train")[5]
    program = task.write(dataclasses.replace(task.decisions, failures=(failure,)))
    scene = farm.submit(program.source, task.domain.kind, max_side=320).result()
    assert scene.error is not None and scene.error.status == "python-error"
    report = detect(scene)
    assert fully_revised(task, program, report).source == task.ideal.source


def test_all_that_was_written_can_be_blamed(domain):
    """A reviser who is told of every kind of defect at every statement corrects all that differs and is there."""
    kinds = ("overlap", "missing_text", *domain.blame.relevant)
    for index in range(20):
        task = Tasks(domain, "train")[index]
        program = Author(0.3, 0.3, 0.0).write(task, np.random.default_rng(index))
        blamed = set()
        for kind in kinds:
            defect = dataclasses.replace(all_of(program), kind=kind)
            blamed |= guilty_decisions(task, program, defect)
        differing = {n for n in domain.habits if getattr(task.decisions, n) != getattr(program.decisions, n)}
        written = {n for n in differing if n in program.spans} | differing & set(domain.blame.presence)
        assert written <= blamed <= differing


@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_references_run_and_are_clean(domain, farm, count):
    """A few of a hundred drawings may fail and are drawn again; most must not, or training would wait for them."""
    tasks = Tasks(domain, "heldout")
    scenes = [farm.submit(tasks[i].ideal.source, domain.kind, max_side=320) for i in range(count)]
    flawed = [s for s in (f.result() for f in scenes) if s.error or any(d.severity > 0 for d in detect(s))]
    assert len(flawed) <= 0.05 * count
