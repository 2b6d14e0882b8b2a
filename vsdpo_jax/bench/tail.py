"""Decoding in segments, which leaves ended responses out of the batch, against decoding until the last one ends.

    python -m vsdpo_jax.bench.tail

With random weights every token is about equally likely. One in `MEAN` of them ends a response here, so that lengths
have the long tail that code has, and both ways draw the same responses. Compilation is not counted; the median of
alternating repeats is reported.
"""

from __future__ import annotations

import functools
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

from vsdpo_jax.bench.generation import MEDIUM, Load, make_prompts, random_arrays
from vsdpo_jax.bench.result import Line, table
from vsdpo_jax.data.chat import stack_pieces
from vsdpo_jax.data.images import pack_images
from vsdpo_jax.model import weights
from vsdpo_jax.model.qwen3vl import split_abstract
from vsdpo_jax.rollout.engine import Engine
from vsdpo_jax.rollout.sampler import SamplingConfig, sample
from vsdpo_jax.sharding import make_mesh

LOAD = Load("100M", MEDIUM, prompts=8, branches=8, tokens=192)
MEAN = 48  # tokens of a response
SEGMENT = 16
REPEATS = 3


def run() -> list[Line]:
    """Measures; returns the lines of the table."""
    with jax.set_mesh(make_mesh(devices=jax.devices()[:1])):
        ways = _ways()
        lengths = {name: way() for name, way in ways.items()}  # Compiles.
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(REPEATS):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - started)
    whole, segments = (statistics.median(seconds[name]) for name in ways)
    ends = np.sort(lengths["segments"])
    if not np.array_equal(ends, np.sort(lengths["whole"])):
        raise AssertionError("the two ways drew different responses")
    note = f"{len(ends)} responses, mean {ends.mean():.0f}, longest {ends[-1]} tokens"
    return [
        Line(f"tail/{LOAD.name}/until the last one ends", whole, "s"),
        Line(f"tail/{LOAD.name}/in segments of {SEGMENT}", segments, "s", whole / segments, note),
    ]


def _ways():
    """Name -> a function that decodes all responses and returns their lengths."""
    config = LOAD.config
    pieces, images = make_prompts(LOAD)
    graphdef, _ = split_abstract(config, dtype=jnp.float32, remat="none")
    arrays = {path: jnp.asarray(array) for path, array in random_arrays(config).items()}
    params = weights.as_state(config, arrays)
    prefix = jax.device_put(stack_pieces([[piece] for piece in pieces], len(pieces[0]), align="left"))
    packed = jax.device_put(pack_images([[image] for image in images], slots=1, patches=80, config=config.vision))
    keys = jax.random.split(jax.random.key(0), LOAD.prompts)
    rows = np.arange(LOAD.prompts * LOAD.branches, dtype=np.int32).reshape(LOAD.prompts, LOAD.branches)
    arguments = params, prefix, packed, keys, rows
    stop_ids = tuple(range(8, config.text.vocab_size, MEAN))
    settings = SamplingConfig(max_tokens=LOAD.tokens, stop_ids=stop_ids)
    engine = Engine(graphdef, branches=LOAD.branches, config=settings, segment=SEGMENT)
    whole = functools.partial(sample, graphdef, *arguments, branches=LOAD.branches, config=settings)
    return {
        "whole": lambda: np.asarray(whole().lengths).ravel(),
        "segments": lambda: np.concatenate([part.lengths for part in engine(*arguments)]),
    }


if __name__ == "__main__":
    print("\n".join(table(run())))
