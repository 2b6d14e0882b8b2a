"""A healthy run is left in peace; each sign of collapse is named once, in time, and in words."""

import numpy as np
import pytest

from vsdpo_jax.watch import QUIET, WINDOW, Watch

HEALTHY = {
    "reward": 0.6,
    "self_distillation/kl": 0.05,
    "entropy": 0.8,
    "completions/repetition_rate": 0.02,
    "completions/mean_length": 300.0,
    "completions/clipped_ratio": 0.02,
    "frac_reward_zero_std": 0.1,
    "self_distillation/empty_target_batch": 0.0,
    "grad_norm": 0.4,
}


def look(steps, change=None, watch=None, first=1):
    """All warnings of a run; `change(share of the run)` gives the metrics that differ from a healthy run's."""
    watch, rng = watch or Watch(), np.random.default_rng(0)
    warnings = []
    for step in range(first, first + steps):
        noisy = {name: value * rng.uniform(0.9, 1.1) for name, value in HEALTHY.items()}
        warnings += watch.look(step, noisy | (change((step - first) / steps) if change else {}))
    return warnings


def test_a_healthy_run_says_nothing():
    assert look(300) == []


def test_a_run_that_learns_says_nothing():
    # The divergence may well fall to nothing while the reward rises: that is the goal.
    def change(share):
        return {
            "reward": 0.3 + 0.5 * share,
            "self_distillation/kl": 0.2 * (1 - share) ** 4,
            "entropy": 0.9 - 0.5 * share,
        }

    assert look(200, change) == []


@pytest.mark.parametrize(
    "change, words",
    [
        (
            lambda s: {"reward": 0.7 - 0.6 * s, "self_distillation/kl": 0.2 * (1 - s) ** 4},
            "student and teacher degrade",
        ),
        (lambda s: {"reward": 0.7 - 0.4 * s}, "the best checkpoint lies behind"),
        (lambda s: {"entropy": 0.8 * (1 - s) ** 2}, "rollouts become alike"),
        (lambda s: {"completions/repetition_rate": 0.02 + 0.6 * s}, "loops"),
        (lambda s: {"completions/mean_length": 300 * (1 - 0.9 * s)}, "responses shrank"),
        (lambda s: {"completions/clipped_ratio": s}, "config.lengths.response"),
        (lambda s: {"frac_reward_zero_std": 1.0}, "the GRPO term is 0"),
        (lambda s: {"self_distillation/empty_target_batch": 1.0}, "no token is distilled"),
        (lambda s: {"grad_norm": 1e-5}, "teaches next to nothing"),
    ],
)
def test_each_sign_is_named(change, words):
    warnings = look(100, change)
    assert any(words in warning for warning in warnings), warnings
    assert all(warning.startswith("step ") for warning in warnings)


def test_a_collapse_is_named_before_the_reward_is_gone():
    # The reward starts to fall at step 41, by 0.02 a step; at step 60 it still stands at 0.2.
    warnings = look(100, lambda s: {"reward": 0.6 - 0.02 * max(0.0, 100 * s - 40)})
    assert int(warnings[0].split()[1].rstrip(":")) <= 60


def test_a_warning_is_not_repeated_at_once():
    warnings = look(2 * QUIET + 1, lambda s: {"frac_reward_zero_std": 1.0})
    assert [int(warning.split()[1].rstrip(":")) for warning in warnings] == [1, 1 + QUIET, 1 + 2 * QUIET]


def test_metrics_that_are_missing_or_null_are_no_sign():
    watch = Watch()
    for step in range(3 * WINDOW):
        assert watch.look(step, {"loss": 1.0, "reward": None, "grad_norm": None}) == []


def test_a_resumed_run_remembers():
    before = [{"step": step, **HEALTHY} for step in range(1, 31)]
    fallen = lambda share: {"reward": 0.2}  # noqa: E731
    assert any("lies behind" in warning for warning in look(WINDOW, fallen, Watch(before), first=31))
    assert look(WINDOW, fallen, Watch(), first=31) == []


def test_a_skipped_update_has_no_gradient_to_warn_of():
    assert look(5, lambda s: {"grad_norm": 0.0, "skipped_in_a_row": 1.0}) == []
