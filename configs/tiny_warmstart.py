"""The warm start of the embedded tiny model: what an instruction-tuned model has before reinforcement learning.

`make warmstart` does all of it, in two stages. The first builds a corpus of generated charts and their renders, trains
a tokenizer, writes a fresh model and trains it:

    python -m vsdpo_jax.train --config=configs/tiny_warmstart.py:stage=charts --workdir=runs/tiny_charts

The second builds a corpus of every other domain and a tokenizer of all, and goes on with what the model has learned:

    python -m vsdpo_jax.train --config=configs/tiny_warmstart.py --workdir=runs/tiny_warmstart

Both train on prompt -> program and on prompt + feedback -> the same program; `python -m vsdpo_jax.export` writes the
model folder.
"""

from ml_collections import ConfigDict

from configs import tiny

STAGES = ("charts", "all")


def get_config(arguments: str = "") -> ConfigDict:
    """The config of a stage.

    Args:
      arguments: comma-separated `stage=charts|all` and `seed=`.

    Raises:
      ValueError: an argument is unknown, or the stage is.
    """
    given = dict(argument.partition("=")[::2] for argument in filter(None, arguments.split(",")))
    stage = given.pop("stage", "all")
    if stage not in STAGES:
        raise ValueError(f"stage={stage} is unknown: choose one of {', '.join(STAGES)}")
    config = tiny.get_config(",".join(f"{name}={value}" for name, value in given.items()))
    config.method = "sft"
    config.data.decisive_weight = 5.0  # The values that an author decides are few tokens among much boilerplate.
    config.batch.prompts = 16
    config.batch.group = 2

    if stage == "charts":
        config.model = "runs/tiny_charts_fresh"
        config.data.corpus = "runs/tiny_chart_corpus"
        config.steps = 1200
        config.optim.lr = 2e-3
    else:
        config.model = "runs/tiny_fresh"
        config.data.corpus = ",".join(f"runs/tiny_{domain}_corpus" for domain in tiny.DOMAINS)
        # One set of shapes for all domains: the longest of each.
        lengths = [max(column) for column in zip(*tiny.LENGTHS.values(), strict=True)]
        config.lengths.prefix, config.lengths.response, config.lengths.feedback = lengths
        config.steps = 300
        config.optim.lr = 1.5e-3  # Copying and seeing are learned; new words and new programs are not.

    config.optim.schedule = "cosine"
    config.optim.warmup_steps = 50
    config.optim.weight_decay = 0.01

    config.eval.every = 0
    config.eval.prompts = 32
    config.checkpoint.every = 40
    return config
