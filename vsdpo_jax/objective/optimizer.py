"""AdamW with float32 masters, warm-up, clipping, freezing by pattern, and a guard against non-finite updates."""

from __future__ import annotations

import re

import jax
import optax
from ml_collections import ConfigDict

from vsdpo_jax.errors import UserError

NO_DECAY = re.compile(r"norm|bias")


def learning_rate(optim: ConfigDict, steps: int) -> optax.Schedule:
    """Linear warm-up, then constant, or linear or cosine decay to 0 at `steps`."""
    if optim.schedule == "constant":
        after = optax.constant_schedule(optim.lr)
    elif optim.schedule == "linear":
        after = optax.linear_schedule(optim.lr, 0.0, max(1, steps - optim.warmup_steps))
    elif optim.schedule == "cosine":
        after = optax.cosine_decay_schedule(optim.lr, max(1, steps - optim.warmup_steps))
    else:
        raise UserError(f"config.optim.schedule={optim.schedule!r} is unknown: choose constant, linear or cosine")
    if not optim.warmup_steps:
        return after
    warmup = optax.linear_schedule(optim.lr / optim.warmup_steps, optim.lr, optim.warmup_steps)
    return optax.join_schedules([warmup, after], [optim.warmup_steps])


def kl_weight(objective: ConfigDict, steps: int) -> optax.Schedule:
    """Weight of the divergence by step. Decaying it matters late: the teacher's lead is used up by then."""
    if objective.kl_schedule == "constant":
        return optax.constant_schedule(objective.kl_weight)
    if objective.kl_schedule == "linear":
        return optax.linear_schedule(objective.kl_weight, 0.0, max(1, steps))
    if objective.kl_schedule == "cosine":
        return optax.cosine_decay_schedule(objective.kl_weight, max(1, steps))
    raise UserError(
        f"config.objective.kl_schedule={objective.kl_schedule!r} is unknown: choose constant, linear or cosine"
    )


def path_names(tree) -> dict:
    """The same tree with each leaf replaced by its `/`-joined path."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "/".join(str(getattr(key, "key", getattr(key, "name", key))) for key in path), tree
    )


def make_optimizer(optim: ConfigDict, steps: int) -> optax.GradientTransformation:
    """The optimizer; a non-finite gradient leaves parameters and moments untouched and is counted in its state."""
    adamw = optax.adamw(
        learning_rate(optim, steps),
        b1=optim.b1,
        b2=optim.b2,
        weight_decay=optim.weight_decay,
        mask=lambda params: jax.tree.map(lambda name: not NO_DECAY.search(name), path_names(params)),
    )
    train = optax.chain(optax.clip_by_global_norm(optim.clip_norm), adamw)
    if optim.freeze:
        pattern = re.compile(optim.freeze)
        train = optax.multi_transform(
            {"train": train, "frozen": optax.set_to_zero()},
            lambda params: jax.tree.map(lambda n: "frozen" if pattern.search(n) else "train", path_names(params)),
        )
    return optax.apply_if_finite(train, max_consecutive_errors=1_000_000_000)
