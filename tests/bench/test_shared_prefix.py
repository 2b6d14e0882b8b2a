"""The two layouts that the bench compares are the same computation, and its operation counts are the compiler's."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vsdpo_jax.bench import shared_prefix, synthetic

MODEL = synthetic.model_config(
    {
        "vocab_size": 512,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "mrope_section": (6, 5, 5),
    }
)
SHAPE = synthetic.Shape(prompts=2, branches=3, prefix=24, header=2, response=20, feedback=26, spread=0.3)


@pytest.mark.slow
def test_layouts_give_the_same_hidden_states():
    graphdef, params = synthetic.random_model(MODEL, dtype=jnp.float32, remat="none")
    model, batch = nnx.merge(graphdef, params), synthetic.to_device(synthetic.batch(MODEL, SHAPE))
    # Prompts and feedback of unequal length, so padding lies between prefix and continuation.
    assert not batch.prefix.valid.all() and not batch.teacher.valid.all()
    for one, other in zip(shared_prefix.shared(model, batch), shared_prefix.separate(model, batch), strict=True):
        assert one.shape == (2, 3, 20, 128)
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("layout", [shared_prefix.shared, shared_prefix.separate])
def test_operations_counted_by_hand_are_the_compilers(layout):
    wide = dataclasses.replace(SHAPE, prefix=240, response=200, feedback=260)
    by_hand = shared_prefix.by_hand(MODEL, wide, layout)
    # The compiler also counts norms and softmaxes, several per cent at this width, and leaves out what the last layer
    # would do with a shared prefix besides keys and values. A forgotten teacher would be a sixth.
    counted = shared_prefix.compiler_flops(MODEL, wide, layout)
    assert 0.95 < counted / by_hand < 1.1


def test_group_layout_saves_what_the_paper_lengths_promise():
    layouts = shared_prefix.shared, shared_prefix.separate
    count = [shared_prefix.by_hand(shared_prefix.COUNTED, shared_prefix.FULL, layout) for layout in layouts]
    # Token passes alone: (1200 + 8 * 1000) * 3 + 8 * 2300 of 8 * (2200 * 3 + 3500) is 0.57.
    assert 0.55 < count[0] / count[1] <= 0.65
