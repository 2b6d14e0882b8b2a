"""The methods that the paper compares, as settings of one trainer."""

from __future__ import annotations

import dataclasses

from vsdpo_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Method:
    """What a method uses of the whole.

    Attributes:
      rollouts: responses are sampled and rendered; otherwise targets come from the data.
      distil: the divergence to the teacher is part of the loss.
      credit: divergence weights come from defects (otherwise 1).
      policy: the GRPO term is part of the loss.
      context: what the teacher sees beyond the prompt: `feedback`, `reference` or nothing.
    """

    rollouts: bool
    distil: bool
    credit: bool
    policy: bool
    context: str


METHODS = {
    "sft": Method(rollouts=False, distil=False, credit=False, policy=False, context="feedback"),
    "opsd": Method(rollouts=True, distil=True, credit=False, policy=False, context="reference"),
    "grpo": Method(rollouts=True, distil=False, credit=False, policy=True, context=""),
    "sdpo": Method(rollouts=True, distil=True, credit=False, policy=False, context="feedback"),
    "visual_sdpo": Method(rollouts=True, distil=True, credit=True, policy=True, context="feedback"),
}


def method_named(name: str) -> Method:
    """The method of that name; raises UserError that lists the known ones."""
    if name not in METHODS:
        raise UserError(f"method {name!r} is unknown: choose one of {', '.join(METHODS)}")
    return METHODS[name]
