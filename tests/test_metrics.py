"""What is written survives a kill and a resume; figures of rollouts by hand."""

import json
import types

import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from vsdpo_jax import metrics
from vsdpo_jax.types import Credit, Defect, GradedRollout, Prompt, RenderError, Reward, Rollout, RolloutGroup, Scene


def read(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def scalars(folder):
    """(tag, step, value) of every event, parsed from the record framing: length, its checksum, data, its checksum."""
    found = []
    for path in sorted((folder / "tensorboard").iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], "little")
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + length])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            at += 16 + length
    return found


def test_a_line_and_an_event_for_each_step(tmp_path):
    with metrics.MetricsWriter(tmp_path) as writer:
        writer.write(1, {"loss": np.float32(0.5), "reward": 1})
        writer.write(2, {"loss": float("nan"), "reward": float("inf")})
    assert read(tmp_path) == [{"step": 1, "loss": 0.5, "reward": 1.0}, {"step": 2, "loss": None, "reward": None}]
    assert scalars(tmp_path) == [("loss", 1, 0.5), ("reward", 1, 1.0)]


def test_every_line_is_on_disk_before_write_returns(tmp_path):
    writer = metrics.MetricsWriter(tmp_path)
    writer.write(1, {"loss": 1.0})
    assert read(tmp_path) == [{"step": 1, "loss": 1.0}]


def test_resume_drops_what_will_be_made_again(tmp_path):
    with metrics.MetricsWriter(tmp_path) as writer:
        for step in range(1, 6):
            writer.write(step, {"loss": float(step)})
    with metrics.MetricsWriter(tmp_path, resume_step=3) as writer:
        assert [row["step"] for row in writer.rows] == [1, 2, 3]
        writer.write(4, {"loss": 40.0})
    assert [(row["step"], row["loss"]) for row in read(tmp_path)] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]
    # TensorBoard names its files by the second, and both were opened within one: the first would be gone.
    assert {("loss", 5, 5.0), ("loss", 4, 40.0)} <= set(scalars(tmp_path))


@pytest.mark.parametrize(
    "damage", ['{"step": 3, "lo', "{", "null", "7", '{"loss": 1.0}', '{"step": null}', '{"step": "3"}', "\x00\x00"]
)
def test_a_line_that_was_cut_short_is_dropped(tmp_path, damage):
    whole = '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": 2.0}\n'
    (tmp_path / "metrics.jsonl").write_text(whole + damage)
    with metrics.MetricsWriter(tmp_path, resume_step=9) as writer:
        writer.write(3, {"loss": 3.0})
    assert [row["step"] for row in read(tmp_path)] == [1, 2, 3]


def rollout(tokens, *, reward=0.5, truncated=False, weights=None, error=None, kinds=(), parts=None):
    weights = np.ones(len(tokens), np.float32) if weights is None else np.array(weights, np.float32)
    scene = Scene("", "chart", error=RenderError(error, "message") if error else None)
    defects = tuple(Defect(kind, "", severity=severity) for kind, severity in kinds)
    drawn = Rollout("id", np.asarray(tokens, np.int32), np.zeros(len(tokens)), "", np.zeros((0, 2)), "", 0, truncated)
    return GradedRollout(drawn, scene, defects, Credit((), weights), Reward(reward, 1.0, reward, parts or {}), "")


def group(*members):
    return RolloutGroup(Prompt("id", "chart", ""), members)


def test_rollout_figures_by_hand():
    groups = [
        group(
            rollout(
                range(4), reward=1.0, weights=[1, 4, 2.5, 1], kinds=[("overlap", 1), ("overlap", 1)], parts={"text": 1}
            ),
            rollout(range(8), reward=0.0, truncated=True, error="timeout"),
        ),
        group(
            rollout(range(2), reward=0.5, kinds=[("off_canvas", 1), ("overlap", 0)], parts={"text": 0.5}),
            rollout(range(2), reward=0.5),
        ),
    ]
    assert metrics.rollout_metrics(groups, success=0.5) == {
        "reward_std": 0.25,  # (0.5 + 0) / 2 over groups; over all rewards it would be 0.354
        "frac_reward_zero_std": 0.5,
        "self_distillation/success_sample_fraction": 0.75,  # rewards 1, 0, 0.5, 0.5 against 0.5
        "self_distillation/success_group_fraction": 1.0,
        "self_distillation/feedback_available_fraction": 0.0,
        "rewards/text/mean": 0.75,  # of the two that have it
        "rewards/text/std": 0.25,
        "completions/mean_length": 4.0,
        "completions/min_length": 2.0,
        "completions/max_length": 8.0,
        "completions/mean_terminated_length": pytest.approx(8 / 3),
        "completions/min_terminated_length": 2.0,
        "completions/max_terminated_length": 4.0,
        "completions/clipped_ratio": 0.25,
        "completions/repetition_rate": 0.0,
        "completions/num_tokens": 16.0,
        "credit/weight_mean": pytest.approx(20.5 / 16),  # per token; the mean of rollouts' means would be 1.281
        "credit/weight_max": 4.0,
        "credit/guilty_fraction": 2 / 16,
        "errors/timeout": 0.25,
        "defects/off_canvas": 0.25,
        "defects/overlap": 0.5,  # a remark of severity 0 is not counted
    }


def test_metrics_of_several_updates():
    history = [
        {"loss": 1.0, "ratio/min": 0.5, "ratio/max": 2.0, "skipped_in_a_row": 1},
        {"loss": 2.0, "ratio/min": 0.1, "ratio/max": 3.0, "skipped_in_a_row": 0},
    ]
    assert metrics.mean_metrics(history) == {
        "loss": 1.5,
        "ratio/min": 0.1,
        "ratio/max": 3.0,  # their mean, 2.5, is no maximum
        "skipped_in_a_row": 0.0,  # the mean, 0.5, would stop a run that has recovered
    }


def test_figures_of_empty_and_of_truncated_responses():
    found = metrics.rollout_metrics([group(rollout([], truncated=True), rollout([], truncated=True))])
    assert found["completions/mean_terminated_length"] == 0.0
    assert found["credit/weight_mean"] == 0.0 and found["credit/weight_max"] == 1.0


def test_repetition_rate():
    assert metrics.repetition_rate(np.arange(100)) == 0.0
    # Period 2: of 100 - 16 + 1 = 85 runs, 2 are new.
    assert metrics.repetition_rate(np.tile([5, 6], 50)) == pytest.approx(83 / 85)
    # 40 fresh ids twice: 65 runs, of which 25 lie wholly in the second copy and repeat one.
    assert metrics.repetition_rate(np.tile(np.arange(40), 2)) == pytest.approx(25 / 65)
    assert metrics.repetition_rate(np.zeros(16)) == 0.0


def make_batch(distil=((True, False),)):
    valid = lambda *rows: types.SimpleNamespace(valid=np.array(rows, bool))  # noqa: E731
    return types.SimpleNamespace(
        prefix=valid([1, 1, 1, 0]),
        student=valid([1, 1], [1, 0]),
        teacher=valid([1, 0], [0, 0]),
        images=valid([1, 1]),
        response_ngr=np.array([[[1, 1, 1, 0], [1, 1, 0, 0]]], bool),
        distil_ng=np.array(distil),
        shortened_ng=np.array([[False, True]]),
        weights_ngr=np.array([[[1, 4, 1, 4], [4, 1, 1, 1]]], np.float32),
    )


def test_batch_figures_by_hand():
    assert metrics.batch_metrics(make_batch()) == {
        "padding/prefix": 0.25,
        "padding/student": 0.25,
        "padding/teacher": 0.75,
        "padding/response": 0.375,
        "padding/images": 0.0,
        "self_distillation/reprompt_sample_fraction": 0.5,
        "self_distillation/feedback_shortened_fraction": 0.5,
        "self_distillation/empty_target_batch": 0.0,
    }
    assert metrics.batch_metrics(make_batch([[False, False]]))["self_distillation/empty_target_batch"] == 1.0


def test_divergence_is_split_by_defect_and_by_outcome():
    groups = [group(rollout(range(3)), rollout(range(2), error="python-error"))]
    divergence = np.array([[[1.0, 5.0, 3.0, 99.0], [7.0, 9.0, 99.0, 99.0]]])
    # Only the first rollout is distilled: its defect token has 5, the others 1 and 3. Padding, 99, never counts.
    uplift = -divergence / 2
    assert metrics.divergence_metrics(divergence, uplift, make_batch(), groups) == {
        "self_distillation/uplift_defect": -2.5,
        "self_distillation/uplift_non_defect": -1.0,
        "self_distillation/uplift_pass": -1.5,
        "self_distillation/kl_defect": 5.0,
        "self_distillation/kl_non_defect": 2.0,
        "self_distillation/kl_pass": 3.0,
        "self_distillation/kl_p99": pytest.approx(4.96),
        "self_distillation/kl_max": 5.0,
    }
    both = metrics.divergence_metrics(divergence, uplift, make_batch([[True, True]]), groups)
    assert both["self_distillation/kl_fail"] == 8.0 and both["self_distillation/kl_defect"] == 6.0
    assert metrics.divergence_metrics(divergence, uplift, make_batch([[False, False]]), groups) == {}
