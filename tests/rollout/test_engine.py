"""Decoding in segments with smaller and smaller batches draws what one batch draws, and hands every row out once."""

import jax
import numpy as np
import pytest

from tests.parity.reference import make_batch, make_pair, tiny_config
from vsdpo_jax.rollout.engine import Engine, all_ended, smaller
from vsdpo_jax.rollout.sampler import SamplingConfig, sample
from vsdpo_jax.sharding import make_mesh

BRANCHES, LENGTH = 4, 48
ROWS = [[5, (64, 96), 7], [3, (32, 128), 2, (64, 32), 9]]


@pytest.fixture(scope="module")
def arguments():
    pair = make_pair(tiny_config())
    batch = make_batch(pair.config, ROWS, length=48, align="right")
    keys = jax.random.split(jax.random.key(3), len(ROWS))
    rows = np.arange(len(ROWS) * BRANCHES, dtype=np.int32).reshape(len(ROWS), BRANCHES)
    return pair.graphdef, (pair.params, batch.sequence, batch.images, keys, rows)


def drawn(parts):
    """{(prompt, branch): (tokens, length)} and the sizes of the parts."""
    found, sizes = {}, []
    for part in parts:
        sizes.append(len(part.rows))
        for row, tokens, logp, length in zip(part.rows, part.tokens, part.logp, part.lengths, strict=True):
            assert tuple(row) not in found and part.branches == BRANCHES
            assert (logp[:length] < 0).all() and (logp[length:] == 0).all()
            found[tuple(row)] = tokens.tolist(), int(length)
    return found, sizes


def test_segments_and_smaller_batches_draw_what_one_batch_draws(arguments):
    graphdef, inputs = arguments
    # Of 128 ids four end a response: lengths are spread over the whole of it.
    config = SamplingConfig(temperature=2.0, max_tokens=LENGTH, stop_ids=(1, 30, 60, 90))
    with jax.set_mesh(make_mesh(devices=jax.devices()[:1])):
        whole = all_ended(sample(graphdef, *inputs, branches=BRANCHES, config=config))
        engine = Engine(graphdef, branches=BRANCHES, config=config, segment=6)
        segments = list(engine(*inputs))
    wanted, _ = drawn(whole)
    got, sizes = drawn(segments)
    assert got == wanted
    assert len({length for _, length in got.values()}) > 4 and sum(size > 0 for size in sizes) > 2
    # The last rows were decoded in a quarter of the batch.
    shapes = [shape for name, shape in engine._programs if name == "decode"]
    assert shapes[0] == (2, 4) and shapes[-1] == (2, 1), shapes


def test_nothing_is_decoded_after_the_last_end(arguments):
    graphdef, inputs = arguments
    config = SamplingConfig(max_tokens=40, stop_ids=tuple(range(128)))
    with jax.set_mesh(make_mesh(devices=jax.devices()[:1])):
        parts = list(Engine(graphdef, branches=BRANCHES, config=config, segment=10)(*inputs))
    assert [len(part.rows) for part in parts] == [len(ROWS) * BRANCHES]
    assert parts[0].lengths.tolist() == [1] * 8


def live(*shards):
    return np.array([[[char == "x" for char in prompt] for prompt in shard.split()] for shard in shards])


def test_few_rows_of_each_prompt_keep_their_prompts():
    prompts, branches = smaller(live("x..x .x..", "..xx ...."))
    assert prompts.tolist() == [[0, 1], [0, 1]]
    assert branches.tolist() == [[[0, 3], [1, 0]], [[2, 3], [0, 1]]]


def test_single_rows_take_their_prefix_along():
    # Three branches of one prompt are left: two single rows are too few, four would take more room for prefixes.
    assert smaller(live("xxx. ....")) is None
    prompts, branches = smaller(live(".x.x ....", ".... ..x."))
    assert prompts.tolist() == [[0, 0], [1, 0]]
    assert branches[..., 0].tolist() == [[1, 3], [2, 0]]


def test_batches_that_are_still_full_stay():
    assert smaller(live("xxx. xx..", "x... ....")) is None
    assert smaller(live("x")) is None
