"""The reference against plain softmax attention, and the TPU kernel, interpreted, against the reference."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsdpo_jax.model.attention import attention
from vsdpo_jax.model.blocked import blocked_attention
from vsdpo_jax.model.splash import BranchMask

# (N, G, T, H, K, A, P or None, prefix branches): head size 72 is the published vision tower's.
CASES = {
    "alone": (2, 1, 20, 4, 4, 16, None, 1),
    "shared_prefix": (2, 3, 20, 4, 2, 16, 30, 1),
    "own_prefixes": (2, 3, 20, 4, 2, 16, 30, 3),
    # Blocks of 512 that hold the end of one branch and the start of the next.
    "several_blocks": (1, 3, 300, 2, 1, 16, 140, 1),
    "head_72": (1, 2, 40, 2, 2, 72, None, 1),
}


def inputs(case, seed=0):
    n, g, t, h, k, a, p, prefix_branches = CASES[case]
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    valid = np.ones((n, g, t), bool)
    valid[0, 0, :3] = False  # padding on the left, in the middle and on the right
    valid[-1, -1, -5:] = False
    valid[-1, -1, 7] = False
    prefix = None
    if p:
        seen = rng.random((n, prefix_branches, p)) < 0.8
        prefix = (normal(n, prefix_branches, p, k, a), normal(n, prefix_branches, p, k, a), seen)
    return (normal(n, g, t, h, a), normal(n, g, t, k, a), normal(n, g, t, k, a), valid), prefix


def plain(query, key, value, valid, prefix, causal):
    """Row by row, repeating everything that is shared."""
    n, g, t, h, a = query.shape
    mask = valid[:, :, None, :] & (np.tril(np.ones((t, t), bool)) if causal else np.ones((t, t), bool))
    if prefix is not None:
        before = [np.broadcast_to(x, (n, g, *x.shape[2:])) for x in prefix]
        key, value = np.concatenate([before[0], key], 2), np.concatenate([before[1], value], 2)
        mask = np.concatenate([np.broadcast_to(before[2][:, :, None], (n, g, t, before[2].shape[-1])), mask], -1)
    key, value = (np.repeat(x, h // x.shape[3], axis=3) for x in (key, value))
    scores = np.einsum("ngtha,ngsha->nghts", query, key) / np.sqrt(a)
    scores = np.where(mask[:, :, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("nghts,ngsha->ngtha", weights / weights.sum(-1, keepdims=True), value)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_reference_equals_plain_softmax(case, causal):
    arguments, prefix = inputs(case)
    got = attention(*arguments, causal=causal, prefix=prefix, implementation="reference")
    with np.errstate(invalid="ignore"):
        wanted = plain(*arguments, prefix, causal)
    answered = ~np.isnan(wanted)
    assert np.isfinite(got).all() and answered.mean() > 0.9
    np.testing.assert_allclose(np.asarray(got)[answered], wanted[answered], atol=1e-5)


@pytest.mark.parametrize(
    ("case", "causal", "block_bytes"),
    [
        ("alone", False, 8 << 10),
        ("alone", True, 1 << 18),
        ("shared_prefix", True, 8 << 10),
        ("shared_prefix", False, 1 << 15),
        ("own_prefixes", True, 1 << 18),
        ("several_blocks", True, 1 << 19),
    ],
)
def test_blocks_equal_the_reference_in_values_and_gradients(case, causal, block_bytes):
    """In blocks that hold part of a sequence, one branch, or several prompts."""
    (query, key, value, valid), prefix = inputs(case)
    seeing = np.cumsum(valid, -1) > 0 if causal and prefix is None else np.ones_like(valid)
    cotangent = np.random.default_rng(1).normal(size=query.shape).astype(np.float32) * seeing[..., None, None]

    def loss(arrays, apply):
        query, key, value, before = arrays
        out = apply(query, key, value, valid, causal=causal, prefix=before and (*before, prefix[2]))
        return (out * cotangent).sum(), out

    arrays = (query, key, value, prefix and prefix[:2])
    (_, wanted), wanted_gradient = jax.value_and_grad(loss, has_aux=True)(
        arrays, functools.partial(attention, implementation="reference")
    )
    apply = functools.partial(blocked_attention, block_bytes=block_bytes)
    (_, got), got_gradient = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)(arrays, apply)
    np.testing.assert_allclose(np.asarray(got)[seeing], np.asarray(wanted)[seeing], atol=1e-5)
    for a, b in zip(jax.tree.leaves(got_gradient), jax.tree.leaves(wanted_gradient), strict=True):
        np.testing.assert_allclose(a, b, atol=5e-5)


def test_blocks_have_gradients_in_bfloat16():
    """Of the type of their arrays, and as close to the float32 ones as bfloat16 is."""
    (query, key, value, valid), prefix = inputs("shared_prefix")
    before = prefix[:2]

    def loss(arrays):
        query, key, value, before = arrays
        out = blocked_attention(query, key, value, valid, causal=True, prefix=(*before, prefix[2]), block_bytes=1 << 15)
        return (out.astype(jnp.float32) ** 2).sum()

    exact = jax.grad(loss)((query, key, value, before))
    rounded = jax.grad(loss)(jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16), (query, key, value, before)))
    for a, b in zip(jax.tree.leaves(rounded), jax.tree.leaves(exact), strict=True):
        assert a.dtype == jnp.bfloat16
        np.testing.assert_allclose(a.astype(jnp.float32), b, atol=0.03 * float(jnp.abs(b).max()))


def test_blocks_keep_no_scores_for_the_backward_pass():
    """256 queries against 512 keys by 4 heads and 8 branches: scores of 16.8 MB, which the reference keeps."""
    shape = lambda *s: jax.ShapeDtypeStruct(s, jnp.float32)  # noqa: E731
    own, before = [shape(1, 8, 256, 4, 16)] * 3, [shape(1, 1, 256, 4, 16)] * 2
    valid = np.ones((1, 8, 256), bool), np.ones((1, 1, 256), bool)

    def memory(implementation):
        def loss(query, key, value, *before):
            prefix = (*before, valid[1])
            return attention(
                query, key, value, valid[0], causal=True, prefix=prefix, implementation=implementation
            ).sum()

        compiled = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3, 4))).lower(*own, *before).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert memory("blocked") < 12e6 < 4 * 256 * 512 * 4 * 8 < memory("reference")


# Interpreting the kernel takes long: the cases that differ most are enough for every day.
SLOW = [pytest.param(case, marks=pytest.mark.slow) for case in ("alone", "own_prefixes", "several_blocks")]


@pytest.mark.parametrize("case", ["shared_prefix", "head_72", *SLOW])
def test_kernel_equals_the_reference_in_values_and_gradients(case):
    (query, key, value, valid), prefix = inputs(case)
    causal = case != "head_72"
    # Queries that may see nothing have no answer to compare.
    seeing = np.cumsum(valid, -1) > 0 if causal and prefix is None else np.ones_like(valid)
    cotangent = np.random.default_rng(1).normal(size=query.shape).astype(np.float32) * seeing[..., None, None]
    arrays = (query, key, value, prefix and prefix[:2])

    def loss(arrays, implementation):
        query, key, value, before = arrays
        before = before and (*before, prefix[2])
        out = attention(query, key, value, valid, causal=causal, prefix=before, implementation=implementation)
        return (out * cotangent).sum(), out

    run = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)
    (_, wanted), wanted_gradient = run(arrays, "reference")
    (_, got), got_gradient = run(arrays, "splash_interpret")
    np.testing.assert_allclose(np.asarray(got)[seeing], np.asarray(wanted)[seeing], atol=2e-5)
    for a, b in zip(jax.tree.leaves(got_gradient), jax.tree.leaves(wanted_gradient), strict=True):
        np.testing.assert_allclose(a, b, atol=5e-5)


def test_branch_mask_keeps_branches_apart():
    mask = BranchMask(rows=6, columns=8, length=3, prefix=2, causal=True)[slice(None), slice(None)]
    wanted = """
        11 100 000
        11 110 000
        11 111 000
        11 000 100
        11 000 110
        11 000 111"""
    assert mask.astype(int).tolist() == [[int(c) for c in line.replace(" ", "")] for line in wanted.split("\n")[1:]]


def test_softmax_is_float32_whatever_the_inputs():
    """Thousands of keys with equal scores: in bfloat16 the sum of their weights would stop growing at 256."""
    ones = jnp.ones((1, 1, 4096, 1, 8), jnp.bfloat16)
    query, valid = ones[:, :, :1], np.ones((1, 1, 4096), bool)
    own = (ones[:, :, :1], ones[:, :, :1], valid[:, :, :1])
    got = attention(query, *own, causal=True, prefix=(ones, ones, valid), implementation="reference")
    np.testing.assert_allclose(np.asarray(got, np.float32), 1.0, atol=1e-2)


def test_unknown_implementation_is_refused():
    arguments, prefix = inputs("alone")
    with pytest.raises(ValueError, match="unknown attention 'flash'"):
        attention(*arguments, causal=True, prefix=prefix, implementation="flash")
