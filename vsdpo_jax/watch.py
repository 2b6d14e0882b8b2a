"""Says in plain words when a run shows a known sign of collapse, or teaches nothing.

The signs: a live or fast teacher that the student has caught up with (its divergence goes to 0 while the reward
falls), entropy collapse, loops of repeated text, responses that shrink or all run into the limit.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping

# Steps in a mean: short enough to warn in time, long enough that one bad batch is no trend.
WINDOW = 10
# Steps for which a warning that was given is not given again.
QUIET = 20

REWARD_DROP = 0.1
KL_SHARE = 0.1
ENTROPY_SHARE = 0.3
REPETITION_RISE = 0.2
LENGTH_SHARE = 0.4
CLIPPED_LIMIT = 0.5

_TREND = ("reward", "self_distillation/kl", "entropy", "completions/repetition_rate", "completions/mean_length")


class Watch:
    """Looks at every step's metrics; `look` returns the warnings that a person should read now.

    Trends compare the last `WINDOW` steps with the best earlier window: none is named in the first 2 * WINDOW steps.
    """

    def __init__(self, rows: Iterable[Mapping[str, float | None]] = ()):
        """`rows`: lines of metrics.jsonl from before a resume, each with its `step`."""
        self._history: dict[str, list[float]] = collections.defaultdict(list)
        self._last_given: dict[str, int] = {}
        for row in rows:
            self._remember(row)

    def look(self, step: int, metrics: Mapping[str, float | None]) -> list[str]:
        """Warnings for a step, none that was given in the last `QUIET` steps."""
        self._remember(metrics)
        warnings = []
        for name, check in _CHECKS.items():
            message = check(self, metrics)
            if message and step - self._last_given.get(name, -QUIET) >= QUIET:
                self._last_given[name] = step
                warnings.append(f"step {step}: {message}")
        return warnings

    def _remember(self, metrics: Mapping[str, float | None]) -> None:
        for name in _TREND:
            if metrics.get(name) is not None:
                self._history[name].append(metrics[name])

    def _trend(self, name: str, best: Callable[[Iterable[float]], float]) -> tuple[float, float] | None:
        """(mean of the best earlier window, mean of the last); None while there are too few steps."""
        values = self._history[name]
        if len(values) < 2 * WINDOW:
            return None
        starts = range(len(values) - 2 * WINDOW + 1)
        earlier = best(sum(values[start : start + WINDOW]) / WINDOW for start in starts)
        return earlier, sum(values[-WINDOW:]) / WINDOW

    def _equal_rewards(self, metrics) -> str | None:
        if metrics.get("frac_reward_zero_std") != 1.0:
            return None
        return (
            "all rewards within every group are equal, so the GRPO term is 0: raise the temperature or the group size"
        )

    def _nothing_distilled(self, metrics) -> str | None:
        if metrics.get("self_distillation/empty_target_batch") != 1.0:
            return None
        return (
            "no token is distilled: every rollout is clean, truncated or without feedback "
            "(see completions/clipped_ratio and config.objective.distil_clean)"
        )

    def _nothing_to_learn_from(self, metrics) -> str | None:
        gradient = metrics.get("grad_norm")
        if gradient is None or gradient >= 1e-4 or metrics.get("skipped_in_a_row"):
            return None
        return f"the gradient's norm is {gradient:.1e}: this step teaches next to nothing"

    def _teacher_caught_up(self, metrics) -> str | None:
        divergence, reward = self._trend("self_distillation/kl", max), self._trend("reward", max)
        if divergence is None or reward is None:
            return None
        if divergence[1] > KL_SHARE * divergence[0] or reward[1] > reward[0] - REWARD_DROP:
            return None
        return (
            f"the divergence to the teacher fell from {divergence[0]:.4f} to {divergence[1]:.4f} while the reward fell "
            f"from {reward[0]:.3f} to {reward[1]:.3f}: student and teacher degrade together; go back to the best "
            "checkpoint and freeze the teacher or lower config.teacher.rate"
        )

    def _reward_fell(self, metrics) -> str | None:
        reward = self._trend("reward", max)
        if reward is None or reward[1] > reward[0] - REWARD_DROP:
            return None
        return f"the reward fell from {reward[0]:.3f} to {reward[1]:.3f}: the best checkpoint lies behind"

    def _entropy_fell(self, metrics) -> str | None:
        entropy = self._trend("entropy", max)
        if entropy is None or entropy[1] > ENTROPY_SHARE * entropy[0]:
            return None
        return f"the entropy fell from {entropy[0]:.3f} to {entropy[1]:.3f} nats a token: rollouts become alike"

    def _repetition_rose(self, metrics) -> str | None:
        repetition = self._trend("completions/repetition_rate", min)
        if repetition is None or repetition[1] < repetition[0] + REPETITION_RISE:
            return None
        return f"repeated text rose from {repetition[0]:.0%} to {repetition[1]:.0%}: responses end in loops"

    def _length_fell(self, metrics) -> str | None:
        length = self._trend("completions/mean_length", max)
        if length is None or length[1] > LENGTH_SHARE * length[0]:
            return None
        return f"responses shrank from {length[0]:.0f} to {length[1]:.0f} tokens"

    def _clipped(self, metrics) -> str | None:
        clipped = metrics.get("completions/clipped_ratio")
        if clipped is None or clipped <= CLIPPED_LIMIT:
            return None
        return f"{clipped:.0%} of the responses ran into config.lengths.response: raise it or look for loops"


_CHECKS = {
    "equal rewards": Watch._equal_rewards,
    "nothing distilled": Watch._nothing_distilled,
    "no gradient": Watch._nothing_to_learn_from,
    "teacher caught up": Watch._teacher_caught_up,
    "reward": Watch._reward_fell,
    "entropy": Watch._entropy_fell,
    "repetition": Watch._repetition_rose,
    "length": Watch._length_fell,
    "clipped": Watch._clipped,
}
