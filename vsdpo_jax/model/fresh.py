"""A model folder with fresh random weights: where the warm start of the tiny model begins.

python -m vsdpo_jax.model.fresh --tokenizer=FOLDER --out=FOLDER
"""

from __future__ import annotations

import json
from pathlib import Path

import jax.numpy as jnp
from absl import app, flags
from flax import nnx

from vsdpo_jax.data.chat import TURN_END, load_tokenizer
from vsdpo_jax.data.images import ImageProcessor
from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.model import weights
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig, VisionConfig
from vsdpo_jax.model.qwen3vl import Qwen3VL

# Charts of 320x240 pixels become 24 visual tokens.
TINY_PROCESSOR = ImageProcessor(min_pixels=128 * 128, max_pixels=192 * 160)


def tiny_config(tokenizer) -> Qwen3VLConfig:
    """The real architecture in small: three vision blocks, two DeepStack taps, three text layers, grouped queries."""
    token = tokenizer.convert_tokens_to_ids
    return Qwen3VLConfig(
        text=TextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=512,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=32,
            mrope_section=(6, 5, 5),
            rope_theta=10_000.0,
            max_position_embeddings=4096,
        ),
        vision=VisionConfig(
            depth=3,
            hidden_size=96,
            intermediate_size=384,
            num_heads=4,
            out_hidden_size=128,
            num_position_embeddings=256,
            deepstack_visual_indexes=(0, 1),
        ),
        tie_word_embeddings=True,
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        bos_token_id=None,
        eos_token_id=token(TURN_END),
    )


def write_fresh(tokenizer_folder: Path, out: Path, seed: int) -> None:
    """Write config, random weights, processor and tokenizer files of the tiny model."""
    config = tiny_config(load_tokenizer(tokenizer_folder))
    model = Qwen3VL(config, rngs=nnx.Rngs(seed), dtype=jnp.float32)
    weights.save(out, config, nnx.split(model, nnx.Param)[1], tokenizer_files_from=tokenizer_folder)
    (out / "preprocessor_config.json").write_text(json.dumps(TINY_PROCESSOR.to_hf(), indent=2))


def define_flags() -> None:
    """Defined when run, not when imported: other commands have flags of the same names."""
    flags.DEFINE_string("tokenizer", None, "Folder with tokenizer files.", required=True)
    flags.DEFINE_string("out", None, "Folder to write.", required=True)
    flags.DEFINE_integer("seed", 0, "Of the weights.")


def main(_) -> None:
    given = flags.FLAGS

    def write():
        try:
            write_fresh(Path(given.tokenizer), Path(given.out), given.seed)
        except FileNotFoundError as error:
            raise UserError(str(error)) from error

    exit_cleanly(write)


if __name__ == "__main__":
    define_flags()
    app.run(main)
