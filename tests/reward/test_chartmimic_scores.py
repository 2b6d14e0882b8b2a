"""ChartMimic's scores on traces whose answers are worked out by hand or by trying all assignments."""

import itertools

import numpy as np
import pytest

from vsdpo_jax.reward.chartmimic import (
    NOTHING,
    Score,
    alike,
    best_assignment,
    color,
    scores,
    thin_out,
    visual,
)
from vsdpo_jax.types import ChartTraces, RenderError, Scene


def traces(texts=(), layout=(), types=(), colors=(), axes=1, colors_whole=True, complete=True):
    return ChartTraces(
        tuple(texts), tuple(layout), axes, tuple(types), tuple(colors), colors_whole=colors_whole, complete=complete
    )


ONE_PANEL = (1, 1, 0, 0, 0, 0)
PLAIN = traces(["a", "b"], [ONE_PANEL], [("bar", 1)], [("bar", "#FF0000")])


def f1(found, wanted, **options):
    return {name: score.f1 for name, score in scores(found, wanted, **options).items()}


def test_equal_traces_are_worth_one():
    assert f1(PLAIN, PLAIN) == {"text": 1, "layout": 1, "type": 1, "color": 1}


def test_two_empty_sides_are_worth_nothing_not_one():
    assert scores(traces(), traces()) == dict.fromkeys(("text", "layout", "type", "color"), NOTHING)
    assert scores(None, PLAIN) == scores(PLAIN, None) == dict.fromkeys(("text", "layout", "type", "color"), NOTHING)


def test_texts_count_as_often_as_both_sides_have_them():
    found, wanted = traces(["a", "a", "b"]), traces(["a", "a", "a", "c"])
    # Two of three are right, two of four are there: 2 * (2/3 * 1/2) / (2/3 + 1/2) = 4/7; as sets it would be 1/2.
    score = scores(found, wanted)["text"]
    assert score == Score(2 / 3, 1 / 2, pytest.approx(4 / 7))


def test_texts_are_compared_exactly():
    assert f1(traces(["Rain ", "mm"]), traces(["Rain", "mm"]))["text"] == 0.5


def test_types_count_calls():
    # One call that draws three series against three calls: a third of what is wanted.
    assert f1(traces(types=[("plot", 1)]), traces(types=[("plot", 3)]))["type"] == 0.5
    assert f1(traces(types=[("bar", 1), ("axhline", 1)]), traces(types=[("bar", 1)]))["type"] == pytest.approx(2 / 3)


def test_panels_of_a_graph_count_whatever_their_grid():
    found = traces(layout=[(1, 2, 0, 0, 0, 0), (1, 2, 0, 0, 1, 1)], axes=2)
    wanted = traces(layout=[], axes=2)
    assert f1(found, wanted)["layout"] == 0
    assert f1(found, wanted, graph=True)["layout"] == 1


def test_colors_of_different_functions_do_not_match():
    assert color([("bar", "#FF0000")], [("line", "#FF0000")]).f1 == 0


def test_color_maps_match_by_name_only():
    assert alike("viridis", "viridis") == 1
    assert alike("viridis", "plasma") == 0
    assert alike("viridis", "#440154") == 0


def test_a_recolored_bar_keeps_three_eighths():
    # skyblue against crimson: CIEDE2000 62.49 by the published implementation.
    assert color([("bar", "#87CEEB")], [("bar", "#DC143C")]).f1 == pytest.approx(0.3751, abs=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_assignment_equals_the_best_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    lists = [["#" + "".join(rng.choice(list("0123456789ABCDEF"), 6)) for _ in range(size)] for size in (5, 3)]
    best = max(
        sum(alike(one, other) for one, other in zip(lists[1], chosen, strict=True))
        for chosen in itertools.permutations(lists[0], 3)
    )
    greedy = 0.0
    left = list(lists[0])
    for one in lists[1]:
        other = max(left, key=lambda entry: alike(one, entry))
        greedy += alike(one, other)
        left.remove(other)
    assert best_assignment(lists[0], lists[1]) == pytest.approx(best, abs=1e-12) == best_assignment(*lists[::-1])
    assert greedy <= best + 1e-12


def test_ten_colors_stay_and_eleven_are_thinned_in_order_of_appearance():
    greys = [("line", f"#{level:02X}{level:02X}{level:02X}") for level in range(0, 220, 20)]
    assert len(greys) == 11
    assert thin_out(greys[:10]) == greys[:10]
    kept = thin_out(greys)
    assert kept[0] == greys[0]
    assert 1 < len(kept) < 11
    assert all(alike(a[1], b[1]) <= 0.7 for a, b in itertools.combinations(kept, 2))
    # What is left out is alike to one that stays, and the order decides which one stays.
    assert thin_out(greys[::-1])[0] == greys[-1]
    # Functions are not told apart here: the same color twice is one too many.
    assert thin_out([*greys[:10], ("bar", greys[0][1])]) == thin_out(greys[:10] + [greys[0]])


def test_a_reference_whose_colors_cannot_be_read_has_none():
    broken = traces(colors=[("bar", "#FF0000")], colors_whole=False)
    assert f1(PLAIN, broken)["color"] == 0
    # A scored program is wrapped, so what it had recorded counts.
    assert f1(broken, PLAIN)["color"] == 1


def test_reward_is_low_times_cleanliness_and_needs_traces():
    scene = Scene("x", "chart", traces=PLAIN)
    half = Scene("x", "chart", traces=traces(["a"], [ONE_PANEL], [("barh", 1)], [("bar", "#FF0000")]))
    value, parts = visual(half, scene, ())
    assert parts == {"text": pytest.approx(2 / 3), "layout": 1, "type": 0, "color": 1, "cleanliness": 1}
    assert value == pytest.approx((2 / 3 + 1 + 0 + 1) / 4)
    with pytest.raises(ValueError, match="without traces"):
        visual(half, Scene("x", "chart"), ())
    for reference in (None, Scene("x", "chart", error=RenderError("died", "gone"))):
        assert visual(half, reference, ()) == (1.0, {"cleanliness": 1.0})
