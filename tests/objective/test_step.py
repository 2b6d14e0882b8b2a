"""The update and its invariants, on a model of the real architecture that compiles fast."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vsdpo_jax.model.qwen3vl import Qwen3VL
from vsdpo_jax.objective.method import METHODS, method_named
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import init_state, make_term_norms, make_update

ADVANTAGES = np.array([[0.5, -0.5], [0.25, -0.25]], np.float32)


@pytest.fixture(scope="module")
def small(tiny):
    """(graphdef, packer, params) of one block and two layers, with one DeepStack tap."""
    policy, packer, _ = tiny
    config = dataclasses.replace(
        policy.config,
        text=dataclasses.replace(policy.config.text, num_hidden_layers=2),
        vision=dataclasses.replace(policy.config.vision, depth=1, deepstack_visual_indexes=(0,)),
    )
    graphdef, params = nnx.split(Qwen3VL(config, rngs=nnx.Rngs(0), dtype=jnp.float32, remat="none"), nnx.Param)
    # Fresh weights are so small that no token depends on the image; these are about as large as trained ones.
    return graphdef, packer, jax.tree.map(lambda x: 3 * x if x.ndim > 1 else x, params)


@pytest.fixture(scope="module")
def batch(small, groups):
    return pack(small, groups)


def pack(small, groups, method="visual_sdpo", distil_clean=False, **routing):
    packed = small[1].pack_rollouts(groups, ADVANTAGES, METHODS[method], distil_clean=distil_clean, **routing)
    return jax.tree.map(jnp.asarray, packed)


def changed(config, teacher, changes):
    config = config.copy_and_resolve_references()
    for name, value in changes.items():
        section, _, field = name.partition("__")
        if field:
            config[section][field] = value
        else:
            config[section] = value
    config.teacher.kind = teacher
    return config


COMPILED = {}


def updated(small, config, batch, teacher="live", **changes):
    """(state, metrics, per token) after one update with the fields of `changes` set.

    A setting is compiled once, whatever number of tests ask for it.
    """
    config = changed(config, teacher, changes)
    optimizer = make_optimizer(config.optim, config.steps)
    state = init_state(small[2], optimizer, teacher, 0, config.objective.reference_kl_weight > 0)
    setting = config.to_json()
    if setting not in COMPILED:
        COMPILED[setting] = jax.jit(make_update(small[0], config, optimizer))
    state, metrics, per_token = COMPILED[setting](state, batch)
    metrics = {name: float(value) for name, value in metrics.items()}
    return state, metrics, {name: np.asarray(values) for name, values in per_token.items()}


def traced(small, config, batch, **changes):
    """Names of the metrics and of the figures per token of an update that is not compiled."""
    config = changed(config, "live", changes)
    optimizer = make_optimizer(config.optim, config.steps)
    state = init_state(small[2], optimizer, "live", 0, config.objective.reference_kl_weight > 0)
    _, metrics, per_token = jax.eval_shape(make_update(small[0], config, optimizer), state, batch)
    return set(metrics), set(per_token)


def distance(first, second):
    return max(float(jnp.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, (first, second)), strict=True))


def without_feedback(batch):
    """The same rollouts, distilled although the teacher reads nothing more than the student."""
    header = batch.student.tokens.shape[-1] - batch.targets_ngr.shape[-1]
    room = batch.teacher.tokens.shape[-1] - batch.student.tokens.shape[-1]
    assert header > 0

    def pad(array):
        return jnp.concatenate([jnp.zeros((*array.shape[:-1], room), array.dtype), array], axis=-1)

    teacher = jax.tree.map(pad, batch.student)
    teacher = dataclasses.replace(teacher, visual_index=jnp.where(teacher.valid, teacher.visual_index, -1))
    return dataclasses.replace(batch, teacher=teacher, distil_ng=jnp.ones_like(batch.distil_ng))


def test_a_live_teacher_without_feedback_teaches_nothing(small, tiny_config, batch):
    silent = dataclasses.replace(without_feedback(batch), advantages_ng=jnp.zeros((2, 2)))
    _, metrics, per_token = updated(small, tiny_config, silent)
    assert np.abs(per_token["divergence"]).max() < 1e-6
    assert np.abs(per_token["uplift"]).max() < 1e-5
    assert metrics["self_distillation/distillation_loss"] == pytest.approx(0, abs=1e-7)
    assert metrics["grad_norm"] < 1e-4


def test_feedback_makes_the_teacher_differ(small, tiny_config, batch):
    _, metrics, per_token = updated(small, tiny_config, batch)
    assert metrics["self_distillation/kl"] > 1e-5
    assert (per_token["divergence"][0] > 0).any()


def test_only_informed_finished_rollouts_are_distilled(batch):
    np.testing.assert_array_equal(batch.distil_ng, [[True, True], [False, False]])
    assert batch.policy_ng.all()


def test_clean_renders_are_distilled_when_asked(small, groups):
    np.testing.assert_array_equal(pack(small, groups, distil_clean=True).distil_ng, [[True, True], [True, False]])


def test_routing_reaches_the_batch(small, groups):
    routed = pack(small, groups, rule="srpo", success=0.2)
    # Rewards 0.25, 0, 1, 0.5: only the second failed, so only it is distilled, and only it is not rewarded.
    np.testing.assert_array_equal(routed.distil_ng, [[False, True], [False, False]])
    np.testing.assert_array_equal(routed.policy_ng, [[True, False], [True, True]])


def test_the_loss_is_made_of_its_terms(small, tiny_config, batch):
    _, metrics, per_token = updated(small, tiny_config, batch)
    mask = np.asarray(batch.response_ngr) * np.asarray(batch.distil_ng)[..., None]
    logp = _trainer_logp(small, batch)
    np.testing.assert_allclose(per_token["logp"], logp * np.asarray(batch.response_ngr), atol=1e-4)
    ratio = np.exp(np.clip(logp - np.asarray(batch.sampler_logp_ngr), -20, 20)).clip(max=2.0)
    distil = (mask * np.asarray(batch.weights_ngr) * per_token["divergence"] * ratio).sum() / mask.sum()
    assert metrics["self_distillation/distillation_loss"] == pytest.approx(distil, rel=1e-3)
    response = np.asarray(batch.response_ngr)
    policy = -(response * ratio * ADVANTAGES[..., None]).sum() / response.sum()
    assert metrics["self_distillation/policy_loss"] == pytest.approx(policy, rel=1e-3, abs=1e-6)
    objective = tiny_config.objective
    assert metrics["loss"] == pytest.approx(objective.kl_weight * distil + objective.grpo_weight * policy, rel=1e-3)


def _trainer_logp(small, batch):
    """Log-probabilities of the responses from plain logits."""
    model = nnx.merge(small[0], small[2])
    visual = model.encode_images(batch.images)
    _, prefix = model.decode(batch.prefix, visual)
    hidden, _ = model.decode(batch.student, visual, prefix)
    length = batch.targets_ngr.shape[-1]
    logp = jax.nn.log_softmax(hidden[:, :, -length - 1 : -1] @ model.head().T)
    return np.asarray(jnp.take_along_axis(logp, batch.targets_ngr[..., None], axis=-1)[..., 0])


@pytest.mark.parametrize(
    ("prompts", "rollouts"),
    [(2, 2), pytest.param(2, 1, marks=pytest.mark.slow), pytest.param(1, 2, marks=pytest.mark.slow)],
)
def test_micro_batches_give_the_update_of_the_whole_batch(small, tiny_config, batch, prompts, rollouts):
    # The mean of the credit weights is that of the whole step, not of a part.
    credit = {"objective__normalize_credit": True}
    whole, metrics, per_token = updated(small, tiny_config, batch, **credit)
    settings = {"batch__micro_batches": prompts, "batch__rollout_parts": rollouts}
    split, split_metrics, split_per_token = updated(small, tiny_config, batch, **settings, **credit)
    assert metrics["self_distillation/mean_weight"] == pytest.approx(1) and float(np.max(batch.weights_ngr)) > 1
    for name, values in per_token.items():
        np.testing.assert_allclose(split_per_token[name], values, rtol=1e-4, atol=1e-5)
    for name, value in metrics.items():
        assert split_metrics[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    # Adam's first step is as long for every parameter, so where rounding decides the sign of a gradient it may go
    # either way; a wrong gradient sends half of them the other way.
    differs = [
        np.abs(a - b).ravel() > 1e-6 for a, b in zip(*map(jax.tree.leaves, (whole.params, split.params)), strict=True)
    ]
    assert np.concatenate(differs).mean() < 0.01


def test_methods_differ_in_what_they_use(small, tiny_config, batch):
    names, per_token = {}, {}
    for method in ("grpo", "sdpo", "sft"):
        names[method], per_token[method] = traced(small, tiny_config, batch, method=method)
    assert "self_distillation/kl" not in names["grpo"] and per_token["grpo"] == {"logp"}
    assert "self_distillation/policy_loss" in names["grpo"]
    assert "self_distillation/policy_loss" not in names["sdpo"]
    assert per_token["sdpo"] == {"logp", "divergence", "uplift"}
    assert {"sft/nll", "sft/revision_nll"} <= names["sft"] and per_token["sft"] == {"nll"}
    assert not any(name == "kl" for name in set.union(*names.values()))


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(ValueError, match="'ppo' is unknown.*visual_sdpo"):
        method_named("ppo")


def test_a_teacher_with_its_own_weights_starts_equal_and_moves_by_its_rate(small, tiny_config, batch):
    _, live, per_token = updated(small, tiny_config, batch)
    changes = {"teacher__rate": 0.25, "objective__reference_kl_weight": 0.5, "objective__reference_kl": "exact"}
    state, metrics, own = updated(small, tiny_config, batch, teacher="ema", **changes)
    np.testing.assert_allclose(own["divergence"], per_token["divergence"], atol=1e-5)
    # The reference has the weights of the start, so on the first update it is the student: KL 0.
    assert metrics["kl"] == pytest.approx(0, abs=1e-6)
    assert metrics["loss"] == pytest.approx(live["loss"], rel=1e-3)
    expected = jax.tree.map(lambda old, new: old + 0.25 * (new - old), small[2], state.params)
    assert distance(state.teacher, expected) < 1e-7
    assert distance(state.reference, small[2]) == 0
    squares = [((a - b) ** 2).sum() for a, b in zip(*map(jax.tree.leaves, (state.teacher, state.params)), strict=True)]
    assert metrics["teacher/distance"] == pytest.approx(float(sum(squares)) ** 0.5, rel=1e-4)

    # From elsewhere than where it started, the student pays for the way.
    moved = jax.tree.map(lambda x: x * 1.05, small[2])
    config = changed(tiny_config, "ema", changes)
    update = COMPILED[config.to_json()]
    _, metrics, _ = update(dataclasses.replace(_fresh(small, config), params=moved), batch)
    assert float(metrics["kl"]) > 1e-4


def _fresh(small, config):
    return init_state(small[2], make_optimizer(config.optim, config.steps), "ema", 0, True)


def test_where_a_frozen_teacher_and_the_reference_live(small, tiny_config):
    optimizer = make_optimizer(tiny_config.optim, 1)
    shapes = {kind: init_state(small[2], optimizer, kind, 0, True) for kind in ("live", "ema", "frozen")}
    assert shapes["live"].teacher is None and shapes["live"].frozen is shapes["live"].reference
    assert shapes["ema"].frozen is shapes["ema"].reference
    # The same weights are kept once.
    assert shapes["frozen"].reference is None and shapes["frozen"].frozen is shapes["frozen"].teacher
    assert init_state(small[2], optimizer, "ema", 0).reference is None
    with pytest.raises(ValueError, match="config.teacher.kind='slow' is unknown"):
        init_state(small[2], optimizer, "slow", 0)


def test_a_non_finite_update_is_skipped_and_counted(small, tiny_config, batch):
    changes = {"teacher__rate": 0.25, "objective__reference_kl_weight": 0.5, "objective__reference_kl": "exact"}
    broken = dataclasses.replace(batch, advantages_ng=batch.advantages_ng.at[0, 0].set(jnp.nan))
    state, metrics, _ = updated(small, tiny_config, broken, teacher="ema", **changes)
    assert metrics["skipped_updates"] == metrics["skipped_in_a_row"] == 1
    assert distance(state.params, small[2]) == 0
    assert distance(state.teacher, small[2]) == 0
    assert int(state.step) == 1


def test_an_infinite_loss_with_finite_gradients_is_skipped_too(small, tiny_config, batch):
    # Infinite feedback weight on a token whose divergence is capped: its gradient is 0, the loss is not finite.
    weights = jnp.where(batch.response_ngr, jnp.finfo(jnp.float32).max, 1.0)
    changes = {"teacher__rate": 0.25, "objective__reference_kl_weight": 0.5, "objective__reference_kl": "exact"}
    state, metrics, _ = updated(
        small, tiny_config, dataclasses.replace(batch, weights_ngr=weights), teacher="ema", **changes
    )
    assert metrics["skipped_updates"] == 1
    assert distance(state.params, small[2]) == 0


def test_a_second_update_on_a_batch_counts_no_step(small, tiny_config, batch):
    state, first, per_token = updated(small, tiny_config, batch)
    again = dataclasses.replace(batch, old_logp_ngr=jnp.asarray(per_token["logp"]))
    config = changed(tiny_config, "live", {})
    optimizer = make_optimizer(config.optim, config.steps)
    shape, metrics, _ = jax.eval_shape(make_update(small[0], config, optimizer), state, again)
    assert shape.step.shape == () and set(metrics) == set(first)


def test_norms_of_the_terms_add_up_to_the_gradient(small, tiny_config, batch):
    _, metrics, _ = updated(small, tiny_config, batch)
    state = init_state(small[2], make_optimizer(tiny_config.optim, 1), "live", 0)
    config = changed(tiny_config, "live", {})
    norms = jax.jit(make_term_norms(small[0], config))(state, batch)
    distil, policy = (float(norms[f"grad_norm/{name}"]) for name in ("distillation", "policy"))
    assert len(norms) == 2 and distil > 0 and policy > 0
    # The triangle's two sides: a norm that forgot the term's weight would break one of them.
    assert abs(distil - policy) <= metrics["grad_norm"] * 1.0001 <= (distil + policy) * 1.0002


def test_one_compilation_serves_every_batch(small, tiny_config, groups, batch):
    updated(small, tiny_config, batch)
    compiled = len(COMPILED)
    state, _, _ = updated(small, tiny_config, pack(small, groups[::-1]))
    assert len(COMPILED) == compiled
    assert [update._cache_size() for update in COMPILED.values()] == [1] * compiled
    assert int(state.step) == 1
