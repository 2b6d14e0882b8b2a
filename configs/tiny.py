"""Visual-SDPO on the embedded tiny model and generated tasks: about ten minutes on two CPU cores.

python -m vsdpo_jax.train --config=configs/tiny.py --workdir=runs/demo
python -m vsdpo_jax.train --config=configs/tiny.py:domain=web,method=grpo,seed=1 --workdir=runs/grpo
python -m vsdpo_jax.train --config=configs/tiny.py:control=shuffled --workdir=runs/shuffled
"""

from ml_collections import ConfigDict

from configs import common

DOMAINS = ("chart", "web", "slide", "pptx")
# What damages the teacher's input (`vsdpo_jax/feedback/control.py`), and what changes credit weights: alpha_1 makes all
# the same, mean_1 divides them by their mean, so that these two differ only in where the same total weight lies.
CREDIT_CONTROLS = ("alpha_1", "mean_1")
CONTROLS = ("none", "shuffled", "blank_render", "no_rubric", "no_image", *CREDIT_CONTROLS)
# Prompt, response and feedback turn in tokens. The longest prompts and flawed programs of 500 tasks have 119 and 146
# (chart), 104 and 166 (web), 115 and 180 (slide), 114 and 184 (pptx).
# Feedback of more tokens (about 1 in 20) is shortened as text.
LENGTHS = {
    "chart": (128, 152, 168),
    "web": (128, 168, 184),
    "slide": (128, 184, 192),
    "pptx": (128, 192, 192),
}


def get_config(arguments: str = "") -> ConfigDict:
    """The config of the demo and of the embedded experiment.

    Args:
      arguments: comma-separated `domain=`, `method=`, `seed=` and `control=`.

    Raises:
      ValueError: an argument is unknown, or has a value that is.
    """
    given = dict(argument.partition("=")[::2] for argument in filter(None, arguments.split(",")))
    domain, control = given.pop("domain", "chart"), given.pop("control", "none")
    for name, value, known in (("domain", domain, DOMAINS), ("control", control, CONTROLS)):
        if value not in known:
            raise ValueError(f"{name}={value} is unknown: choose one of {', '.join(known)}")
    config = common.with_arguments(common.base(), ",".join(f"{name}={value}" for name, value in given.items()))
    config.model = "assets:tiny"
    config.data.name = f"{domain}_tasks"
    config.steps = 40

    config.batch.prompts = 8
    config.batch.group = 6

    if config.method == "sft":
        config.batch.group = 1  # A prompt has one reference program,
        config.objective.revision_weight = 0.0  # and no feedback.

    config.lengths.prefix, config.lengths.response, config.lengths.feedback = LENGTHS[domain]
    if config.method == "opsd":
        config.lengths.feedback = config.lengths.response + 24  # The teacher reads a whole program.
    config.lengths.feedback_chars = 400  # About four defects; the warm start saw the same limit.
    config.lengths.patches = 120  # 30 visual tokens.

    config.sampling.chunks = 2

    config.objective.alpha = 1.0 if control == "alpha_1" else 4.0
    config.objective.normalize_credit = control == "mean_1"
    config.objective.kl_weight = 0.5
    # Advantages within a group are about 0.2 and the averaged teacher holds the student back: with weight 1 (lr 5e-4)
    # the held-out reward stood still for 25 steps, with weight 5 it rose.
    config.objective.grpo_weight = 5.0
    config.objective.chunk = 2048  # The vocabulary is small: fewer, larger matrix products.

    config.teacher.rate = 0.05  # 0.01 would hardly move in 40 steps.
    config.teacher.control = "none" if control in CREDIT_CONTROLS else control

    # A model of 2 M parameters takes larger steps than one of 8 B. Of 2e-4, 4e-4 and 8e-4 both grpo and visual_sdpo
    # earned most at 4e-4; a constant rate of 3e-4 without the teacher broke an earlier model in 10 steps.
    config.optim.lr = 4e-4
    config.optim.schedule = "cosine"  # At a constant rate fewer programs ran from step 40 on (91 %, then 83 %).
    config.optim.b2 = 0.95  # Over 40 steps an average over 1,000 is no average.
    config.optim.warmup_steps = 5
    config.optim.weight_decay = 0.0

    config.eval.every = 20
    config.eval.prompts = 96

    config.render.max_side = 320
    config.record.every = 10
    config.record.term_norms_every = 0  # Compiling a gradient once more takes as long as four steps.
    config.dtype = "float32"
    config.remat = "none"
    return config
