"""The terms of the objective by hand, on numbers per token: no model, so every figure can be followed."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.common import base
from vsdpo_jax.errors import UserError
from vsdpo_jax.objective import terms
from vsdpo_jax.objective.accumulate import accumulated, combine_metrics, join_prompts, split_prompts
from vsdpo_jax.objective.divergence import TokenStatistics
from vsdpo_jax.objective.method import METHODS
from vsdpo_jax.pack import PackedBatch

# One prompt, three rollouts of at most three tokens: distilled; distilled and shorter; not distilled.
RESPONSE = np.array([[[1, 1, 1], [1, 1, 0], [1, 0, 0]]], bool)
DISTIL = np.array([[True, True, False]])
DIVERGENCE = np.array([[[1.0, 2.0, 30.0], [4.0, 5.0, 99.0], [7.0, 99.0, 99.0]]], np.float32)
WEIGHTS = np.array([[[1, 4, 1], [2.5, 1, 1], [1, 1, 1]]], np.float32)
LOGP = np.log(np.array([[[0.5, 0.25, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]], np.float32))
ADVANTAGES = np.array([[1.0, -0.5, -0.5]], np.float32)


def batch(**changes):
    fields = {
        "images": None,
        "prefix": None,
        "student": None,
        "teacher": None,
        "targets_ngr": np.zeros(RESPONSE.shape, np.int32),
        "response_ngr": RESPONSE,
        "distil_ng": DISTIL,
        "policy_ng": np.ones_like(DISTIL),
        "weights_ngr": WEIGHTS,
        "sampler_logp_ngr": LOGP,
        "advantages_ng": ADVANTAGES,
    }
    return jax.tree.map(jnp.asarray, PackedBatch(**(fields | changes)))


def stats(divergence=DIVERGENCE, logp=LOGP, teacher_entropy=0.0):
    arrays = map(jnp.asarray, (divergence, logp, logp))
    return TokenStatistics(*arrays, jnp.full(logp.shape, 0.5), jnp.full(logp.shape, teacher_entropy))


def objective(**changes):
    found = base().objective
    found.update(changes)
    return found


def distil(given=None, found=None, *, credit=True, **settings):
    given, settings = given or batch(), objective(**settings)
    correction = terms.sampler_correction(found or stats(), given, settings)
    total = terms.denominators(given, settings.aggregation)
    loss, metrics = terms.distil_term(found or stats(), correction, given, settings, total, credit=credit)
    return float(loss), {name: float(value) for name, value in metrics.items()}


def policy(given=None, found=None, **settings):
    given, settings = given or batch(), objective(**settings)
    correction = terms.sampler_correction(found or stats(), given, settings)
    total = terms.denominators(given, settings.aggregation)
    loss, metrics = terms.policy_term(found or stats(), correction, given, settings, total)
    return float(loss), {name: float(value) for name, value in metrics.items()}


def test_the_divergence_is_weighted_capped_and_divided_by_its_own_tokens():
    # 1 + 4*2 + 20 (30, capped) + 2.5*4 + 5 = 44 over the five distilled tokens. Uncapped 10.8; over all six response
    # tokens 7.33; divided by the sum of the weights, 9.5, it would be 4.63 and credit would only move the loss around.
    loss, metrics = distil()
    assert loss == pytest.approx(44 / 5)
    assert metrics["self_distillation/kl"] == pytest.approx(42 / 5)
    assert metrics["self_distillation/kl_weighted"] == pytest.approx(54 / 5)
    assert metrics["self_distillation/mean_weight"] == pytest.approx(9.5 / 5)
    assert metrics["self_distillation/guilty_token_fraction"] == pytest.approx(2 / 5)
    assert metrics["self_distillation/capped_fraction"] == pytest.approx(1 / 5)


def test_without_credit_every_token_weighs_one():
    loss, metrics = distil(credit=False)
    assert loss == pytest.approx((1 + 2 + 20 + 4 + 5) / 5)  # with the weights 8.8
    assert metrics["self_distillation/mean_weight"] == 1
    assert metrics["self_distillation/guilty_token_fraction"] == pytest.approx(2 / 5)


def test_normalized_credit_moves_the_weight_and_adds_none():
    # The weights of the five distilled tokens have the mean 1.9; that of all nine tokens, or of one part, is another.
    loss, metrics = distil(normalize_credit=True)
    assert loss == pytest.approx(44 / 9.5)
    assert metrics["self_distillation/mean_weight"] == pytest.approx(1)
    assert metrics["self_distillation/guilty_token_fraction"] == pytest.approx(2 / 5)
    assert distil(normalize_credit=True, aggregation="sequence")[0] == pytest.approx((29 / 3 + 15 / 2) / 2 / 1.9)
    # Equal weights stay what they are, whatever they are.
    tripled = batch(weights_ngr=np.full_like(WEIGHTS, 3.0))
    assert distil(tripled, normalize_credit=True)[0] == pytest.approx(distil(credit=False)[0])
    # Without credit, and with nothing to distil, there is nothing to divide by.
    assert distil(credit=False, normalize_credit=True)[0] == distil(credit=False)[0]
    assert distil(batch(distil_ng=np.zeros_like(DISTIL)), normalize_credit=True)[0] == 0.0


@pytest.mark.parametrize(
    "aggregation, expected, reason",
    [
        ("token", 44 / 5, "every token alike; as a mean of rollouts it would be 8.58"),
        ("sequence", (29 / 3 + 15 / 2) / 2, "two distilled rollouts; counting the third one too gives 5.72"),
        ("dr_grpo", 44 / (2 * 3), "two rollouts times R = 3; with three rollouts 4.89"),
    ],
)
def test_aggregation_of_the_divergence(aggregation, expected, reason):
    assert distil(aggregation=aggregation)[0] == pytest.approx(expected), reason


def test_a_confident_teacher_counts_more_when_asked():
    # exp(-ln 2) = 1/2 of 8.8; exp(+H) would give 17.6.
    found = stats(teacher_entropy=math.log(2))
    assert distil(found=found, entropy_weighting=True)[0] == pytest.approx(4.4)
    assert distil(found=found)[0] == pytest.approx(8.8)


def test_a_sampler_that_differs_is_corrected_up_to_the_cap():
    # The sampler gave the first token 1/4 of the trainer's probability (ratio 4, cut to 2), the second twice (1/2).
    sampler = LOGP + np.log(np.array([0.25, 2.0, 1.0], np.float32))
    given = batch(sampler_logp_ngr=sampler)
    # 2*1 + 8/2 + 20 + 2*10 + 5/2 = 48.5 over 5; not corrected 8.8; without the cap 14.1.
    assert distil(given)[0] == pytest.approx(48.5 / 5)
    assert distil(given, importance="none")[0] == pytest.approx(8.8)


def test_a_second_update_weighs_the_divergence_by_what_the_policy_has_moved():
    # The first token is 3 times as likely as when it was sampled: cut to 2. Sampler and old policy agree, so the
    # correction is 1: measured against the new policy it would enter twice, 4 for the first token and 57.6 / 5.
    old = LOGP - np.log(np.array([3.0, 1.0, 1.0], np.float32))
    given = batch(sampler_logp_ngr=old, old_logp_ngr=old)
    assert distil(given)[0] == pytest.approx((2 * 1 + 8 + 20 + 2 * 10 + 5) / 5)


def test_the_policy_term_has_every_rollouts_tokens_and_its_own_total():
    # -(3*1 + 2*-0.5 + 1*-0.5) / 6 = -0.25. Over the distilled tokens alone it would be -(3 - 1) / 5 = -0.4.
    loss, metrics = policy()
    assert loss == pytest.approx(-0.25)
    assert metrics["clip_ratio/region_mean"] == 0


def test_routing_takes_rollouts_out_of_numerator_and_total_alike():
    # Only the last rollout is rewarded: 0.5 / 1. Divided by all six tokens it would be 0.083.
    given = batch(policy_ng=np.array([[False, False, True]]))
    assert policy(given)[0] == pytest.approx(0.5)
    assert policy(batch(policy_ng=np.zeros((1, 3), bool)))[0] == 0


def test_clips_bind_on_the_second_update():
    # Ratio 2 on every token, above 1.28: A = 1 gives -1.28 (not -2), A = -0.5 gives 2 * 0.5 = 1 (not clipped).
    old = LOGP - math.log(2)
    loss, metrics = policy(batch(sampler_logp_ngr=old, old_logp_ngr=old))
    assert loss == pytest.approx((3 * -1.28 + 3 * 1.0) / 6)
    assert metrics["clip_ratio/high_mean"] == pytest.approx(0.5)
    assert metrics["clip_ratio/low_mean"] == metrics["clip_ratio/dual_mean"] == 0
    # Ratio 4, A < 0: the dual clip bounds it by 3 * 0.5; switched off it is 4 * 0.5.
    old = LOGP - math.log(4)
    given = batch(sampler_logp_ngr=old, old_logp_ngr=old)
    assert policy(given)[0] == pytest.approx((3 * -1.28 + 3 * 1.5) / 6)
    assert policy(given, clip_dual=0.0)[0] == pytest.approx((3 * -1.28 + 3 * 2.0) / 6)


def test_the_reference_term_is_a_mean_over_all_response_tokens():
    given, kl = batch(), jnp.asarray(DIVERGENCE)
    loss, metrics = terms.reference_term(kl, given, objective(), terms.denominators(given, "token"))
    assert float(loss) == pytest.approx(49 / 6)  # 42 / 5 over the distilled ones
    assert float(metrics["kl"]) == pytest.approx(49 / 6)


def test_sampler_figures_carry_trls_names():
    sampler = LOGP + np.log(np.array([0.25, 2.0, 1.0], np.float32))
    given = batch(sampler_logp_ngr=sampler)
    found = terms.sampling_metrics(stats(), given, objective(), terms.denominators(given, "token"))
    found = {name.removeprefix("sampling/"): float(value) for name, value in found.items()}
    # Ratios 4 three times, 1/2 twice and 1 once; padding has none.
    assert found == pytest.approx(
        {
            "entropy": 0.5,
            "sampling_logp_difference/mean": (3 * math.log(4) + 2 * math.log(2)) / 6,
            "sampling_logp_difference/max": math.log(4),
            "importance_sampling_ratio/mean": 14 / 6,
            "importance_sampling_ratio/min": 0.5,
            "importance_sampling_ratio/max": 4.0,
            "importance_sampling_ratio/capped_fraction": 0.5,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("term", ["distil", "policy"])
def test_gradients_equal_finite_differences(term):
    # The weights, the correction and the ratio to the old policy are constants of the gradient, as the text says: the
    # differences are taken with them held.
    rng = np.random.default_rng(0)
    old = LOGP + rng.normal(0, 0.05, LOGP.shape).astype(np.float32)
    given, settings = batch(old_logp_ngr=old, sampler_logp_ngr=old - 0.1), objective(token_cap=6.0)
    total = terms.denominators(given, "token")

    def loss(values):
        if term == "distil":
            found = stats(divergence=values)
            correction = terms.sampler_correction(found, given, settings)
            return terms.distil_term(found, correction, given, settings, total, credit=True)[0]
        found = stats(logp=values)
        correction = terms.sampler_correction(found, given, settings)
        return terms.policy_term(found, correction, given, settings, total)[0]

    point = DIVERGENCE if term == "distil" else LOGP
    gradient, step = np.asarray(jax.grad(loss)(jnp.asarray(point))), 1e-2
    for index in np.ndindex(point.shape):
        above, below = point.copy(), point.copy()
        above[index] += step
        below[index] -= step
        expected = (float(loss(jnp.asarray(above))) - float(loss(jnp.asarray(below)))) / (2 * step)
        assert gradient[index] == pytest.approx(expected, abs=2e-4), index
    assert np.count_nonzero(gradient) == (4 if term == "distil" else 6)  # capped, undistilled and padding: none


def test_micro_batches_add_up_to_the_whole():
    """Two prompts in two parts: sums for shares, least and largest where the name says so."""
    double = lambda array: np.concatenate([array, 2 * array])  # noqa: E731
    given = dataclasses.replace(
        jax.tree.map(lambda array: jnp.concatenate([array, array]), batch()), advantages_ng=double(ADVANTAGES)
    )
    total = terms.denominators(given, "token")
    values = jnp.asarray(double(LOGP / 2))

    def gradient(scale, part):
        def loss(scale):
            logp = part.sampler_logp_ngr * scale
            found = stats(divergence=part.weights_ngr, logp=logp)
            correction = terms.sampler_correction(found, part, objective())
            value, metrics = terms.policy_term(found, correction, part, objective(), total)
            return value, (metrics | terms.sampling_metrics(found, part, objective(), total), {"logp": logp})

        return jax.grad(loss, has_aux=True)(scale)

    given = dataclasses.replace(given, sampler_logp_ngr=values)
    whole, split = (accumulated(gradient, jnp.float32(1.5), given, parts) for parts in (1, 2))
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-6), whole, split)
    assert float(whole[1]["sampling/importance_sampling_ratio/max"]) < 1


def test_splitting_and_joining_prompts():
    given = jax.tree.map(lambda array: jnp.concatenate([array + i for i in range(4)]), batch().weights_ngr)
    parts = split_prompts(dataclasses.replace(batch(), weights_ngr=given, response_ngr=None, **EMPTY), 2).weights_ngr
    np.testing.assert_array_equal(parts[0, 1], given[2])  # every second prompt, so that shards keep theirs
    np.testing.assert_array_equal(join_prompts(parts), given)


EMPTY = dict.fromkeys(("targets_ngr", "distil_ng", "policy_ng", "sampler_logp_ngr", "advantages_ng"))


def test_metrics_of_parts_combine_by_their_name():
    values = jnp.array([1.0, 3.0])
    found = combine_metrics({"kl": values, "ratio/min": values, "ratio/max": values, "ratio/mean": values})
    assert {name: float(value) for name, value in found.items()} == {
        "kl": 4.0,  # shares of one mean: their average, 2, would halve it
        "ratio/min": 1.0,
        "ratio/max": 3.0,
        "ratio/mean": 4.0,
    }


@pytest.mark.parametrize(
    "settings, method, message",
    [
        ({"divergence": "kl"}, "visual_sdpo", "objective.divergence='kl' is unknown: choose reverse_kl, forward_kl"),
        ({"aggregation": "mean"}, "grpo", "objective.aggregation='mean' is unknown: choose token, sequence, dr_grpo"),
        ({"route": "SRPO"}, "visual_sdpo", "objective.route='SRPO' is unknown"),
        ({"importance": "tis"}, "grpo", "objective.importance='tis' is unknown"),
        ({"reference_kl": "k1"}, "grpo", "objective.reference_kl='k1' is unknown"),
        ({"reward_scaling": "std"}, "grpo", "objective.reward_scaling='std' is unknown"),
        ({"route": "srpo"}, "sdpo", "route='srpo' chooses between terms"),
        ({"route": "srpo"}, "grpo", "route='srpo' chooses between terms"),
        ({"route": "positive_advantage"}, "grpo", "route='positive_advantage' chooses between terms"),
    ],
)
def test_wrong_settings_are_named(settings, method, message):
    with pytest.raises(UserError, match=message):
        terms.check_objective(objective(**settings), METHODS[method])


def test_right_settings_pass():
    for settings in ({}, {"route": "srpo"}, {"divergence": "jsd"}, {"divergence": "topk"}):
        terms.check_objective(objective(**settings), METHODS["visual_sdpo"])
    terms.check_objective(objective(route="positive_advantage"), METHODS["sdpo"])
