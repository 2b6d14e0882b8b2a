"""The best evaluation is found again from what a run wrote."""

from vsdpo_jax.best import Best

ROWS = [
    {"step": 0, "eval/reward": 0.3},
    {"step": 1, "reward": 0.9},
    {"step": 2, "eval/reward": 0.5, "loss": 1.0},
    {"step": 4, "eval/reward": 0.5},
    {"step": 6, "eval/reward": None},
]


def test_the_earlier_of_equals_is_the_best():
    best = Best.of(ROWS)
    assert (best.step, best.reward, best.last, best.since) == (2, 0.5, 4, 1)


def test_it_gives_up_after_so_many_evaluations_without_gain():
    best = Best.of(ROWS)
    assert best.gave_up(1) and not best.gave_up(2) and not best.gave_up(0)
    assert not best.add(6, 0.4) and best.gave_up(2)
    assert best.add(8, 0.6) and not best.gave_up(1)


def test_an_evaluation_that_is_made_again_counts_once():
    best = Best.of(ROWS)
    assert not best.add(4, 0.5) and best.since == 1
    assert best.add(6, 0.7) and best.add(6, 0.7) and best.since == 0


def test_nothing_evaluated_yet():
    best = Best()
    assert best.step is None and best.last is None and not best.gave_up(1)
