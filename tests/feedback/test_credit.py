"""Blame by hand: who made the defective element carries it, callers share, tokens follow from their own characters."""

import numpy as np
import pytest

from tests.feedback.scenes import make_scene, mark, statements, text
from vsdpo_jax.feedback.credit import assign, responsibilities
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.types import Defect, Element, RenderError, Scene, Statement

SOURCE = "a = 1\nb = 2\nc = 3\n"
A, B, C = statements(SOURCE)


def by_hand(element_statements, defect_statements, defect_box, severity=1.0):
    element = Element("text", (0.0, 0.0, 10.0, 10.0), "x", statements=element_statements)
    defect = Defect("overlap", "m", (defect_box,), (0,), defect_statements, severity)
    return responsibilities(make_scene(element), (defect,))


def test_the_maker_of_the_element_has_all_of_it():
    assert by_hand((B,), (B,), (0.0, 0.0, 10.0, 10.0)) == {A: 0.0, B: 1.0, C: 0.0}


def test_the_share_is_the_intersection_over_the_union():
    # Half of the element: 50 of 100 square pixels.
    assert by_hand((B,), (B,), (0.0, 0.0, 10.0, 5.0))[B] == pytest.approx(0.5)
    # Shifted by half: 50 of 150.
    assert by_hand((B,), (B,), (5.0, 0.0, 15.0, 10.0))[B] == pytest.approx(1 / 3)
    assert by_hand((B,), (B,), (50.0, 0.0, 60.0, 10.0))[B] == 0


def test_callers_share_by_halves():
    assert by_hand((B, C, A), (B, C, A), (0.0, 0.0, 10.0, 10.0)) == {A: 0.25, B: 1.0, C: 0.5}


def test_severity_scales():
    assert by_hand((B,), (B,), (0.0, 0.0, 10.0, 10.0), severity=0.0) == {A: 0.0, B: 0.0, C: 0.0}


def test_the_worst_defect_counts_and_not_the_sum():
    element = Element("text", (0.0, 0.0, 10.0, 10.0), "x", statements=(B,))
    defects = [Defect("overlap", "m", ((0.0, 0.0, 10.0, height),), (0,), (B,)) for height in (5.0, 8.0)]
    assert responsibilities(make_scene(element), defects)[B] == pytest.approx(0.8)


def test_an_error_charges_its_statement():
    scene = Scene(SOURCE, "chart", statements=(A, B, C), error=RenderError("python-error", "m", statement=B))
    assert responsibilities(scene, detect(scene)) == {A: 0.0, B: 1.0, C: 0.0}
    nobody = Scene(SOURCE, "chart", statements=(A, B, C), error=RenderError("oom", "m"))
    assert responsibilities(nobody, detect(nobody)) == {A: 0.0, B: 0.0, C: 0.0}


def weights_of(spans, code_start=0, alpha=3.0, source=SOURCE, guilty=B):
    scene = Scene(
        source, "chart", statements=statements(source), error=RenderError("python-error", "m", statement=guilty)
    )
    return assign(scene, detect(scene), np.array(spans, np.int32), code_start, alpha).weights.tolist()


def test_tokens_by_their_characters():
    # "a = 1\n" is 0–6, "b = 2" is 6–11, its end of line 11–12.
    assert weights_of([[0, 5], [5, 6], [6, 7], [7, 11], [11, 12], [12, 17]]) == [1, 1, 3, 3, 1, 1]
    # One that reaches over the end of a line belongs to what it reaches into.
    assert weights_of([[4, 7], [10, 13]]) == [3, 3]


def test_the_code_may_start_anywhere_in_the_response():
    # "```\n" before the code, and prose after it.
    assert weights_of([[0, 4], [4, 9], [10, 15], [22, 40]], code_start=4) == [1, 1, 3, 1]


def test_special_tokens_and_halves_of_a_character():
    source = "a = 'é'\nb = '日本'\n"
    guilty = statements(source)[1]
    assert source[guilty.start : guilty.end] == "b = '日本'"
    # A character of three bytes in three tokens: the first has it, or each has it; either way the rest is right.
    first = [[12, 12], [12, 13], [13, 13], [13, 13], [13, 15], [17, 17]]
    each = [[13, 14], [13, 14], [13, 14], [14, 16]]
    assert weights_of(first, source=source, guilty=guilty) == [1, 3, 1, 1, 3, 1]
    assert weights_of(each, source=source, guilty=guilty) == [3, 3, 3, 3]


def test_the_innermost_statement_decides():
    source = "for i in x:\n    f(i)\n"
    outer, inner = Statement(0, 20, 1, 2), Statement(16, 20, 2, 2)
    for guilty, expected in ((outer, [3, 1]), (inner, [1, 3])):
        error = RenderError("python-error", "m", statement=guilty)
        scene = Scene(source, "chart", statements=(outer, inner), error=error)
        spans = np.array([[0, 3], [16, 18]])
        assert assign(scene, detect(scene), spans, 0, 3.0).weights.tolist() == expected


def test_alpha_below_one_is_refused():
    with pytest.raises(ValueError, match=r"alpha=0.5"):
        weights_of([[0, 1]], alpha=0.5)
    assert set(weights_of([[0, 5], [6, 11]], alpha=1.0)) == {1.0}


@pytest.mark.parametrize("seed", range(20))
def test_weights_lie_between_one_and_alpha_and_only_on_the_accused(seed):
    random = np.random.default_rng(seed)
    elements = []
    for index in range(8):
        left, top = random.uniform(-20, 180), random.uniform(-10, 90)
        box = (left, top, left + random.uniform(5, 60), top + random.uniform(6, 20))
        make = text if index % 2 else lambda _, *rest, **more: mark("bar", *rest, **more)
        elements.append(make(f"t{index}", box, group=f"g{index}", line=int(random.integers(1, 4))))
    scene = make_scene(*elements)
    defects = detect(scene)
    cuts = np.unique(random.integers(0, len(SOURCE) + 4, 9))
    spans = np.stack([cuts[:-1], cuts[1:]], axis=1)
    alpha = float(random.uniform(1, 9))
    credit = assign(scene, defects, spans, 0, alpha)
    assert credit.weights.shape == (len(spans),) and credit.weights.dtype == np.float32
    assert (credit.weights >= 1).all() and (credit.weights <= alpha + 1e-5).all()
    assert all(0 <= share <= 1 for _, share in credit.responsibility)
    accused = {statement for defect in defects for statement in defect.statements}
    for (start, end), weight in zip(spans, credit.weights, strict=True):
        assert weight == 1 or any(one.start < end and start < one.end for one in accused)
    assert (assign(scene, (), spans, 0, alpha).weights == 1).all()


def test_who_was_named_by_the_model_has_all_of_it_even_if_it_drew_something_else():
    # C made another thing, far away: its likeness to the region is 0, which must not free it.
    elements = Element("text", (0.0, 0.0, 10.0, 10.0), "x"), Element("bar", (90.0, 40.0, 99.0, 60.0), statements=(C,))
    defect = Defect("overlap", "m", ((0.0, 0.0, 10.0, 10.0),), (0,), (C,))
    assert responsibilities(make_scene(*elements), (defect,)) == {A: 0.0, B: 0.0, C: 1.0}


def test_the_first_statement_of_a_defect_carries_most_of_it():
    bar = mark("bar", (20, 20, 100, 90), line=1)
    label = text("wide label", (80, 30, 140, 44), line=3)
    scene = make_scene(bar, label)
    for defect in detect(scene):
        blame = responsibilities(scene, (defect,))
        shares = [blame[statement] for statement in defect.statements]
        assert shares == sorted(shares, reverse=True) and shares[0] == max(blame.values())
    assert detect(scene)[0].statements[0] == C
