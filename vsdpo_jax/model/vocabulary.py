"""A model folder that goes on from another one with a new vocabulary.

    python -m vsdpo_jax.model.vocabulary --model=FOLDER --tokenizer=FOLDER --out=FOLDER

A token that both vocabularies have keeps its embedding. A new one starts at the mean of the embeddings of the old
tokens that spell it, so that the model reads a new text at first as a blurred copy of the old spelling. Everything else
is kept.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from absl import app, flags

from vsdpo_jax.data.chat import load_tokenizer
from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.model import weights
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.policy import model_folder


def carry_over(embedding: np.ndarray, old, new) -> np.ndarray:
    """The embedding table of the new vocabulary.

    Args:
      embedding: float[V, D] of the old vocabulary.
      old, new: the tokenizers; the ids of `new` are 0 … len(new) - 1.

    Returns:
      float[len(new), D].
    """
    known = old.get_vocab()
    table = np.empty((len(new), embedding.shape[1]), embedding.dtype)
    for piece, index in new.get_vocab().items():
        ids = [known[piece]] if piece in known else old.encode(piece, add_special_tokens=False)
        table[index] = embedding[ids].mean(axis=0)
    return table


def with_vocabulary(config: Qwen3VLConfig, tokenizer) -> Qwen3VLConfig:
    """The config with the size and the special ids of a vocabulary."""
    token = tokenizer.convert_tokens_to_ids
    return dataclasses.replace(
        config,
        text=dataclasses.replace(config.text, vocab_size=len(tokenizer)),
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        eos_token_id=tokenizer.eos_token_id,
    )


def change_vocabulary(model: Path, tokenizer: Path, out: Path) -> None:
    """Writes the model of folder `model` with the vocabulary of folder `tokenizer` to `out`.

    Raises:
      UserError: the model has an output head of its own, whose rows mean nothing for new tokens.
    """
    config, params = weights.load(model)
    if not config.tie_word_embeddings:
        raise UserError(f"the model in {model} has an output head beside its embeddings: only tied ones can be carried")
    new = load_tokenizer(tokenizer)
    arrays = weights.flat_arrays(params)
    table = carry_over(np.asarray(arrays["text/embedding"]), load_tokenizer(model), new)
    arrays |= {"text/embedding": jnp.asarray(table)}
    weights.save_arrays(out, with_vocabulary(config, new), arrays, tokenizer_files_from=tokenizer)
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (model / name).is_file():
            shutil.copyfile(model / name, out / name)


def define_flags() -> None:
    """Defined when run, not when imported: other commands have flags of the same names."""
    flags.DEFINE_string("model", None, "Hugging Face folder, or assets:NAME, whose weights are kept.", required=True)
    flags.DEFINE_string("tokenizer", None, "Folder with the new tokenizer's files.", required=True)
    flags.DEFINE_string("out", None, "Folder to write.", required=True)


def main(_) -> None:
    given = flags.FLAGS

    def write():
        try:
            change_vocabulary(model_folder(given.model), Path(given.tokenizer), Path(given.out))
        except FileNotFoundError as error:
            raise UserError(str(error)) from error

    exit_cleanly(write)


if __name__ == "__main__":
    define_flags()
    app.run(main)
