"""Sampled ids as a `Rollout`: text, spans, and the program inside."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from vsdpo_jax.data.tokenizer import token_spans
from vsdpo_jax.types import Rollout

_FENCE = re.compile(r"^```[\w+-]*[ \t]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)


def find_code(text: str) -> tuple[str, int]:
    """(program, index where it starts): the longest fenced block, closed or not; all of `text` without fences."""
    blocks = list(_FENCE.finditer(text))
    if not blocks:
        return text, 0
    block = max(blocks, key=lambda match: len(match.group(1)))
    return block.group(1), block.start(1)


def parse_response(
    prompt_id: str, tokens: np.ndarray, logp: np.ndarray, length: int, tokenizer, stop_ids: Collection[int]
) -> Rollout:
    """A sampled row as a `Rollout`.

    Args:
      tokens: int32[R], padded after `length`.
      logp: float32[R].
      length: sampled ids, the end-of-turn token included.
      tokenizer: of the model folder.
      stop_ids: ids that end a turn; a row without one was truncated.
    """
    tokens = np.asarray(tokens[:length], np.int32)
    text, spans = token_spans(tokenizer, tokens)
    code, code_start = find_code(text)
    return Rollout(
        prompt_id=prompt_id,
        tokens=tokens,
        logp=np.asarray(logp[:length], np.float32),
        text=text,
        spans=spans,
        code=code,
        code_start=code_start,
        truncated=not (length and int(tokens[-1]) in stop_ids),
    )
