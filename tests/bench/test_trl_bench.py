"""The comparison with TRL: the same workload on both sides, and figures that are computed as they read."""

import numpy as np
import pytest

from vsdpo_jax.bench import synthetic, trl
from vsdpo_jax.bench.channel import Taken
from vsdpo_jax.errors import UserError


def test_both_teachers_and_students_read_the_same_number_of_tokens():
    config = synthetic.model_config(trl.TEXT | {"mrope_section": (6, 5, 5)})
    batch, work = synthetic.batch(config, trl.SHAPE), trl.theirs(micro_batches=1)
    prompts, feedback = np.array(work["prompt_lengths"]), np.array(work["feedback_lengths"])
    students = batch.prefix.valid.sum(-1) + batch.student.valid.sum(-1)
    teachers = batch.prefix.valid.sum(-1) + batch.teacher.valid.sum(-1)
    np.testing.assert_array_equal(students, np.repeat(prompts[:, None] + 192, 8, axis=1))
    np.testing.assert_array_equal(teachers, np.repeat((prompts + trl.TEMPLATE + feedback)[:, None] + 192, 8, axis=1))
    # The figures of the baseline: 64 padded students of 176 + 192 tokens and teachers of 429 + 192.
    assert (prompts.max(), (prompts + trl.TEMPLATE + feedback).max()) == (176, 429)
    assert round(prompts.mean()) == 168


def test_model_has_the_size_of_the_baseline():
    text = trl.TEXT
    attention = text["head_dim"] * (2 * text["num_attention_heads"] + 2 * text["num_key_value_heads"])
    layer = text["hidden_size"] * (attention + 3 * text["intermediate_size"])
    assert round((6 * layer + text["vocab_size"] * text["hidden_size"]) / 1e6, 2) == 5.57


def test_ratios_are_of_medians_and_name_the_slower():
    def answers(stage, *seconds, peak):
        return [Taken(stage, value, value, 0.0, peak) for value in seconds]

    taken = {("ours", stage): answers(stage, 1.0, 2.0, 9.0, peak=1.0) for stage in trl.STAGES}
    taken |= {("TRL", stage): answers(stage, 5.0, 6.0, 70.0, peak=3.0) for stage in trl.STAGES}
    lines = {line.name: line for line in trl.lines(taken)}
    # Of means it would be 27 / 4 = 6.75.
    assert lines["trl/update/TRL"].ratio == 3.0
    assert "3.00x the time and 3.00x the memory" in lines["trl/update/TRL"].note
    assert "6144 tokens/s" in lines["trl/generate/ours"].note
    assert lines["trl/tokens/student"].note == "TRL: 23552"


def test_an_environment_that_cannot_be_made_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(trl, "REQUIREMENTS", ("./no/such/folder",))
    with pytest.raises(UserError, match="TRL's environment cannot be made in"):
        trl.environment(tmp_path / "trl")
    assert not (tmp_path / "trl" / "complete").exists()
