"""The warm start of the embedded tiny model: what an instruction-tuned model has before reinforcement learning.

`make warmstart` does all of it, in three stages. The first builds a corpus of generated charts and their renders,
trains a tokenizer, writes a fresh model and trains it:

    python -m vsdpo_jax.train --config=configs/tiny_warmstart.py:stage=charts --workdir=runs/tiny_charts

The second builds a corpus of every other domain and a tokenizer of all, and goes on with what the model has learned:

    python -m vsdpo_jax.train --config=configs/tiny_warmstart.py --workdir=runs/tiny_warmstart

The third goes on from there with most of the weight on what feedback leads to:

    python -m vsdpo_jax.train --config=configs/tiny_warmstart.py:stage=revision --workdir=runs/tiny_revision

All train on prompt -> program and on prompt + feedback -> the same program; `python -m vsdpo_jax.export` writes the
model folder.
"""

from ml_collections import ConfigDict

from configs import tiny

STAGES = ("charts", "all", "revision")


def get_config(arguments: str = "") -> ConfigDict:
    """The config of a stage.

    Args:
      arguments: comma-separated `stage=charts|all|revision` and `seed=`.

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
        # New words and new programs first; then the few tokens in which what was read after the response matters.
        config.model = "runs/tiny_fresh" if stage == "all" else "runs/tiny_all"
        config.data.corpus = ",".join(f"runs/tiny_{domain}_corpus" for domain in tiny.DOMAINS)
        # One set of shapes for all domains: the longest of each.
        lengths = [max(column) for column in zip(*tiny.LENGTHS.values(), strict=True)]
        config.lengths.prefix, config.lengths.response, config.lengths.feedback = lengths
        config.steps = 300 if stage == "all" else 5600
        config.optim.lr = 1.5e-3 if stage == "all" else 1e-3

    if stage == "revision":
        # With 5.0, as for every decision, 1,200 steps on charts left the teacher no better than the student at the
        # tokens that were to change; with 20 more, 400 further steps made a flawed value 2 to 3 nats less likely.
        config.data.revised_weight = 25.0
        config.objective.revision_weight = 2.0
        config.batch.prompts = 8
        config.batch.group = 4  # Reports on different defects of the same program.

    config.optim.schedule = "cosine"
    config.optim.warmup_steps = 50
    config.optim.weight_decay = 0.01

    config.eval.every = 0
    config.eval.prompts = 32
    config.checkpoint.every = 40
    return config
