"""Inside the model: every layer's keys and values, every tap of the vision tower, M-RoPE positions, bfloat16."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

from tests.parity.reference import make_batch, make_pair, tiny_config
from tests.parity.test_forward import BATCHES
from vsdpo_jax.model.qwen3vl import split_abstract

CONFIG = tiny_config(vision={"deepstack_visual_indexes": (0, 1, 3)})
ROWS = BATCHES["several_images"]


@pytest.fixture(scope="module")
def pair():
    return make_pair(CONFIG)


@pytest.fixture(scope="module")
def batch(pair):
    return make_batch(pair.config, ROWS)


def test_keys_and_values_of_every_layer(pair, batch):
    """A layer's keys and values show its input, DeepStack features of the layers before it included."""

    @jax.jit
    def caches(params, sequence, images):
        model = pair.model(params)
        return model.decode(sequence, model.encode_images(images))[1]

    cache = caches(pair.params, batch.sequence, batch.images)
    with torch.no_grad():
        theirs = pair.theirs(**batch.theirs, use_cache=True).past_key_values
    valid = batch.sequence.valid[:, 0]
    for ours_all, name in ((cache.keys, "keys"), (cache.values, "values")):
        ours = np.concatenate(ours_all)[:, :, 0]
        assert len(ours) == pair.config.text.num_hidden_layers
        for layer, got in enumerate(ours):
            wanted = getattr(theirs.layers[layer], name).transpose(1, 2).numpy()
            np.testing.assert_allclose(got[valid], wanted[valid], atol=1e-4, rtol=0, err_msg=f"{name} of layer {layer}")


def test_every_tap_of_the_vision_tower(pair, batch):
    features = jax.jit(lambda params, images: pair.model(params).encode_images(images))(pair.params, batch.images)
    with torch.no_grad():
        theirs = pair.theirs.model.visual(batch.theirs["pixel_values"], grid_thw=batch.theirs["image_grid_thw"])
    rows = np.concatenate([piece.visual_index[piece.visual_index >= 0] for piece in batch.pieces])
    prompts = np.concatenate([[n] * (piece.visual_index >= 0).sum() for n, piece in enumerate(batch.pieces)])
    prompts = prompts.astype(int)
    np.testing.assert_allclose(features.embeddings[prompts, rows], theirs.pooler_output, atol=1e-4, rtol=0)
    assert len(features.deepstack) == len(theirs.deepstack_features) == 3
    for got, wanted in zip(features.deepstack, theirs.deepstack_features, strict=True):
        np.testing.assert_allclose(got[prompts, rows], wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("align", ["left", "right"])
def test_positions_equal_the_reference_code(pair, name, align):
    batch = make_batch(pair.config, BATCHES[name], length=120, align=align)
    arguments = {key: value for key, value in batch.theirs.items() if key != "pixel_values"}
    wanted, deltas = pair.theirs.model.get_rope_index(**arguments)
    valid = batch.sequence.valid[:, 0]
    np.testing.assert_array_equal(batch.sequence.positions[:, :, 0][:, valid], wanted.numpy()[:, valid])
    for piece, delta in zip(batch.pieces, deltas[:, 0], strict=True):
        assert piece.next_position == len(piece) + int(delta)


def test_images_of_one_row_do_not_touch_another(pair):
    """The features of an image do not depend on what else is in the batch, in its row or on padding."""
    one = make_batch(pair.config, [[4, (64, 96), 5]], seed=3)
    encode = jax.jit(lambda params, images: pair.model(params).encode_images(images).embeddings)
    alone = encode(pair.params, one.images)
    several = jax.tree.map(lambda leaf: np.repeat(leaf, 2, axis=0), one.images)
    noise = np.random.default_rng(0).normal(size=several.patches.shape).astype(np.float32)
    several.patches[1] = noise[1]
    several.valid[1] = True
    several.patches[0][~several.valid[0]] = noise[0][~several.valid[0]]
    together = encode(pair.params, several)
    np.testing.assert_allclose(together[0, :6], alone[0, :6], atol=1e-5)


def test_bfloat16_is_as_close_as_the_reference_in_bfloat16(pair):
    batch = make_batch(pair.config, [[5, (64, 96), 12], [3, (32, 128), 2, (64, 32), 9]])
    graphdef, _ = split_abstract(pair.config, dtype=jnp.bfloat16, remat="none")

    @jax.jit
    def logits(params, sequence, images):
        model = nnx.merge(graphdef, params)
        hidden, _ = model.decode(sequence, model.encode_images(images))
        assert hidden.dtype == jnp.bfloat16
        return hidden @ model.head().astype(jnp.bfloat16).T

    ours = np.asarray(logits(pair.params, batch.sequence, batch.images)[:, 0], np.float32)
    with torch.no_grad():
        exact = pair.theirs(**batch.theirs).logits.numpy()
        # A copy: the pair is shared by many tests.
        theirs = copy.deepcopy(pair.theirs).bfloat16()(**batch.theirs).logits.float().numpy()
    valid = batch.sequence.valid[:, 0]
    error = lambda x: np.sqrt(np.mean((x - exact)[valid] ** 2))  # noqa: E731
    assert error(ours) <= error(theirs)
