"""Prefill and decoding against transformers on the same CPU, weights and prompts, measured in one process.

    python -m vsdpo_jax.bench.generation

Every prompt has one image. Prefill is the vision tower and the prompt. Decoding is what the rest of a call takes: G
responses to each prompt, sampled at temperature 1 to a fixed length. transformers gets one row per response, as its
`generate` needs; here the responses of a prompt share its keys and values. Both compute in float32; compilation is not
counted. The median of alternating repeats is reported.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vsdpo_jax.data.chat import Chat, stack_pieces
from vsdpo_jax.data.images import ImageProcessor, pack_images
from vsdpo_jax.model import weights
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig, VisionConfig
from vsdpo_jax.model.qwen3vl import split_abstract
from vsdpo_jax.rollout.sampler import SamplingConfig, sample

SPECIAL = {"image_token_id": 1, "video_token_id": 2, "vision_start_token_id": 3, "vision_end_token_id": 4}
TINY = Qwen3VLConfig(
    text=TextConfig(
        vocab_size=1024,
        hidden_size=160,
        intermediate_size=480,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=40,
        mrope_section=(8, 6, 6),
    ),
    vision=VisionConfig(
        depth=3,
        hidden_size=96,
        intermediate_size=384,
        num_heads=4,
        out_hidden_size=160,
        num_position_embeddings=256,
        deepstack_visual_indexes=(0, 1),
    ),
    tie_word_embeddings=True,
    eos_token_id=None,
    bos_token_id=None,
    **SPECIAL,
)
MEDIUM = Qwen3VLConfig(
    text=TextConfig(
        vocab_size=16_384,
        hidden_size=768,
        intermediate_size=2048,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_key_value_heads=4,
        head_dim=64,
        mrope_section=(12, 10, 10),
    ),
    vision=VisionConfig(
        depth=6,
        hidden_size=384,
        intermediate_size=1536,
        num_heads=6,
        out_hidden_size=768,
        num_position_embeddings=576,
        deepstack_visual_indexes=(1, 3),
    ),
    tie_word_embeddings=True,
    eos_token_id=None,
    bos_token_id=None,
    **SPECIAL,
)


@dataclasses.dataclass(frozen=True)
class Load:
    """`prompts` rows of about 110 tokens, `branches` responses of `tokens` tokens to each."""

    name: str
    config: Qwen3VLConfig
    prompts: int
    branches: int
    tokens: int


LOADS = (
    Load("tiny", TINY, 1, 1, 64),
    Load("tiny", TINY, 1, 8, 64),
    Load("tiny", TINY, 8, 6, 64),
    Load("100M", MEDIUM, 1, 1, 24),
    Load("100M", MEDIUM, 1, 8, 24),
    Load("100M", MEDIUM, 4, 8, 24),
)
REPEATS = 5
PROCESSOR = ImageProcessor(min_pixels=32 * 32, max_pixels=160 * 128)


@dataclasses.dataclass(frozen=True)
class Row:
    """Tokens per second of one load, ours and transformers'."""

    load: Load
    prefill: tuple[float, float]
    decode: tuple[float, float]


def random_arrays(config: Qwen3VLConfig) -> dict[str, np.ndarray]:
    """Weights by path, normal with standard deviation 0.02; norms are 1."""
    rng = np.random.default_rng(0)
    arrays = {}
    for entry in weights.table(config):
        shape = (len(entry.keys), *entry.shape) if entry.stacked else entry.shape
        is_scale = entry.path.endswith("scale")
        arrays[entry.path] = np.ones(shape, np.float32) if is_scale else 0.02 * rng.standard_normal(shape, np.float32)
    return arrays


def make_prompts(load: Load):
    """(pieces, processed images): the same text and image sizes for every prompt, other ids and pixels."""
    rng = np.random.default_rng(1)
    chat = Chat(None, load.config, tokens_per_image=20)
    images = [PROCESSOR.process(rng.integers(0, 256, (128, 160, 3), dtype=np.uint8)) for _ in range(load.prompts)]
    pieces = []
    for image in images:
        before = chat.sampled(rng.integers(8, load.config.text.vocab_size, 10), start=0)
        shown = before + chat.image(image.grid, slot=0, start=before.next_position)
        pieces.append(shown + chat.sampled(rng.integers(8, load.config.text.vocab_size, 80), start=shown.next_position))
    return pieces, images


def ours(load: Load) -> tuple[Callable[[], None], Callable[[], None]]:
    """(prefill, prefill and decoding), compiled."""
    pieces, images = make_prompts(load)
    graphdef, _ = split_abstract(load.config, dtype=jnp.float32, remat="none")
    params = weights.as_state(load.config, {path: jnp.asarray(a) for path, a in random_arrays(load.config).items()})
    prefix = jax.device_put(stack_pieces([[piece] for piece in pieces], len(pieces[0]), align="left"))
    packed = jax.device_put(pack_images([[i] for i in images], slots=1, patches=80, config=load.config.vision))

    @jax.jit
    def prefill(params, prefix, packed):
        model = nnx.merge(graphdef, params)
        hidden, cache = model.decode(prefix, model.encode_images(packed))
        return hidden[:, :, -1] @ model.head().T, cache

    settings = SamplingConfig(max_tokens=load.tokens)
    whole = functools.partial(sample, graphdef, branches=load.branches, config=settings)
    return (
        lambda: jax.block_until_ready(prefill(params, prefix, packed)),
        lambda: jax.block_until_ready(whole(params, prefix, packed, jax.random.key(0))),
    )


def transformers_reference(load: Load) -> tuple[Callable[[], None], ...]:
    """The same two with transformers, and the prefill of one row per response; only here is torch imported."""
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    pieces, images = make_prompts(load)
    model = transformers.Qwen3VLForConditionalGeneration(transformers.Qwen3VLConfig(**load.config.to_hf())).eval()
    arrays = random_arrays(load.config)
    state = {
        key: torch.tensor(entry.to_hf(arrays[entry.path][layer] if entry.stacked else arrays[entry.path]))
        for entry in weights.table(load.config)
        for layer, key in enumerate(entry.keys)
    }
    model.load_state_dict(state, strict=False)
    ids = torch.tensor(np.stack([piece.ids for piece in pieces])).long()
    pixels, grids = torch.tensor(np.stack([i.patches for i in images])), torch.tensor([i.grid for i in images])

    def inputs(copies):
        rows = ids.repeat_interleave(copies, 0)
        return {
            "input_ids": rows,
            "attention_mask": torch.ones_like(rows),
            "mm_token_type_ids": (rows == load.config.image_token_id).int(),
            "pixel_values": pixels.repeat_interleave(copies, 0).flatten(0, 1),
            "image_grid_thw": grids.repeat_interleave(copies, 0),
        }

    once, copied = inputs(1), inputs(load.branches)

    @torch.no_grad()
    def prefill(arguments=once):
        return model(**arguments, use_cache=True, logits_to_keep=1)

    length = {"max_new_tokens": load.tokens, "min_new_tokens": load.tokens}

    @torch.no_grad()
    def whole():
        return model.generate(**copied, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, **length)

    # Decoding is what `whole` takes beyond the prefill of its own, repeated rows.
    return prefill, whole, lambda: prefill(copied)


def measure(load: Load) -> Row:
    """Alternates the two, so that whatever else the machine does falls on both."""
    our_prefill, our_whole = ours(load)
    their_prefill, their_whole, their_copied_prefill = transformers_reference(load)
    runs = (our_prefill, our_whole, their_prefill, their_whole, their_copied_prefill)
    seconds: list[list[float]] = [[] for _ in runs]
    for repeat in range(REPEATS + 1):
        for run, times in zip(runs, seconds, strict=True):
            started = time.perf_counter()
            run()
            if repeat:
                times.append(time.perf_counter() - started)
    our_prefill, our_whole, their_prefill, their_whole, their_copied = map(statistics.median, seconds)
    prompt_tokens = load.prompts * len(make_prompts(load)[0][0])
    new_tokens = load.prompts * load.branches * load.tokens
    return Row(
        load,
        prefill=(prompt_tokens / our_prefill, prompt_tokens / their_prefill),
        decode=(new_tokens / (our_whole - our_prefill), new_tokens / (their_whole - their_copied)),
    )


def run() -> list[str]:
    """Measures everything; returns the lines to print."""
    lines = ["tokens/s                 prefill: ours  transformers  ratio    decode: ours  transformers  ratio"]
    for load in LOADS:
        row = measure(load)
        (p, q), (d, e) = row.prefill, row.decode
        name = f"{load.name}, {load.prompts} x {load.branches}"
        lines.append(f"{name:24s} {p:14.0f} {q:13.0f} {p / q:6.2f} {d:15.0f} {e:13.0f} {d / e:6.2f}")
    return lines


if __name__ == "__main__":
    print("\n".join(run()))
