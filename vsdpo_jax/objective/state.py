"""Everything on the device that an update reads and writes."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from vsdpo_jax.errors import UserError

Params = Any

TEACHERS = ("live", "ema", "frozen")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """What a checkpoint holds.

    Attributes:
      step: int32 scalar, finished steps.
      params: float32 masters.
      opt_state: of `optimizer.make_optimizer`.
      teacher: float32 weights of an `ema` or `frozen` teacher; None when the teacher is live or absent.
      rng: uint32 key data; step k draws from `fold_in(rng, k)`, so a resumed run draws the same numbers.
      reference: weights at the start of the run, which the KL to the reference is measured from; None without that term
        and with a frozen teacher, which has the same weights.
    """

    step: jax.Array
    params: Params
    opt_state: optax.OptState
    teacher: Params | None
    rng: jax.Array
    reference: Params | None = None

    @property
    def frozen(self) -> Params | None:
        """The weights at the start of the run, wherever they are kept."""
        return self.teacher if self.reference is None else self.reference


def init_state(
    params: Params, optimizer: optax.GradientTransformation, teacher_kind: str, seed: int, reference: bool = False
) -> TrainState:
    """A fresh state.

    Args:
      teacher_kind: `live` (shares `params`), `ema` or `frozen` (start as a copy).
      reference: the objective has a KL to the reference.

    Raises:
      UserError: for an unknown kind of teacher.
    """
    if teacher_kind not in TEACHERS:
        raise UserError(f"config.teacher.kind={teacher_kind!r} is unknown: choose live, ema or frozen")
    copy = lambda: jax.tree.map(jnp.copy, params)  # noqa: E731
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer.init(params),
        teacher=None if teacher_kind == "live" else copy(),
        rng=jax.random.key_data(jax.random.key(seed)),
        reference=copy() if reference and teacher_kind != "frozen" else None,
    )
