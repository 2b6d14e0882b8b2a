"""The generated chart tasks: disjoint splits, determinism, what the instruction may say, authors and revisers."""

import dataclasses

import numpy as np
import pytest

from tests.data.revised import fully_revised
from vsdpo_jax.data.tasks import words
from vsdpo_jax.data.tasks.author import Author, correction, guilty_decisions, revise
from vsdpo_jax.data.tasks.chart import CHART, HABITS
from vsdpo_jax.data.tasks.domain import SPLITS, Tasks, split_pairs
from vsdpo_jax.types import Defect, Statement


def _defect(program, kind, role):
    """A defect of `kind` traced to the statement with `role`."""
    line = program.roles.index(role) + 1
    lines = program.source.split("\n")
    start = sum(len(text) + 1 for text in lines[: line - 1])
    return Defect(kind, "", statements=(Statement(start, start + len(lines[line - 1]), line, line),))


def _task(**features):
    tasks = Tasks(CHART, "train")
    return next(task for task in tasks if all(getattr(task.decisions, k) == v for k, v in features.items()))


def test_splits_partition_the_pairs():
    pairs = [pair for split in SPLITS for pair in split_pairs(split)]
    assert len(pairs) == len(set(pairs)) == len(words.SUBJECTS) * len(words.GROUPS)


def test_titles_name_their_pair():
    """Disjoint pairs give disjoint titles: no pattern makes the same title of two pairs."""
    made = {}
    for pattern in words.TITLES:
        for s, subject in enumerate(words.SUBJECTS):
            for g, group in enumerate(words.GROUPS):
                title = pattern.format(subject=subject.name, lower=subject.name.lower(), group=group.name, year="2022")
                assert made.setdefault(title, (s, g)) == (s, g)


def test_no_instruction_occurs_in_two_splits():
    seen = {split: {task.instruction for task in Tasks(CHART, split, 1000)} for split in SPLITS}
    assert not seen["heldout"] & seen["train"]
    assert not seen["heldout"] & seen["warmstart"]
    assert not seen["train"] & seen["warmstart"]


def test_tasks_depend_on_their_index_only():
    assert Tasks(CHART, "train", 20)[7] == Tasks(CHART, "train")[7]
    assert Tasks(CHART, "train")[7] != Tasks(CHART, "train")[8]
    assert Tasks(CHART, "train").variant(7, 1) != Tasks(CHART, "train")[7]


def test_unknown_split_and_index_are_refused():
    with pytest.raises(ValueError, match="heldout"):
        Tasks(CHART, "test")
    with pytest.raises(IndexError):
        Tasks(CHART, "train", 3)[3]


def test_instruction_states_the_text_and_hides_kind_and_color():
    kinds = {}
    for task in Tasks(CHART, "train", 300):
        content = task.content
        stated = (content.title, content.unit, content.note, content.series, *content.labels, *map(str, content.values))
        for text in stated:
            assert text in task.instruction
        # The same instruction with another kind and other colours: it cannot depend on them.
        other = dataclasses.replace(task.decisions, kind="line", color="pink", title_color="gray")
        assert dataclasses.replace(task, decisions=other).instruction == task.instruction
        kinds[task.decisions.kind] = kinds.get(task.decisions.kind, 0) + 1
    assert min(kinds[kind] for kind in ("bar", "barh", "line", "scatter")) > 40


def test_spans_hold_the_decided_values():
    program = _task(show_values=True).ideal
    decisions = program.decisions
    for name in ("color", "title_size", "title_color", "rotation", "value_size", "margin"):
        start, end = program.spans[name]
        assert program.source[start:end] == str(getattr(decisions, name))
    assert program.source[slice(*program.spans["tight"])] == "fig.tight_layout()"
    assert len(program.roles) == program.source.count("\n") + 1


def test_wording_is_what_no_decision_chose():
    program = _task(kind="scatter").ideal
    rotation, size = program.decisions.rotation, program.decisions.label_size
    [line] = [line for line in program.source.split("\n") if "tick_params" in line]
    words = [program.source[start:end] for start, end in program.wording("ticks")]
    assert words == ["ax.tick_params(axis='x', labelrotation=", ", labelsize=", ")"]
    assert line == f"{words[0]}{rotation}{words[1]}{size}{words[2]}"
    assert program.wording("values") == ()


@pytest.mark.parametrize("failure", CHART.failures, ids=lambda failure: "-".join(failure).replace(" ", "_"))
def test_failures_are_written_and_corrected(failure):
    task = _task(kind="bar")
    program = task.write(dataclasses.replace(task.decisions, failures=(failure,)))
    assert program.source != task.ideal.source
    line = "mark" if failure[0] == "data" else failure[0]
    report = [_defect(program, "execution_error", line)]
    assert fully_revised(task, program, report).source == task.ideal.source


@pytest.mark.parametrize(
    ("kind", "role", "name", "value"),
    [
        ("low_contrast", "title", "title_color", "yellow"),
        ("unreadable_size", "title", "title_size", 4),
        ("clipped_text", "title", "title_size", 24),
        ("overlap", "ticks", "label_size", 20),
        ("unreadable_size", "values", "value_size", 4),
        ("overlap", "values", "value_size", 36),
        ("wrong_color", "mark", "color", "pink"),
        ("wrong_type", "mark", "kind", "barh"),
        ("clipped_text", "ticks", "tight", False),
    ],
)
def test_a_reported_defect_is_corrected_and_nothing_else(kind, role, name, value):
    task = _task(kind="bar", show_values=True)
    flawed = dataclasses.replace(task.decisions, **{name: value})
    program = task.write(flawed)
    revised = fully_revised(task, program, [_defect(program, kind, role)])
    assert revised.source == task.ideal.source
    # A second flaw, elsewhere and unreported, stays.
    second = {"note_x": 0.95} if task.content.note else {"rotation": 45}
    both = task.write(dataclasses.replace(flawed, **second))
    revised = fully_revised(task, both, [_defect(both, kind, role)])
    if kind not in ("overlap", "clipped_text") or role != "ticks":
        assert revised.source == task.write(dataclasses.replace(task.decisions, **second)).source


def test_what_was_reported_of_one_program_is_minded_in_another():
    task = _task(kind="bar", show_values=True)
    first = task.write(dataclasses.replace(task.decisions, title_size=24, value_size=4))
    second = task.write(dataclasses.replace(task.decisions, title_size=4, value_size=36))
    minded = correction(task, first, [_defect(first, "clipped_text", "title")], np.random.default_rng(0), skill=1.0)
    assert minded.decisions == {"title_size"}
    # Nobody complained about the values, neither those of the first program nor these.
    wanted = dataclasses.replace(task.decisions, value_size=36)
    assert revise(task, second, minded).source == task.write(wanted).source


def test_no_report_changes_nothing():
    task = _task(kind="bar")
    program = Author(skill=0.0, sight=0.0).write(task, np.random.default_rng(3))
    assert fully_revised(task, program, []).source == program.source


def test_author_with_full_skill_writes_the_ideal_program():
    task = _task(kind="line")
    assert Author(1.0, 1.0, 0.0).write(task, np.random.default_rng(0)).source == task.ideal.source


def test_author_is_seeded_and_uses_every_habit():
    tasks, author = Tasks(CHART, "train"), Author(skill=0.0, sight=0.0)
    assert author.write(tasks[0], np.random.default_rng(5)) == author.write(tasks[0], np.random.default_rng(5))
    programs = [author.write(tasks[i], np.random.default_rng(i)) for i in range(400)]
    for name, habit in HABITS.items():
        assert {getattr(program.decisions, name) for program in programs} == set(habit), name


def test_guilt_is_limited_to_decisions_that_differ():
    task = _task(kind="bar")
    program = task.ideal
    assert guilty_decisions(task, program, _defect(program, "overlap", "title")) == set()
