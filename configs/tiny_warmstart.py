"""The warm start of the embedded tiny model: what an instruction-tuned model has before reinforcement learning.

`make warmstart` does all of it: builds the corpus of generated programs and their renders, trains the tokenizer,
writes a fresh model (`python -m vsdpo_jax.data.warmstart`, `python -m vsdpo_jax.model.fresh`), then

    python -m vsdpo_jax.train --config=configs/tiny_warmstart.py --workdir=runs/tiny_warmstart

trains on prompt -> program and on prompt + feedback -> the same program, and `python -m vsdpo_jax.export` writes the
model folder.
"""

from ml_collections import ConfigDict

from configs import tiny


def get_config(arguments: str = "") -> ConfigDict:
    """`arguments`: as of `configs/tiny.py`."""
    config = tiny.get_config(arguments)
    config.model = "runs/tiny_fresh"
    config.method = "sft"
    config.steps = 1200

    config.data.corpus = "runs/tiny_corpus"
    config.data.decisive_weight = 5.0  # The values that an author decides are few tokens among much boilerplate.
    config.batch.prompts = 16
    config.batch.group = 2

    config.optim.lr = 2e-3
    config.optim.schedule = "cosine"
    config.optim.warmup_steps = 50
    config.optim.weight_decay = 0.01

    config.eval.every = 0
    config.eval.prompts = 32
    config.checkpoint.every = 100
    return config
