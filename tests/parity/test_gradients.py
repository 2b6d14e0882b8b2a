"""Gradients with respect to every parameter equal transformers', fp32."""

import jax
import numpy as np
import pytest
import torch
from flax import nnx

from tests.parity.reference import make_batch, make_pair, tiny_config
from vsdpo_jax.model import weights
from vsdpo_jax.model.qwen3vl import split_abstract

CONFIGS = {
    "tied": tiny_config(),
    "untied_three_taps": tiny_config(tie_word_embeddings=False, vision={"deepstack_visual_indexes": (0, 1, 3)}),
}


@pytest.mark.parametrize(("name", "remat"), [("tied", "full"), ("untied_three_taps", "none")])
def test_gradient_of_every_parameter(name, remat):
    pair = make_pair(CONFIGS[name])
    graphdef, _ = split_abstract(pair.config, dtype=np.float32, remat=remat)
    batch = make_batch(pair.config, [[5, (64, 96), 12], [3, (32, 128), 2, (64, 32), 9]])
    valid = batch.sequence.valid[:, 0]
    # Random weights for the logits make every output, and so every parameter, matter.
    cotangent = np.random.default_rng(1).normal(size=(*valid.shape, pair.config.text.vocab_size)).astype(np.float32)
    cotangent *= valid[..., None]

    @jax.jit
    @jax.grad
    def gradient(params):
        model = nnx.merge(graphdef, params)
        hidden, _ = model.decode(batch.sequence, model.encode_images(batch.images))
        return (hidden[:, 0] @ model.head().T * cotangent).sum() / valid.sum()

    ours = weights.flat_arrays(gradient(pair.params))
    pair.theirs.zero_grad()
    logits = pair.theirs(**batch.theirs).logits
    ((logits * torch.tensor(cotangent)).sum() / valid.sum()).backward()
    theirs = dict(pair.theirs.named_parameters())
    for entry in weights.table(pair.config):
        for layer, key in enumerate(entry.keys):
            array = np.asarray(ours[entry.path])
            got = entry.to_hf(array[layer] if entry.stacked else array)
            wanted = theirs[key].grad.numpy()
            assert np.abs(wanted).max() > 0, key
            np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max(), err_msg=key)
