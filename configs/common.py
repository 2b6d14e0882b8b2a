"""The fields that every run has, with their defaults and reasons.

A config file builds on `base()` and overrides what differs; any field can then be overridden on the command
line (`--config.optim.lr=1e-4`), and an unknown one is refused. The paper (arXiv 2606.10334) discloses no
hyper-parameters: every value below says where it comes from.
"""

import dataclasses

from ml_collections import ConfigDict

from vsdpo_jax.feedback.thresholds import Thresholds


def base() -> ConfigDict:
    """Defaults for full-size runs on charts; a locked `ConfigDict`."""
    config = ConfigDict()
    config.seed = 0
    config.steps = 300  # SDPO-type runs are known to degrade after 200-400 steps: stop before.
    config.model = ""  # Hugging Face folder, or `assets:NAME` for a model that ships with the package.
    config.size = ""  # 2b | 4b | 8b | 32b: what `model` holds; planning reads it, the folder need not be at hand.
    config.slice = ""  # A TPU slice such as v5p-32 that the settings below fit; planning compiles for it.
    config.method = "visual_sdpo"  # sft | opsd | grpo | sdpo | visual_sdpo

    config.data = ConfigDict()
    config.data.name = "chart_tasks"
    config.data.path = ""  # name=prepared only: a folder of `python -m vsdpo_jax.prepare_data`, local or gs://.
    config.data.train_split = "train"
    config.data.eval_split = "heldout"
    config.data.corpus = ""  # sft only: folders of supervised targets, in turns (a,b). Empty: the references of `name`.
    config.data.decisive_weight = 1.0  # sft only: weight of the tokens that a task's author had to decide.
    config.data.revised_weight = 1.0  # sft only: of those that feedback led to, in the branch that has read it.

    config.batch = ConfigDict()
    config.batch.prompts = 32  # N; SDPO's reference implementation: 32 prompts x 8 rollouts, one update.
    config.batch.group = 8  # G
    config.batch.micro_batches = 1  # Gradient accumulation over prompts; the loss does not depend on it.
    config.batch.rollout_parts = 1  # And over the rollouts of a prompt, which is then read as often; nor on this.
    config.batch.updates = 1  # On one batch. 1 is strictly on-policy; only from the second on do the clips bind.

    # Fixed lengths of the packed arrays. One bucket each: one compilation each.
    config.lengths = ConfigDict()
    config.lengths.prefix = 1280
    config.lengths.response = 2048
    config.lengths.feedback = 1408
    config.lengths.feedback_chars = 3000  # Rubric and traceback are shortened as text to this, never as ids.
    config.lengths.images = 1  # Image slots of a prompt.
    config.lengths.patches = 4096  # Patches of one image before merging (1,024 visual tokens, about 1 Mpixel).

    config.sampling = ConfigDict()
    config.sampling.temperature = 1.0  # On-policy: the loss divides by the same temperature.
    config.sampling.top_p = 1.0
    config.sampling.top_k = 0
    config.sampling.tensor = 1  # Chips that share one copy of the sampler's weights; the rows are split over copies.
    config.sampling.chunks = 2  # Rendering of one chunk overlaps the decoding of the next.
    # Tokens after which responses that have ended are rendered, and left out of the batch, while the others go on.
    # 0: a chunk is decoded to its end, which takes one program less to compile and suits small models.
    config.sampling.segment = 0

    config.objective = ConfigDict()
    config.objective.divergence = "reverse_kl"  # reverse_kl (the paper's) | forward_kl | jsd | topk (with its tail).
    config.objective.top_k = 100  # topk only: SDPO's reference implementation.
    config.objective.mixture = 0.5  # jsd only: the teacher's share in the mean distribution.
    config.objective.aggregation = "token"  # token | sequence | dr_grpo: see objective/grpo.py, of every term.
    config.objective.route = "none"  # none | srpo (failed: KL, rest: GRPO) | positive_advantage (KL where A > 0).
    config.objective.route_success = 1.0  # srpo only: reward from which a rollout has not failed.
    config.objective.entropy_weighting = False  # Weigh the divergence by exp(-H) of the teacher (SRPO).
    config.objective.alpha = 4.0  # Largest credit weight; mean weight stays under the style-token imbalance (6-15x).
    # Credit weights over their mean in the step: alpha then moves the weight of the divergence and adds none to it.
    config.objective.normalize_credit = False
    config.objective.kl_weight = 1.0
    config.objective.kl_schedule = "constant"  # constant | linear | cosine decay to 0 at `steps`.
    config.objective.grpo_weight = 1.0  # beta; choose by the ratio of gradient norms, 0.3-3.
    config.objective.token_cap = 20.0  # Per-token divergence cap (SDPG); counted when it bites.
    config.objective.distil_clean = False  # A clean render has nothing to learn from feedback.
    config.objective.chunk = 512  # Tokens projected to the vocabulary at a time.
    config.objective.clip_low = 0.2
    config.objective.clip_high = 0.28  # DAPO's clip-higher keeps entropy up.
    config.objective.clip_dual = 3.0  # 0: off.
    config.objective.importance = "token"  # none | token | sequence | sequence_mask: sampler against trainer.
    config.objective.importance_cap = 2.0  # Ratios above are cut (verl); sequence_mask wants 3 (TRL).
    config.objective.reference_kl_weight = 0.0  # KL to the weights at the start; 1e-3 for more than 200 steps (SDPG).
    config.objective.reference_kl = "k3"  # k3 (GRPO's) | k2: from the sampled token; exact: over the vocabulary.
    config.objective.reward_scaling = "none"  # r is in [0, 1]; dividing by std amplifies near-tied groups.
    config.objective.revision_weight = 1.0  # sft only: weight of the prompt + feedback branch.

    # Where introspection finds no statement behind a defect, the policy can be asked which lines drew the region, at
    # most this often a step. Off: 99% of what is seen is traced without, and each step would decode as many rows more.
    config.credit = ConfigDict()
    config.credit.questions = 0

    # When something is a defect; the reasons are in vsdpo_jax/feedback/thresholds.py.
    config.thresholds = ConfigDict(dataclasses.asdict(Thresholds()))

    config.teacher = ConfigDict()
    config.teacher.kind = "ema"  # live | ema | frozen. A live teacher can collapse late.
    config.teacher.rate = 0.01  # 0.05 ends in formatting loops on long runs.
    # none | shuffled | blank_render | no_rubric | no_image: damages what the teacher reads (`feedback/control.py`).
    # Feedback of another program gave three quarters of the gain in a rule-based prototype: a gain has to be checked.
    config.teacher.control = "none"

    config.optim = ConfigDict()
    config.optim.lr = 1e-6
    config.optim.warmup_steps = 10
    config.optim.schedule = "constant"  # constant | linear | cosine, the last two to 0 at `steps`.
    config.optim.weight_decay = 0.01
    config.optim.b1 = 0.9
    config.optim.b2 = 0.999
    config.optim.clip_norm = 1.0
    config.optim.freeze = ""  # Regular expression over parameter paths, for instance `^vision`.
    config.optim.max_skipped = 10  # Non-finite updates in a row before the run stops.

    config.eval = ConfigDict()
    config.eval.every = 10
    config.eval.prompts = 64
    config.eval.samples = 2
    config.eval.temperature = 1.0
    config.eval.patience = 0  # Stop after this many evaluations in a row without a better reward; 0: never.

    config.reward = ConfigDict()
    # r_vis: fidelity (graded, forgiving: short runs need it) | benchmark (what the paper's tables measure).
    config.reward.visual = "fidelity"

    config.render = ConfigDict()
    config.render.workers = 0  # 0: one per core.
    config.render.seconds = 10.0  # Wall-clock limit of one render.
    config.render.max_side = 0  # Longest side of a render in pixels; 0: as the program asks.
    # Who draws the pixels of python-pptx slides: builtin | libreoffice (the reference, much slower; must be installed).
    config.render.slides = "builtin"
    config.render.strict = False  # Refuse to start when an isolation layer is missing on this kernel.

    config.checkpoint = ConfigDict()
    config.checkpoint.every = 10
    config.checkpoint.keep = 2

    config.record = ConfigDict()
    config.record.every = 10  # Steps between written rollouts; 0 writes none.
    config.record.rollouts = 8  # Of a step; 0 writes all.
    config.record.term_norms_every = 10  # Steps between gradient norms of each term (costs two updates); 0: none.

    config.profile = ConfigDict()
    config.profile.steps = ""  # Steps to trace into WORKDIR/profile, such as 3-5,10; the first has compilation in it.

    config.mesh = ConfigDict()
    config.mesh.data = 1
    config.mesh.fsdp = -1  # -1: all remaining devices.
    config.mesh.tensor = 1
    config.dtype = "bfloat16"  # Compute type; parameters and optimizer state are float32.
    config.remat = "full"
    config.compilation_cache = "~/.cache/vsdpo_jax/compiled"  # Empty: compile anew in every run.
    return config


def with_arguments(config: ConfigDict, arguments: str) -> ConfigDict:
    """Applies `method=sdpo,seed=1`; raises ValueError for any other name."""
    for argument in filter(None, arguments.split(",")):
        name, _, value = argument.partition("=")
        if name not in ("method", "seed"):
            raise ValueError(f"argument {name!r} is unknown: use method= or seed=, or override fields with --config.…")
        config[name] = int(value) if name == "seed" else value
    return config
