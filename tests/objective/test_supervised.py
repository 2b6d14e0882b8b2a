"""The supervised objective by hand: what each branch's tokens weigh, and what a loss is divided by."""

import types

import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict

from vsdpo_jax.objective import supervised
from vsdpo_jax.objective.terms import denominators

# Two targets of two tokens; the second follows no feedback.
PLAIN, AFTER_FEEDBACK = -jnp.array([[[1.0, 2.0], [3.0, 4.0]]]), -jnp.array([[[0.5, 1.0], [9.0, 9.0]]])


@pytest.fixture
def losses(monkeypatch):
    monkeypatch.setattr(supervised, "read_prompt", lambda *_, **__: (None, None))
    monkeypatch.setattr(supervised, "read_response", lambda _, continuation, *__: continuation)
    monkeypatch.setattr(supervised, "batch_statistics", lambda logp, *_: types.SimpleNamespace(logp=logp))

    def compute(**weights):
        batch = types.SimpleNamespace(
            student=PLAIN,
            teacher=AFTER_FEEDBACK,
            targets_ngr=jnp.zeros((1, 2, 2), jnp.int32),
            response_ngr=jnp.ones((1, 2, 2), bool),
            distil_ng=jnp.array([[True, False]]),
            policy_ng=jnp.ones((1, 2), bool),
            **weights,
        )
        objective = ConfigDict({"revision_weight": 0.5})
        model = types.SimpleNamespace(head=lambda: None)
        loss, metrics, _ = supervised.sft_losses(model, batch, objective, denominators(batch, "token"))
        return {name: float(value) for name, value in (metrics | {"loss": loss}).items()}

    return compute


def test_each_branch_is_a_mean_under_its_own_weights(losses):
    found = losses(
        weights_ngr=jnp.array([[[1.0, 5.0], [1.0, 1.0]]]), revision_weights_ngr=jnp.array([[[1.0, 20.0], [1.0, 1.0]]])
    )
    # (1 + 5 x 2 + 3 + 4) / 8; with the weights after feedback it would be (1 + 40 + 3 + 4) / 23.
    assert found["sft/loss"] == pytest.approx(18 / 8)
    # (0.5 + 20 x 1) / 21: the target without feedback has no such branch.
    assert found["sft/revision_loss"] == pytest.approx(20.5 / 21)
    assert found["loss"] == pytest.approx(18 / 8 + 0.5 * 20.5 / 21)
    assert found["sft/revision_nll"] == pytest.approx(0.75) and found["sft/revision_nll_plain"] == pytest.approx(1.5)


def test_without_weights_of_its_own_the_branch_after_feedback_has_the_others(losses):
    found = losses(weights_ngr=jnp.array([[[1.0, 5.0], [1.0, 1.0]]]), revision_weights_ngr=None)
    assert found["sft/revision_loss"] == pytest.approx((0.5 + 5 * 1) / 6)
