"""Floating-point operations of an update, counted from its shapes: matrix products only, a multiply-add is two.

Attention counts every query against every key of its sequence; with `causal` only against those that it sees, which is
what a kernel that skips hidden blocks comes close to.
"""

from __future__ import annotations

import dataclasses

from vsdpo_jax.bench.synthetic import Shape
from vsdpo_jax.model.config import Qwen3VLConfig, TextConfig


def layer_parameters(config: TextConfig) -> int:
    """Parameters of one decoder layer that every token is multiplied with."""
    attention = config.head_dim * (2 * config.num_attention_heads + 2 * config.num_key_value_heads)
    return config.hidden_size * (attention + 3 * config.intermediate_size)


@dataclasses.dataclass(frozen=True)
class Read:
    """`sequences` of `tokens` each, after `before` tokens that they see."""

    sequences: int
    tokens: int
    before: int = 0


def forward(config: TextConfig, read: Read, *, causal: bool = False) -> int:
    """Of one forward pass through all layers, without the head."""
    keys = read.tokens / 2 + read.before if causal else read.tokens + read.before
    attention = 4 * config.num_attention_heads * config.head_dim * keys
    per_token = 2 * layer_parameters(config) + attention
    return int(config.num_hidden_layers * read.sequences * read.tokens * per_token)


def head(config: TextConfig, tokens: int) -> int:
    """Projections of one update: student and teacher, both again in the backward pass, and its two gradients."""
    return 6 * 2 * tokens * config.vocab_size * config.hidden_size


def update(config: Qwen3VLConfig, shape: Shape, *, shared: bool, causal: bool = False) -> int:
    """Of one update without images, nothing recomputed but the head; `shared`: in the group layout."""
    text, rollouts = config.text, shape.prompts * shape.branches
    prefix, after, feedback = shape.prefix, shape.header + shape.response, shape.feedback + shape.response
    if shared:
        trained = [Read(shape.prompts, prefix), Read(rollouts, after, prefix)]
        untrained = Read(rollouts, feedback, prefix)
    else:
        trained, untrained = [Read(rollouts, prefix + after)], Read(rollouts, prefix + feedback)
    student = sum(forward(text, read, causal=causal) for read in trained)
    teacher = forward(text, untrained, causal=causal)
    return 3 * student + teacher + head(text, rollouts * shape.response)
