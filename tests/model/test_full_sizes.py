"""The published sizes, traced without memory, so that an error of shapes in 8B or 32B cannot hide."""

import functools

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.inputs import ImagePatches, Sequence
from vsdpo_jax.model.qwen3vl import split_abstract
from vsdpo_jax.rollout.sampler import SamplingConfig, sample

# Tracing takes a while: one size every day, all of them among the slow tests.
SIZES = ["8b", *(pytest.param(size, marks=pytest.mark.slow) for size in ("2b", "4b", "32b"))]
N, G, P, R, IMAGES, PATCHES = 4, 8, 1280, 2048, 2, 4096


def sequence(branches, length):
    of = functools.partial(jax.ShapeDtypeStruct, (N, branches, length))
    return Sequence(
        of(jnp.int32), jax.ShapeDtypeStruct((3, N, branches, length), jnp.int32), of(jnp.bool_), of(jnp.int32)
    )


def image_patches(config):
    of = lambda dtype, *more: jax.ShapeDtypeStruct((N, IMAGES, PATCHES, *more), dtype)  # noqa: E731
    patch_dim = config.vision.patch_dim
    return ImagePatches(
        of(jnp.float32, patch_dim), of(jnp.bool_), of(jnp.int32, 4), of(jnp.float32, 4), of(jnp.int32, 2)
    )


@pytest.mark.parametrize("size", SIZES)
def test_loss_and_gradients_have_the_right_shapes(size):
    config = Qwen3VLConfig.preset(size)
    graphdef, params = split_abstract(config, dtype=jnp.bfloat16, remat="full", attention="reference")

    def loss(params, images, x, y):
        model = nnx.merge(graphdef, params)
        visual = model.encode_images(images)
        _, cache = model.decode(x, visual)
        hidden, _ = model.decode(y, visual, prefix=cache)
        return hidden.astype(jnp.float32).mean() + model.head().mean(), (visual, cache, hidden)

    inputs = image_patches(config), sequence(1, P), sequence(G, R)
    (_, outputs), gradients = jax.eval_shape(jax.value_and_grad(loss, has_aux=True), params, *inputs)
    visual, cache, hidden = outputs
    text = config.text
    assert hidden.shape == (N, G, R, text.hidden_size) and hidden.dtype == jnp.bfloat16
    assert visual.embeddings.shape == (N, IMAGES * PATCHES // 4, text.hidden_size)
    assert visual.deepstack.shape == (3, *visual.embeddings.shape)
    assert sum(keys.shape[0] for keys in cache.keys) == text.num_hidden_layers
    assert all(keys.shape[1:] == (N, 1, P, text.num_key_value_heads, text.head_dim) for keys in cache.keys)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), gradients) == jax.tree.map(lambda x: (x.shape, x.dtype), params)


@pytest.mark.parametrize("size", SIZES)
def test_samples_have_the_right_shapes(size):
    config = Qwen3VLConfig.preset(size)
    graphdef, params = split_abstract(config, dtype=jnp.bfloat16, remat="none", attention="reference")
    settings = SamplingConfig(max_tokens=R, top_p=0.9, top_k=50, stop_ids=(config.eos_token_id,))
    key = jax.eval_shape(lambda: jax.random.key(0))
    run = functools.partial(sample, graphdef, branches=G, config=settings)
    samples = jax.eval_shape(run, params, sequence(1, P), image_patches(config), key)
    assert samples.tokens.shape == samples.logp.shape == (N, G, R)
    assert samples.lengths.shape == (N, G)
