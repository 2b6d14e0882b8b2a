"""Logits equal to transformers' Qwen3-VL, fp32."""

import jax
import numpy as np
import pytest
import torch

from tests.parity.reference import make_batch, make_pair, tiny_config

CONFIGS = {
    "grouped_tied": tiny_config(),
    "multi_query_untied": tiny_config({"num_key_value_heads": 1}, tie_word_embeddings=False),
    "one_to_one_heads": tiny_config({"num_key_value_heads": 4}),
    "no_deepstack": tiny_config(vision={"deepstack_visual_indexes": ()}),
    "tap_on_last_block": tiny_config(vision={"deepstack_visual_indexes": (0, 1, 3)}),
    "only_deepstack_layers": tiny_config({"num_hidden_layers": 2}),
    "head_dim_40": tiny_config({"head_dim": 40, "mrope_section": (8, 6, 6)}),
}
BATCHES = {
    "text_only": [[9], [17]],
    "two_sizes": [[5, (128, 160), 12], [3, (64, 224), 21]],
    "several_images": [[4, (32, 32), 3, (256, 32), 2, (96, 64), 8], [6, (64, 64), 5], [25]],
    "hardly_any_text": [[1, (32, 256), 1], [1, (160, 160), 1, (64, 96), 1]],
}


def run(pair, batch):
    """Logits [rows, T, V] of ours and theirs."""

    @jax.jit
    def forward(params, sequence, images):
        model = pair.model(params)
        visual = None if images is None else model.encode_images(images)
        return model.decode(sequence, visual)[0] @ model.head().T

    ours = forward(pair.params, batch.sequence, batch.images)[:, 0]
    with torch.no_grad():
        theirs = pair.theirs(**batch.theirs).logits.numpy()
    return np.asarray(ours), theirs


@pytest.mark.parametrize("name", CONFIGS)
def test_every_kind_of_config(name):
    pair = make_pair(CONFIGS[name])
    batch = make_batch(pair.config, BATCHES["two_sizes"])
    ours, theirs = run(pair, batch)
    valid = batch.sequence.valid[:, 0]
    assert np.abs(theirs[valid]).max() > 0.5
    np.testing.assert_allclose(ours[valid], theirs[valid], atol=1e-4, rtol=0)


@pytest.mark.parametrize("align", ["left", "right"])
@pytest.mark.parametrize("name", BATCHES)
def test_every_kind_of_batch(name, align):
    pair = make_pair(CONFIGS["grouped_tied"])
    batch = make_batch(pair.config, BATCHES[name], length=96, align=align)
    ours, theirs = run(pair, batch)
    valid = batch.sequence.valid[:, 0]
    np.testing.assert_allclose(ours[valid], theirs[valid], atol=1e-4, rtol=0)


def test_one_compilation_serves_all_resolutions_of_a_bucket():
    pair = make_pair(CONFIGS["grouped_tied"])

    @jax.jit
    def forward(params, sequence, images):
        model = pair.model(params)
        return model.decode(sequence, model.encode_images(images))[0]

    for seed, size in enumerate([(32, 32), (128, 64), (32, 256), (160, 160)]):
        batch = make_batch(pair.config, [[5, size, 7]] * 2, length=80, seed=seed)
        assert np.isfinite(forward(pair.params, batch.sequence, batch.images)[batch.sequence.valid]).all()
    assert forward._cache_size() == 1
