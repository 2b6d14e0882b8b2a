"""The update: its invariants on the embedded tiny model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsdpo_jax.objective.method import METHODS, method_named
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import init_state, make_update

ADVANTAGES = np.array([[0.5, -0.5], [0.25, -0.25]], np.float32)


@pytest.fixture(scope="module")
def batch(tiny, groups):
    return pack(tiny, groups)


def pack(tiny, groups, method="visual_sdpo", distil_clean=False):
    packed = tiny[1].pack_rollouts(groups, ADVANTAGES, METHODS[method], distil_clean=distil_clean)
    return jax.tree.map(jnp.asarray, packed)


COMPILED = {}


def updated(tiny, config, batch, teacher="live", **changes):
    """(state, metrics, per-token divergence) after one update with the fields of `changes` set.

    A setting is compiled once, whatever number of tests ask for it.
    """
    config = config.copy_and_resolve_references()
    for name, value in changes.items():
        section, _, field = name.partition("__")
        if field:
            config[section][field] = value
        else:
            config[section] = value
    config.teacher.kind = teacher
    optimizer = make_optimizer(config.optim, config.steps)
    state = init_state(tiny[2], optimizer, teacher, seed=0)
    setting = config.to_json()
    if setting not in COMPILED:
        COMPILED[setting] = jax.jit(make_update(tiny[0].graphdef, config, optimizer))
    state, metrics, per_token = COMPILED[setting](state, batch)
    return state, {name: float(value) for name, value in metrics.items()}, np.asarray(per_token)


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


def test_a_live_teacher_without_feedback_teaches_nothing(tiny, tiny_config, batch):
    _, metrics, divergence = updated(tiny, tiny_config, without_feedback(batch), method="sdpo")
    assert np.abs(divergence).max() < 1e-6
    assert metrics["self_distillation/distillation_loss"] == pytest.approx(0, abs=1e-7)
    assert metrics["grad_norm"] < 1e-4


def test_feedback_makes_the_teacher_differ(tiny, tiny_config, batch):
    _, metrics, divergence = updated(tiny, tiny_config, batch)
    assert metrics["self_distillation/kl"] > 1e-5
    assert (divergence[0] > 0).any()


def test_only_informed_finished_rollouts_are_distilled(batch):
    np.testing.assert_array_equal(batch.distil_ng, [[True, True], [False, False]])


def test_clean_renders_are_distilled_when_asked(tiny, groups):
    batch = pack(tiny, groups, distil_clean=True)
    np.testing.assert_array_equal(batch.distil_ng, [[True, True], [True, False]])


def test_weights_scale_the_divergence_of_guilty_tokens_only(tiny, tiny_config, batch):
    state, weighted, divergence = updated(tiny, tiny_config, batch)
    uniform = dataclasses.replace(batch, weights_ngr=jnp.ones_like(batch.weights_ngr))
    _, plain, _ = updated(tiny, tiny_config, uniform)
    mask = np.asarray(batch.response_ngr) * np.asarray(batch.distil_ng)[..., None]
    ratio = np.exp(np.clip(_trainer_logp(tiny, batch) - np.asarray(batch.sampler_logp_ngr), -20, 20)).clip(max=2.0)
    expected = (mask * np.asarray(batch.weights_ngr) * divergence * ratio).sum() / mask.sum()
    assert weighted["self_distillation/distillation_loss"] == pytest.approx(expected, rel=1e-4)
    assert plain["self_distillation/distillation_loss"] < weighted["self_distillation/distillation_loss"]


def _trainer_logp(tiny, batch):
    """Log-probabilities of the responses from plain logits."""
    from flax import nnx

    model = nnx.merge(tiny[0].graphdef, tiny[2])
    visual = model.encode_images(batch.images)
    _, prefix = model.decode(batch.prefix, visual)
    hidden, _ = model.decode(batch.student, visual, prefix)
    length = batch.targets_ngr.shape[-1]
    logp = jax.nn.log_softmax(hidden[:, :, -length - 1 : -1] @ model.head().T)
    return np.asarray(jnp.take_along_axis(logp, batch.targets_ngr[..., None], axis=-1)[..., 0])


def test_micro_batches_give_the_update_of_the_whole_batch(tiny, tiny_config, batch):
    whole, metrics, divergence = updated(tiny, tiny_config, batch)
    split, split_metrics, split_divergence = updated(tiny, tiny_config, batch, batch__micro_batches=2)
    np.testing.assert_allclose(split_divergence, divergence, rtol=1e-4, atol=1e-5)
    for name, value in metrics.items():
        assert split_metrics[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    # Adam's first step is as long for every parameter, so where rounding decides the sign of a gradient it may go
    # either way; a wrong gradient sends half of them the other way.
    differs = [
        np.abs(a - b).ravel() > 1e-6 for a, b in zip(*map(jax.tree.leaves, (whole.params, split.params)), strict=True)
    ]
    assert np.concatenate(differs).mean() < 0.01


def test_methods_differ_in_what_they_use(tiny, tiny_config, batch):
    names = {name: set(updated(tiny, tiny_config, batch, method=name)[1]) for name in ("grpo", "sdpo", "visual_sdpo")}
    assert "self_distillation/kl" not in names["grpo"]
    assert "self_distillation/policy_loss" not in names["sdpo"]
    assert {"self_distillation/kl", "self_distillation/policy_loss"} <= names["visual_sdpo"]


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(ValueError, match="'ppo' is unknown.*visual_sdpo"):
        method_named("ppo")


@pytest.mark.parametrize("kind", ["ema", "frozen"])
def test_a_teacher_with_its_own_weights_starts_equal_and_moves_by_its_rule(tiny, tiny_config, batch, kind):
    _, live, divergence = updated(tiny, tiny_config, batch)
    state, metrics, own = updated(tiny, tiny_config, batch, teacher=kind, teacher__rate=0.25)
    np.testing.assert_allclose(own, divergence, atol=1e-5)
    assert metrics["loss"] == pytest.approx(live["loss"], rel=1e-4)
    rate = 0.25 if kind == "ema" else 0.0
    expected = jax.tree.map(lambda old, new: old + rate * (new - old), tiny[2], state.params)
    assert distance(state.teacher, expected) < 1e-7


def test_frozen_parameters_do_not_move(tiny, tiny_config, batch):
    state, _, _ = updated(tiny, tiny_config, batch, optim__freeze="^vision")
    assert distance(state.params["vision"], tiny[2]["vision"]) == 0
    assert distance(state.params["text"], tiny[2]["text"]) > 0


def test_a_non_finite_update_is_skipped_and_counted(tiny, tiny_config, batch):
    broken = dataclasses.replace(batch, advantages_ng=batch.advantages_ng.at[0, 0].set(jnp.nan))
    state, metrics, _ = updated(tiny, tiny_config, broken)
    assert metrics["skipped_updates"] == 1
    assert distance(state.params, tiny[2]) == 0


def test_one_compilation_serves_every_batch(tiny, tiny_config, groups, batch):
    updated(tiny, tiny_config, batch)
    compiled = len(COMPILED)
    state, _, _ = updated(tiny, tiny_config, pack(tiny, groups[::-1]))
    assert len(COMPILED) == compiled
    assert [update._cache_size() for update in COMPILED.values()] == [1] * compiled
    assert int(state.step) == 1
