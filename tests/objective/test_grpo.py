"""Advantages, clipping, corrections and aggregation, all by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsdpo_jax.objective import grpo

REWARDS = np.array([[1.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.5, 0.5], [0.9, 0.1, 0.2, 0.4]])


def test_advantages_are_reward_minus_the_groups_mean():
    # Means 0.5, 0.5, 0.4. The mean of all, 0.4667, would give 0.5333 for the first reward.
    found = grpo.advantages(REWARDS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.5, -0.5, -0.5, 0.5], [0] * 4, [0.5, -0.3, -0.2, 0.0]], atol=1e-7)


def test_group_scaling_divides_by_the_sample_deviation_of_the_group():
    # Squares sum to 1, over G - 1 = 3: std 0.57735; 0.5 / (0.57735 + 1e-4) = 0.86588. Over G it would be 1.0.
    found = grpo.advantages(REWARDS, "group")
    assert found[0, 0] == pytest.approx(0.86588, abs=1e-4)
    assert not found[1].any()


def test_batch_scaling_divides_by_the_deviation_of_all_rewards():
    # All rewards: mean 5.6 / 12 = 0.46667, squares 4.02 - 12 * 0.46667^2 = 1.40667, over 11: std 0.35760;
    # 0.5 / 0.3577 = 1.3978. The group's own deviation would give 0.8659.
    assert grpo.advantages(REWARDS, "batch")[0, 0] == pytest.approx(1.3978, abs=1e-3)


@pytest.mark.parametrize("scaling", grpo.SCALINGS)
def test_equal_rewards_give_exactly_zero(scaling):
    # 0.1 has no exact binary form: mean and rounding would leave 1e-17 / 1e-4, small but not 0.
    assert not grpo.advantages(np.full((3, 7), 0.1), scaling).any()


def test_unscored_rollouts_stay_out_of_their_group():
    # Mean of the scored: 0.5. With the missing reward counted as 0 it would be 0.3333.
    rewards = np.array([[1.0, 0.0, np.nan], [np.nan] * 3])
    np.testing.assert_allclose(grpo.advantages(rewards), [[0.5, -0.5, 0.0], [0.0] * 3])
    assert grpo.equal_groups(rewards).tolist() == [False, True]


def test_unknown_scaling():
    with pytest.raises(ValueError, match="none, group, batch"):
        grpo.advantages(REWARDS, "std")


def loss_and_gradient(ratio, advantage, **settings):
    def loss(logp):
        return grpo.policy_loss_tokens(logp, jnp.zeros(1), jnp.array([advantage]), **settings).loss[0]

    value, gradient = jax.value_and_grad(loss)(jnp.array([math.log(ratio)]))
    return float(value), float(gradient[0])


@pytest.mark.parametrize(
    "ratio, advantage, value, gradient, reason",
    [
        (1.1, 2.0, -2.2, -2.2, "inside: -r A, gradient -r A"),
        (1.5, 2.0, -2.56, 0.0, "above 1.28 with A > 0: -1.28 A; unclipped it would be -3.0, at the lower clip -2.4"),
        (
            0.5,
            2.0,
            -1.0,
            -1.0,
            "below 0.8 with A > 0 is no gain: not clipped; clipped it would be -1.6 without gradient",
        ),
        (0.5, -2.0, 1.6, 0.0, "below 0.8 with A < 0: 0.8 |A|; unclipped it would be 1.0"),
        (1.5, -2.0, 3.0, 3.0, "above 1.28 with A < 0 must be undone: not clipped; clipped it would be 2.56"),
        (4.0, -2.0, 6.0, 0.0, "dual clip: 3 |A|; without it 8.0"),
        (4.0, 2.0, -2.56, 0.0, "the dual clip is for A < 0 only; with it -6.0"),
    ],
)
def test_clipped_loss(ratio, advantage, value, gradient, reason):
    found = loss_and_gradient(ratio, advantage)
    assert found == pytest.approx((value, gradient), rel=1e-5, abs=1e-7), reason


def test_dual_clip_can_be_off():
    assert loss_and_gradient(4.0, -2.0, clip_dual=None) == pytest.approx((8.0, 8.0), rel=1e-5)


def test_clip_statistics_name_the_side():
    ratio = jnp.array([0.5, 0.5, 1.5, 1.5, 4.0, 1.0])
    advantage = jnp.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    found = grpo.policy_loss_tokens(jnp.log(ratio), jnp.zeros(6), advantage)
    assert found.clipped_low.tolist() == [True, False, False, False, False, False]
    assert found.clipped_high.tolist() == [False, False, False, True, False, False]
    assert found.clipped_dual.tolist() == [False, False, False, False, True, False]
    np.testing.assert_allclose(found.ratio, ratio, rtol=1e-6)


def test_clip_shares_are_of_the_tokens_that_count():
    ratio = jnp.array([0.5, 0.5, 1.5, 1.5, 4.0, 1.0])
    advantage = jnp.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    tokens = grpo.policy_loss_tokens(jnp.log(ratio), jnp.zeros(6), advantage)
    mask = jnp.array([True, True, True, False, True, True])
    found = {name: float(value) for name, value in grpo.policy_metrics(tokens, mask, 5.0).items()}
    # The fourth token, clipped above, is padding: with it the shares would be 1/6 and the region's 1/2.
    assert found == pytest.approx(
        {
            "clip_ratio/low_mean": 0.2,
            "clip_ratio/high_mean": 0,
            "clip_ratio/dual_mean": 0.2,
            "clip_ratio/region_mean": 0.4,
        }
    )


def test_first_update_has_ratio_one_and_the_policy_gradient():
    def loss(logp):
        return grpo.policy_loss_tokens(logp, None, jnp.array([[[2.0]], [[-1.0]]])).loss.sum()

    value, gradient = jax.value_and_grad(loss)(jnp.full((2, 1, 3), -0.7))
    assert value == pytest.approx(-3 * 2.0 + 3 * 1.0)
    np.testing.assert_allclose(gradient[:, 0], [[-2.0] * 3, [1.0] * 3])


def test_advantages_and_old_log_probabilities_have_no_gradient():
    def loss(old_logp, advantage):
        return grpo.policy_loss_tokens(jnp.array([-0.5]), old_logp, advantage).loss[0]

    assert all(g[0] == 0 for g in jax.grad(loss, argnums=(0, 1))(jnp.array([-0.6]), jnp.array([1.0])))


@pytest.mark.parametrize("settings", [{"clip_low": 0.0}, {"clip_high": -0.1}, {"clip_dual": 1.2}])
def test_clip_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        grpo.policy_loss_tokens(jnp.zeros(1), None, jnp.ones(1), **settings)


def test_truncated_ratio_has_a_cap_and_no_gradient():
    logp, old = jnp.log(jnp.array([0.5, 0.5, 0.5])), jnp.log(jnp.array([0.5, 0.1, 0.8]))
    np.testing.assert_allclose(grpo.truncated_ratio(logp, old, 2.0), [1.0, 2.0, 0.625], rtol=1e-6)
    assert not jax.grad(lambda x: grpo.truncated_ratio(x, old, 2.0).sum())(logp).any()


TRAINER = jnp.log(jnp.array([[[0.5, 0.9, 0.3]], [[0.2, 0.2, 0.2]]]))
SAMPLER = jnp.log(jnp.array([[[0.1, 1.0, 0.9]], [[0.2, 0.4, 0.1]]]))
MASK = jnp.array([[[True, True, False]], [[True, True, True]]])


def test_token_correction_is_cut_at_the_cap():
    # Ratios 5 (cut to 2), 0.9, padding; 1, 0.5, 2.
    found = grpo.sampler_correction(TRAINER, SAMPLER, MASK, kind="token", cap=2.0)
    np.testing.assert_allclose(found, [[[2.0, 0.9, 0.0]], [[1.0, 0.5, 2.0]]], rtol=1e-6)


def test_sequence_correction_multiplies_over_the_response():
    # 5 * 0.9 = 4.5 (padding would make it 1.5) and 1 * 0.5 * 2 = 1.
    found = grpo.sampler_correction(TRAINER, SAMPLER, MASK, kind="sequence", cap=3.0)
    np.testing.assert_allclose(found, [[[3.0, 3.0, 0.0]], [[1.0, 1.0, 1.0]]], rtol=1e-5)
    masked = grpo.sampler_correction(TRAINER, SAMPLER, MASK, kind="sequence_mask", cap=3.0)
    np.testing.assert_allclose(masked, [[[0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0]]], rtol=1e-5)


def test_correction_ignores_garbage_at_padding_and_can_be_off():
    sampler = SAMPLER.at[0, 0, 2].set(-jnp.inf)
    assert grpo.sampler_correction(TRAINER, sampler, MASK)[0, 0, 2] == 0.0
    np.testing.assert_array_equal(grpo.sampler_correction(TRAINER, sampler, MASK, kind="none"), MASK.astype(float))
    gradient = jax.grad(lambda x: grpo.sampler_correction(x, sampler, MASK).sum())(TRAINER)
    assert not gradient.any()
    with pytest.raises(ValueError, match="sequence_mask"):
        grpo.sampler_correction(TRAINER, SAMPLER, MASK, kind="tis")


def test_sampler_figures_by_hand():
    # |ln 5| + |ln 0.9| + 0 + ln 2 + ln 2 over five tokens; ratios 5, 0.9, 1, 0.5, 2: only 5 exceeds the cap.
    sampler = SAMPLER.at[0, 0, 2].set(-jnp.inf)
    found = {name: float(value) for name, value in grpo.sampler_metrics(TRAINER, sampler, MASK, 5.0, cap=2.1).items()}
    assert found == pytest.approx(
        {
            "sampling/sampling_logp_difference/mean": (math.log(5) - math.log(0.9) + 2 * math.log(2)) / 5,
            "sampling/sampling_logp_difference/max": math.log(5),
            "sampling/importance_sampling_ratio/mean": 9.4 / 5,
            "sampling/importance_sampling_ratio/min": 0.5,  # 0 with the padding, where the sampler says -infinity
            "sampling/importance_sampling_ratio/max": 5.0,
            "sampling/importance_sampling_ratio/capped_fraction": 0.2,
        },
        rel=1e-5,
    )


def test_reference_kl_estimators_by_hand():
    # d = ln(0.25 / 0.5) = -0.6931: k1 0.6931, k2 0.2402, k3 = 0.5 + 0.6931 - 1 = 0.1931 (with d's sign turned: 0.3069).
    logp, reference = jnp.log(jnp.array([0.5])), jnp.log(jnp.array([0.25]))
    for estimator, expected in [("k1", 0.6931), ("k2", 0.2402), ("k3", 0.1931)]:
        assert grpo.reference_kl_tokens(logp, reference, estimator)[0] == pytest.approx(expected, abs=1e-4)
    # d k3 / d logp = 1 - exp(d) = 0.5: the student is pushed down where it exceeds the reference.
    assert jax.grad(lambda x: grpo.reference_kl_tokens(x, reference)[0])(logp)[0] == pytest.approx(0.5, abs=1e-5)
    with pytest.raises(ValueError, match="k1, k2, k3"):
        grpo.reference_kl_tokens(logp, reference, "kl")


def test_k3_is_unbiased_by_enumeration():
    # The expectation over the student's own samples is KL(p || r) = 0.6 ln 3 + 0.3 ln(3/5) + 0.1 ln(1/3) = 0.3961.
    p, r = jnp.array([0.6, 0.3, 0.1]), jnp.array([0.2, 0.5, 0.3])
    expected = float((p * jnp.log(p / r)).sum())
    assert expected == pytest.approx(0.3961, abs=1e-3)
    assert (p * grpo.reference_kl_tokens(jnp.log(p), jnp.log(r))).sum() == pytest.approx(expected, abs=1e-6)


VALUES = jnp.array([[[1.0, 2.0, 3.0], [10.0, jnp.nan, jnp.nan]], [[4.0, 4.0, jnp.nan], [jnp.nan] * 3]])
ON = np.array([[[1, 1, 1], [1, 0, 0]], [[1, 1, 0], [0, 0, 0]]], bool)


@pytest.mark.parametrize(
    "aggregation, total, expected, reason",
    [
        ("token", 6, 24 / 6, "a token weighs the same everywhere; per response it would be 5.33"),
        ("sequence", 3, (2 + 10 + 4) / 3, "three responses have tokens; counting the empty one gives 4.0"),
        ("dr_grpo", 15, 24 / 15, "three responses times the limit of 5; the longest response, 3, gives 2.67"),
    ],
)
def test_aggregation(aggregation, total, expected, reason):
    found_total = grpo.denominator(ON, aggregation, max_length=5)
    assert found_total == total
    assert grpo.aggregate(VALUES, ON, found_total, aggregation) == pytest.approx(expected), reason
    # Micro-batches add up to the whole; averaging them would weigh the second prompt's 2 tokens like the first's 4.
    parts = [grpo.aggregate(VALUES[i : i + 1], ON[i : i + 1], found_total, aggregation) for i in range(2)]
    assert sum(map(float, parts)) == pytest.approx(expected)


def test_an_empty_mask_divides_by_one():
    for aggregation in grpo.AGGREGATIONS:
        total = grpo.denominator(np.zeros((2, 2, 3), bool), aggregation, max_length=1)
        assert total == 1 and grpo.aggregate(VALUES, np.zeros_like(ON), total, aggregation) == 0.0


def test_aggregation_errors():
    with pytest.raises(ValueError, match="token, sequence, dr_grpo"):
        grpo.denominator(ON, "mean")
    with pytest.raises(ValueError, match="max_length"):
        grpo.denominator(ON, "dr_grpo")
    with pytest.raises(ValueError, match="token, sequence, dr_grpo"):
        grpo.aggregate(VALUES, ON, 1.0, "mean")
