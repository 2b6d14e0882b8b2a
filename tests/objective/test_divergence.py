"""The fused head and divergence against enumeration in float64, finite differences and figures done by hand."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsdpo_jax.objective.divergence import DIVERGENCES, TokenStatistics, token_statistics
from vsdpo_jax.objective.formulas import kth_largest

statistics = jax.jit(token_statistics, static_argnames=("temperature", "divergence", "top_k", "mixture", "chunk"))
FIELDS = [field.name for field in dataclasses.fields(TokenStatistics)]
T, V, D = 21, 11, 5


def make_inputs(seed=0, tokens=T, vocabulary=V, width=D):
    rng = np.random.default_rng(seed)
    student = rng.normal(size=(tokens, width))
    teacher = student + 0.7 * rng.normal(size=(tokens, width))
    head = rng.normal(size=(vocabulary, width))
    teacher_head = head + 0.1 * rng.normal(size=(vocabulary, width))
    return student, teacher, head, teacher_head, rng.integers(0, vocabulary, tokens)


def enumerate_tokens(student, teacher, head, teacher_head, targets, *, temperature, divergence, top_k=3, mixture=0.5):
    """The statistics by their definitions, one token and one id after the other, in float64."""
    rows = []
    for h_p, h_q, target in zip(student, teacher, targets, strict=True):
        p = np.exp(head @ h_p / temperature)
        q = np.exp(teacher_head @ h_q / temperature)
        p, q = p / p.sum(), q / q.sum()
        if divergence == "topk":
            top = np.argsort(-p)[:top_k]
            cells_p = np.append(p[top], 1 - p[top].sum())
            cells_q = np.append(q[top], 1 - q[top].sum())
        else:
            cells_p, cells_q = p, q
        m = (1 - mixture) * p + mixture * q
        if divergence == "forward_kl":
            value = (q * np.log(q / p)).sum()
        elif divergence == "jsd":
            value = (1 - mixture) * (p * np.log(p / m)).sum() + mixture * (q * np.log(q / m)).sum()
        else:
            value = (cells_p * np.log(cells_p / cells_q)).sum()
        rows.append((value, np.log(p[target]), np.log(q[target]), -(p * np.log(p)).sum(), -(q * np.log(q)).sum()))
    return dict(zip(FIELDS, np.array(rows).T, strict=True))


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_every_statistic_equals_enumeration(divergence):
    student, teacher, head, teacher_head, targets = make_inputs()
    expected = enumerate_tokens(
        student, teacher, head, teacher_head, targets, temperature=0.8, divergence=divergence, mixture=0.3
    )
    found = statistics(
        *(jnp.asarray(a, jnp.float32) for a in (student, teacher, head, teacher_head)),
        jnp.asarray(targets),
        temperature=0.8,
        divergence=divergence,
        top_k=3,
        mixture=0.3,
        chunk=8,
    )
    for name in FIELDS:
        assert getattr(found, name).dtype == jnp.float32
        np.testing.assert_allclose(getattr(found, name), expected[name], rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_gradients_equal_finite_differences_of_the_enumeration(divergence):
    student, teacher, head, teacher_head, targets = make_inputs(1, tokens=7)
    rng = np.random.default_rng(2)
    weights = {name: rng.normal(size=7) for name in ("divergence", "logp", "entropy")}
    mask = np.array([1, 1, 0, 1, 0, 1, 1], bool)

    def reference(h, w):
        values = enumerate_tokens(h, teacher, w, teacher_head, targets, temperature=1.3, divergence=divergence)
        return sum((weights[name] * values[name])[mask].sum() for name in weights)

    def ours(h, w):
        values = statistics(
            h,
            jnp.asarray(teacher, jnp.float32),
            w,
            jnp.asarray(teacher_head, jnp.float32),
            jnp.asarray(targets),
            mask_t=jnp.asarray(mask),
            temperature=1.3,
            divergence=divergence,
            top_k=3,
            chunk=2,
        )
        return sum((weights[name] * getattr(values, name)).sum() for name in weights)

    found = jax.grad(ours, argnums=(0, 1))(jnp.asarray(student, jnp.float32), jnp.asarray(head, jnp.float32))
    step = 1e-6
    for which, array in enumerate((student, head)):
        expected = np.zeros_like(array)
        for index in np.ndindex(*array.shape):
            up, down = [student.copy(), head.copy()], [student.copy(), head.copy()]
            up[which][index] += step
            down[which][index] -= step
            expected[index] = (reference(*up) - reference(*down)) / (2 * step)
        assert np.abs(expected).max() > 0.05
        np.testing.assert_allclose(found[which], expected, rtol=1e-4, atol=2e-5)


def hand(p, q, **settings):
    """Statistics of one token whose student and teacher distributions are given: the head is the identity."""
    identity = jnp.eye(len(p))
    return statistics(jnp.log(jnp.array([p])), jnp.log(jnp.array([q])), identity, identity, jnp.array([0]), **settings)


def test_reverse_kl_by_hand():
    # p = (1/2, 1/4, 1/4), q = (1/4, 1/4, 1/2): 1/2 ln 2 + 0 - 1/4 ln 2 = 1/4 ln 2 = 0.1733. With q = (1/8, 1/8, 3/4):
    # 1/2 ln 4 + 1/4 ln 2 + 1/4 ln(1/3) = 0.5918; the forward KL, the usual mix-up, would be
    # 1/8 ln(1/4) + 1/8 ln(1/2) + 3/4 ln 3 = 0.5640.
    assert hand([0.5, 0.25, 0.25], [0.25, 0.25, 0.5]).divergence[0] == pytest.approx(0.25 * math.log(2), abs=1e-6)
    expected = 0.5 * math.log(4) + 0.25 * math.log(2) - 0.25 * math.log(3)
    assert expected == pytest.approx(0.5918, abs=1e-4)
    assert hand([0.5, 0.25, 0.25], [0.125, 0.125, 0.75]).divergence[0] == pytest.approx(expected, abs=1e-6)


def test_forward_kl_by_hand():
    # The mirror image of the case above: 0.5640, where the reverse KL would give 0.5918.
    found = hand([0.5, 0.25, 0.25], [0.125, 0.125, 0.75], divergence="forward_kl").divergence[0]
    assert found == pytest.approx(0.75 * math.log(3) - 0.125 * math.log(4) - 0.125 * math.log(2), abs=1e-6)
    assert found == pytest.approx(0.5640, abs=1e-4)


def test_jsd_by_hand():
    # p = (3/4, 1/4), q = (1/4, 3/4), m = (1/2, 1/2): 3/4 ln(3/2) + 1/4 ln(1/2) = 0.1308, the same from both sides.
    # Without the two halves, KL(p || m) + KL(q || m), it would be 0.2616.
    found = hand([0.75, 0.25], [0.25, 0.75], divergence="jsd").divergence[0]
    assert found == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), abs=1e-6)
    assert found == pytest.approx(0.1308, abs=1e-4)


def test_topk_keeps_the_tail_as_one_cell_by_hand():
    # K = 1: the cells are {0} and {1, 2}: 0.5 ln(0.5 / 0.2) + 0.5 ln(0.5 / 0.8) = 0.2231. Without the tail's cell it
    # would be 0.4581, and over the K cells normalised to 1 it would be 0.
    found = hand([0.5, 0.25, 0.25], [0.2, 0.4, 0.4], divergence="topk", top_k=1).divergence[0]
    assert found == pytest.approx(0.5 * math.log(2.5) + 0.5 * math.log(0.625), abs=1e-6)
    assert found == pytest.approx(0.2231, abs=1e-4)


def test_topk_gradient_vanishes_where_the_cells_agree():
    # The tail splits differently (0.25/0.25 against 0.1/0.4) but the cells {0} and the tail weigh the same: value and
    # gradient are 0. Without the tail's cell the gradient at id 0 would be p_0 (1 - p_0) = 0.25.
    identity = jnp.eye(3)

    def loss(h):
        q = jnp.log(jnp.array([[0.5, 0.1, 0.4]]))
        return statistics(h, q, identity, identity, jnp.array([0]), divergence="topk", top_k=1).divergence[0]

    value, gradient = jax.value_and_grad(loss)(jnp.log(jnp.array([[0.5, 0.25, 0.25]])))
    assert abs(value) < 1e-6
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_temperature_divides_both_sides_by_hand():
    # Logits (2 ln 3, 0) and (0, 0) at temperature 2: p = (3/4, 1/4), q = (1/2, 1/2): 3/4 ln(3/2) + 1/4 ln(1/2) =
    # 0.1308; at temperature 1 p would be (0.9, 0.1) and the divergence 0.3681. Entropies: 0.5623 and ln 2.
    h = jnp.array([[2 * math.log(3.0), 0.0]])
    found = statistics(h, 0 * h, jnp.eye(2), jnp.eye(2), jnp.array([0]), temperature=2.0)
    assert found.divergence[0] == pytest.approx(0.1308, abs=1e-4)
    assert found.logp[0] == pytest.approx(math.log(0.75), abs=1e-6)
    assert found.entropy[0] == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25), abs=1e-6)
    assert found.teacher_entropy[0] == pytest.approx(math.log(2), abs=1e-6)


def test_gradient_of_the_reverse_kl_by_hand():
    # p_v (ln p_v/q_v - KL): p = (1/2, 1/2), q = (4/5, 1/5): KL = 1/2 ln(5/8) + 1/2 ln(5/2) = 0.2231,
    # gradient = 1/2 (ln(5/8) - 0.2231) = -0.3466 and +0.3466. The forward KL's, p - q, would be -0.3 and +0.3.
    def loss(h):
        return statistics(h, jnp.log(jnp.array([[0.8, 0.2]])), jnp.eye(2), jnp.eye(2), jnp.array([0])).divergence[0]

    np.testing.assert_allclose(jax.grad(loss)(jnp.log(jnp.array([[0.5, 0.5]]))), [[-0.346574, 0.346574]], atol=1e-5)


def test_same_hidden_states_and_weights_give_exactly_zero():
    student, _, head, _, targets = (
        jnp.asarray(a, jnp.float32) for a in make_inputs(3, tokens=300, vocabulary=257, width=48)
    )

    @jax.jit
    def run(h, w):
        return jax.value_and_grad(
            lambda h, w: statistics(h, h, w, None, targets.astype(int), chunk=128).divergence.sum(),
            argnums=(0, 1),
        )(h, w)

    value, gradients = run(student, head)
    assert value == 0.0
    # The score is 0 everywhere, so the gradient is exactly 0 as well, not merely small.
    assert all(not np.asarray(g).any() for g in gradients)


def test_teacher_gets_no_gradient_even_through_shared_weights():
    student, teacher, head, teacher_head, targets = (jnp.asarray(a) for a in make_inputs(4))

    def loss(teacher, teacher_head):
        values = statistics(student, teacher, head, teacher_head, targets)
        return sum((getattr(values, name) ** 2).sum() for name in FIELDS)

    assert loss(teacher, teacher_head) > 1
    assert all(not np.asarray(g).any() for g in jax.grad(loss, argnums=(0, 1))(teacher, teacher_head))

    def by_head(w, teacher_w):
        return statistics(student, teacher, w, teacher_w, targets).divergence.sum()

    shared = jax.grad(lambda w: by_head(w, None))(head)
    separate = jax.grad(by_head)(head, head)
    np.testing.assert_array_equal(shared, separate)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_chunked_equals_unchunked(divergence):
    student, teacher, head, teacher_head, targets = (jnp.asarray(a) for a in make_inputs(5, tokens=53))
    weights = jnp.asarray(np.random.default_rng(6).normal(size=(3, 53)))

    def run(chunk):
        def loss(h, w):
            s = statistics(h, teacher, w, teacher_head, targets, divergence=divergence, top_k=4, chunk=chunk)
            return (jnp.stack([s.divergence, s.logp, s.entropy]) * weights).sum()

        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))(student, head)

    whole = run(53)
    for chunk in (16,):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5), run(chunk), whole)


def test_masked_tokens_are_zero_and_change_nothing():
    student, teacher, head, teacher_head, targets = (jnp.asarray(a) for a in make_inputs(7, tokens=40))
    on = np.random.default_rng(8).random(40) < 0.4
    keep = np.flatnonzero(on)
    # Whatever stands at padding, NaN included, must not reach a value or a gradient.
    student, teacher = student.at[~on].set(jnp.nan), teacher.at[~on].set(jnp.nan)

    def loss(h, w, teacher, targets, mask):
        s = statistics(h, teacher, w, teacher_head, targets, mask_t=mask, chunk=8)
        return (s.divergence + 2 * s.logp + 3 * s.entropy).sum(), s

    both = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    (_, masked), (h_masked, w_masked) = both(student, head, teacher, targets, jnp.asarray(on))
    (_, alone), (h_alone, w_alone) = both(student[keep], head, teacher[keep], targets[keep], None)
    for name in FIELDS:
        np.testing.assert_allclose(getattr(masked, name)[keep], getattr(alone, name), rtol=1e-6, atol=1e-6)
        assert not np.asarray(getattr(masked, name))[~on].any()
    np.testing.assert_allclose(h_masked[keep], h_alone, rtol=1e-5, atol=1e-6)
    assert not np.asarray(h_masked)[~on].any()
    np.testing.assert_allclose(w_masked, w_alone, rtol=1e-5, atol=1e-5)


def test_a_mask_without_any_token_gives_zeros():
    student, teacher, head, teacher_head, targets = (jnp.asarray(a) for a in make_inputs(9))

    def loss(h, w):
        return statistics(h, teacher, w, teacher_head, targets, mask_t=jnp.zeros(T, bool), chunk=4).divergence.sum()

    value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(student, head)
    assert value == 0.0 and all(not np.asarray(g).any() for g in gradients)


def test_without_a_teacher_there_are_only_the_students_figures():
    student, teacher, head, _, targets = (jnp.asarray(a) for a in make_inputs(10))
    alone = statistics(student, None, head, None, targets, chunk=8)
    both = statistics(student, teacher, head, None, targets, chunk=8)
    assert alone.divergence is None and alone.teacher_logp is None and alone.teacher_entropy is None
    np.testing.assert_array_equal(alone.logp, both.logp)
    np.testing.assert_array_equal(alone.entropy, both.entropy)
    logp = lambda teacher: jax.grad(lambda w: statistics(student, teacher, w, None, targets).logp.sum())(head)  # noqa: E731
    np.testing.assert_allclose(logp(None), logp(teacher), rtol=1e-6, atol=1e-6)


def test_bfloat16_hidden_states_are_within_their_rounding():
    student, teacher, head, _, targets = (jnp.asarray(a, jnp.float32) for a in make_inputs(11, tokens=64, width=32))
    head = head / 4
    targets = targets.astype(int)
    exact = statistics(student, teacher, head, None, targets)
    half = statistics(student.astype(jnp.bfloat16), teacher.astype(jnp.bfloat16), head, None, targets)
    assert half.divergence.dtype == jnp.float32
    # 8 bits of mantissa and logits of about 1.5: about 0.01 a logit. A bf16 softmax would err ten times as much.
    np.testing.assert_allclose(half.divergence, exact.divergence, atol=0.05)
    np.testing.assert_allclose(half.logp, exact.logp, atol=0.03)
    gradient = jax.grad(lambda w: statistics(student.astype(jnp.bfloat16), teacher, w, None, targets).logp.sum())(head)
    assert gradient.dtype == head.dtype


def test_extreme_logits_stay_finite():
    # One-hot student and teacher that disagree: KL is the gap of the logits, 2 * 80, not infinity.
    h = jnp.array([[80.0, -80.0]])
    for divergence in DIVERGENCES:

        def loss(h, divergence=divergence):
            return statistics(h, -h, jnp.eye(2), jnp.eye(2), jnp.array([0]), divergence=divergence, top_k=1).divergence[
                0
            ]

        value, gradient = jax.value_and_grad(loss)(h)
        assert np.isfinite(value) and np.isfinite(gradient).all(), divergence
        assert value == pytest.approx(math.log(2) if divergence == "jsd" else 160, abs=1), divergence


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"divergence": "kl"}, "reverse_kl, forward_kl, jsd, topk"),
        ({"mixture": 1.0}, "mixture is 1.0"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"divergence": "topk", "top_k": V}, f"top_k is {V}"),
        ({"chunk": 0}, "chunk is 0"),
    ],
)
def test_wrong_settings_say_what_is_wrong(settings, message):
    student, teacher, head, teacher_head, targets = (jnp.asarray(a) for a in make_inputs())
    with pytest.raises(ValueError, match=message):
        statistics(student, teacher, head, teacher_head, targets, **settings)


@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_kth_largest_is_exact(k):
    rng = np.random.default_rng(12)
    # Both signs, ties and zeros of both signs, over the whole range.
    rows = np.concatenate(
        [rng.normal(size=(6, 40)) * 10.0 ** rng.integers(-30, 30, (6, 40)), rng.integers(-2, 3, (3, 40))]
    )
    rows[6, :2] = [0.0, -0.0]
    rows = rows.astype(np.float32)
    np.testing.assert_array_equal(kth_largest(jnp.asarray(rows), k), np.sort(rows, axis=1)[:, -k])


def test_micro_batches_in_a_scan_with_remat_add_up_to_the_whole():
    student, teacher, head, _, targets = (jnp.asarray(a) for a in make_inputs(13, tokens=36))
    mask = jnp.asarray(np.random.default_rng(14).random(36) < 0.6)

    def part(w, h, teacher, targets, mask):
        s = token_statistics(h, teacher, w, None, targets, mask_t=mask, chunk=8)
        return (s.divergence + s.logp).sum()

    def accumulated(w):
        parts = [a.reshape(3, 12, *a.shape[1:]) for a in (student, teacher, targets, mask)]
        add = lambda total, x: (total + jax.checkpoint(part)(w, *x), None)  # noqa: E731
        return jax.lax.scan(add, 0.0, tuple(parts))[0]

    found = jax.jit(jax.value_and_grad(accumulated))(head)
    whole = jax.jit(jax.value_and_grad(part))(head, student, teacher, targets, mask)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), found, whole)
