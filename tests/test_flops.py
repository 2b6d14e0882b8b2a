"""Work by hand and by the compiler's own count."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from configs import common
from vsdpo_jax import flops
from vsdpo_jax.bench import synthetic
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig, VisionConfig
from vsdpo_jax.model.inputs import Sequence
from vsdpo_jax.model.qwen3vl import Qwen3VL, split_abstract
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import init_state, make_update

TEXT = TextConfig(
    vocab_size=96, hidden_size=64, intermediate_size=160, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=2, head_dim=16, mrope_section=(4, 2, 2),
)  # fmt: skip
VISION = VisionConfig(
    depth=1, hidden_size=32, intermediate_size=48, num_heads=2, out_hidden_size=64, num_position_embeddings=16,
    deepstack_visual_indexes=(0,),
)  # fmt: skip


def test_text_by_hand():
    # Weights of a layer: q 64*64, k and v 2 * 64*32, o 64*64, mlp 3 * 64*160 = 43,008; two FLOPs each and token.
    # Pairs: 3 tokens after 5: 15 + 6; 2 after 5: 10 + 3; 4 * 64 FLOPs each. Without causality it would be 15 + 9.
    found = flops.text_flops(TEXT, np.array([[3, 2]]), np.array([[5]]))
    assert found == 2 * 43_008 * 5 + 4 * 64 * (21 + 13)
    two = dataclasses.replace(TEXT, num_hidden_layers=2)
    assert flops.text_flops(two, np.array([[3, 2]]), np.array([[5]])) == 2 * found


def test_vision_by_hand():
    # 8 and 4 patches. Block: 2 * (4*32^2 + 2*32*48) * 12 + 4*32 * (64 + 16); two mergers on 3 tokens of 128 values:
    # 2 * 2 * 128 * (128 + 64) * 3; patches of 1,536 values: 2 * 1536 * 32 * 12.
    expected = 2 * 7168 * 12 + 128 * 80 + 2 * 2 * 128 * 192 * 3 + 2 * 1536 * 32 * 12
    assert flops.vision_flops(VISION, np.array([[8, 4]])) == expected


def test_text_agrees_with_the_compiler():
    config = Qwen3VLConfig(text=TEXT, vision=VISION, image_token_id=90, video_token_id=91, vision_start_token_id=92,
                           vision_end_token_id=93, bos_token_id=None, eos_token_id=94)  # fmt: skip
    model = nnx.eval_shape(lambda: Qwen3VL(config, rngs=nnx.Rngs(0), dtype=jnp.float32, remat="none"))
    graphdef, params = nnx.split(model, nnx.Param)
    length = 128

    def forward(params, tokens):
        places = jnp.broadcast_to(jnp.arange(length), (3, 1, 1, length))
        sequence = Sequence(tokens, places, tokens >= 0, jnp.full(tokens.shape, -1))
        return nnx.merge(graphdef, params).decode(sequence, None)[0]

    cost = jax.jit(forward).lower(params, jnp.zeros((1, 1, length), jnp.int32)).compile().cost_analysis()
    mine = flops.text_flops(TEXT, np.array([[length]]), np.zeros((1, 1)))
    # The compiler computes all pairs, not the causal half, and counts softmax, norms and rotations as well.
    all_pairs = mine + 4 * 64 * (length**2 - length * (length + 1) / 2)
    assert all_pairs <= cost["flops"] < 1.25 * all_pairs


def batch():
    valid = lambda *lengths: types.SimpleNamespace(  # noqa: E731
        valid=np.array([[np.arange(8) < length for length in lengths]])
    )
    return types.SimpleNamespace(
        prefix=valid(5), student=valid(3, 2), teacher=valid(7, 6), images=valid(8, 4, 0),
        response_ngr=np.array([[[1, 1], [1, 0]]], bool),
    )  # fmt: skip


def test_who_pays_for_what():
    config = types.SimpleNamespace(text=TEXT, vision=VISION)
    count = lambda **who: flops.update_flops(config, batch(), **who)  # noqa: E731
    image, render = (flops.vision_flops(VISION, np.array([n])) for n in (8, 4))
    prompt = flops.text_flops(TEXT, np.array([5]), np.array([0]))
    head = flops.head_flops(TEXT, 3)
    plain = flops.text_flops(TEXT, np.array([3, 2]), np.array([5])) + head
    taught = flops.text_flops(TEXT, np.array([7, 6]), np.array([5])) + head
    assert count(student=True, teacher="", reference=False) == 3 * (image + prompt + plain)
    shared = count(student=True, teacher="shared", reference=False)
    assert shared == 3 * (image + prompt + plain) + render + taught
    own = count(student=True, teacher="own", reference=False)
    assert own == shared + image + prompt
    assert count(student=True, teacher="own", reference=True) == own + image + prompt + plain
    sft = count(student=True, teacher="trained", reference=False)
    assert sft == 3 * (image + prompt + plain + render + taught)


UNROLLED = synthetic.model_config(
    {
        "vocab_size": 2048,
        "hidden_size": 256,
        "intermediate_size": 768,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "mrope_section": (12, 10, 10),
    },
    # Taps at every block: no loop of more than one turn in either tower. The compiler counts the body of a loop once.
    {
        "depth": 3,
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_heads": 4,
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": (0, 1, 2),
    },
)
SHAPE = synthetic.Shape(prompts=2, branches=3, prefix=120, header=3, response=128, feedback=140, image=(256, 192))


@pytest.mark.parametrize(("kind", "teacher"), [("live", "shared"), ("ema", "own")])
def test_a_whole_update_agrees_with_the_compiler(kind, teacher):
    """Images, prompt, student, teacher, head and every gradient, as the trainer compiles them."""
    config = common.base()
    with config.unlocked():
        config.batch.prompts, config.batch.group, config.teacher.kind = SHAPE.prompts, SHAPE.branches, kind
        config.objective.chunk = SHAPE.prompts * SHAPE.branches * SHAPE.response
    graphdef, params = split_abstract(UNROLLED, dtype=jnp.bfloat16, remat="none", attention="reference")
    optimizer = make_optimizer(config.optim, config.steps)
    state = jax.eval_shape(lambda params: init_state(params, optimizer, kind, 0), params)
    batch = synthetic.batch(UNROLLED, SHAPE)
    arguments = {"student": True, "teacher": teacher, "reference": False}
    mine = flops.update_flops(UNROLLED, batch, **arguments, causal=False)
    # Not work in the sense of MFU: student and teacher are projected to the vocabulary again in the backward pass.
    mine += 2 * flops.head_flops(UNROLLED.text, config.objective.chunk)
    lowered = jax.jit(make_update(graphdef, config, optimizer)).lower(state, jax.eval_shape(lambda: batch))
    counted = lowered.cost_analysis()["flops"]
    # The compiler also counts norms, softmaxes, rotations and the optimizer, several per cent at this width, and leaves
    # out what the last layer would do with a prompt besides keys and values. A forgotten teacher would be a third,
    # forgotten images a quarter.
    assert 0.96 < counted / mine < 1.06, counted / mine
