"""Which statement of a chain comes first: the one that wrote the bad value down."""

import pytest

from vsdpo_jax.feedback.credit import CALLER_SHARE, responsibilities
from vsdpo_jax.feedback.defect import make_defect, responsible
from vsdpo_jax.render.statements import Program
from vsdpo_jax.types import Element, Scene

PROGRAM = """def card(left, words):
    shape = add_shape(Inches(left), WIDTH, names[0])
    shape.size = Pt(9)
    if words:
        shape.text = words
    return shape
def note(top):
    return add_textbox(Inches(0.7), Inches(top))
card(6.6, 'Market')
note(3)
pale = '#eee'
title = add_title('Rain')
title.color = pale
"""
BOX = (0.0, 0.0, 50.0, 20.0)


def statement(line):
    return next(one for one in reversed(Program(PROGRAM).statements) if one.line_start == line)


def scene_of(*elements, kind="pptx"):
    return Scene(PROGRAM, kind, width=200, height=100, elements=elements, statements=Program(PROGRAM).statements)


def order(lines, kind="off_canvas", styles=(), domain="pptx"):
    changes = tuple((name, statement(line)) for name, line in styles)
    element = Element("shape", BOX, statements=tuple(map(statement, lines)), styles=changes)
    return [one.line_start for one in responsible(scene_of(element, kind=domain), element, kind)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([2, 9], [9, 2]),  # An index and names only: the call wrote 6.6.
        ([3, 9], [3, 9]),  # A number of the helper's own.
        ([5, 9], [9, 5]),  # Below an `if` it is still in the function.
        ([8, 10], [8, 10]),  # Half of the place is the helper's.
        ([2], [2]),
    ],
)
def test_a_helper_that_only_passes_on_stands_behind_its_call(lines, expected):
    assert order(lines) == expected


def test_what_was_called_is_wrong_in_the_helper_itself():
    assert order([2, 9], kind="wrong_type") == [2, 9]


def test_tags_of_a_page_pass_nothing_on():
    assert order([2, 9], domain="web") == [2, 9]


def test_a_change_of_looks_outside_of_functions_stays_in_front():
    # It has no value in it either, but nobody called it.
    assert order([12], kind="low_contrast", styles=[("color", 13)]) == [13, 12]


def test_the_call_gets_the_whole_blame_and_the_helper_half():
    shape = Element("shape", BOX, statements=(statement(2), statement(9)))
    scene = scene_of(shape)
    blame = responsibilities(scene, [make_defect("off_canvas", "m", scene, [0])])
    assert (blame[statement(9)], blame[statement(2)]) == (1.0, CALLER_SHARE)
