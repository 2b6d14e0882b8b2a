"""Schedules, freezing and decay, on parameters that fit on a line."""

import jax
import jax.numpy as jnp
import optax
import pytest

from configs.common import base
from vsdpo_jax.errors import UserError
from vsdpo_jax.objective.optimizer import kl_weight, learning_rate, make_optimizer

PARAMS = {"text": {"kernel": jnp.ones(2), "norm": jnp.ones(2)}, "vision": {"kernel": jnp.ones(2)}}


def settings(**changes):
    config = base()
    config.optim.update(changes)
    return config.optim


def stepped(optim, gradient=1.0, params=PARAMS):
    optimizer = make_optimizer(optim, 10)
    gradients = {part: {name: gradient * jnp.ones(2) for name in leaves} for part, leaves in params.items()}
    updates, state = optimizer.update(gradients, optimizer.init(params), params)
    return optax.apply_updates(params, updates), state


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ("constant", {0: 1.0, 2: 2.5, 4: 4.0, 7: 4.0, 12: 4.0}),
        ("linear", {4: 4.0, 8: 2.0, 12: 0.0}),  # 8 steps after warm-up; over all 12 it would be 1.33 at step 8
        ("cosine", {4: 4.0, 8: 2.0, 6: 4 * (1 + 2**-0.5) / 2, 12: 0.0}),
    ],
)
def test_learning_rate(schedule, expected):
    rate = learning_rate(settings(schedule=schedule, lr=4.0, warmup_steps=4), 12)
    for step, value in expected.items():
        assert float(rate(step)) == pytest.approx(value, abs=1e-6), step


def test_no_warm_up_starts_at_the_full_rate():
    assert float(learning_rate(settings(lr=4.0, warmup_steps=0), 12)(0)) == 4.0


@pytest.mark.parametrize("schedule, middle, end", [("constant", 2, 2), ("linear", 1, 0), ("cosine", 1, 0)])
def test_weight_of_the_divergence(schedule, middle, end):
    objective = base().objective
    objective.update(kl_schedule=schedule, kl_weight=2.0)
    weight = kl_weight(objective, 10)
    assert [float(weight(step)) for step in (0, 5, 10)] == pytest.approx([2, middle, end], abs=1e-6)


def test_unknown_schedules_are_named():
    with pytest.raises(UserError, match="config.optim.schedule='step' is unknown: choose constant, linear or cosine"):
        make_optimizer(settings(schedule="step"), 10)
    objective = base().objective
    objective.kl_schedule = "step"
    with pytest.raises(UserError, match="config.objective.kl_schedule='step' is unknown"):
        kl_weight(objective, 10)


def test_frozen_parameters_do_not_move_and_keep_no_moments():
    moved, state = stepped(settings(freeze="^vision", warmup_steps=0))
    assert (moved["vision"]["kernel"] == 1).all() and (moved["text"]["kernel"] < 1).all()
    both, _ = stepped(settings(freeze="kernel", warmup_steps=0))
    assert (both["text"]["kernel"] == 1).all() and (both["text"]["norm"] < 1).all()
    sizes = [leaf.shape for leaf in jax.tree.leaves(state) if getattr(leaf, "ndim", 0)]
    assert len(sizes) == 4  # two moments of the two trained arrays; with the frozen one 6


def test_only_kernels_decay():
    moved, _ = stepped(settings(lr=0.1, weight_decay=0.5, warmup_steps=0), gradient=0.0)
    assert moved["text"]["kernel"][0] == pytest.approx(0.95) and moved["text"]["norm"][0] == 1.0


def test_a_non_finite_gradient_changes_nothing_but_the_count():
    moved, state = stepped(settings(warmup_steps=0), gradient=float("nan"))
    assert all((leaf == 1).all() for part in moved.values() for leaf in part.values())
    assert int(state.total_notfinite) == int(state.notfinite_count) == 1
