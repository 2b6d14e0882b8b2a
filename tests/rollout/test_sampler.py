"""Sampling equals transformers' greedy generation, the softmax, and the training forward."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy import stats

from tests.parity.reference import make_batch, make_pair, tiny_config
from vsdpo_jax.data.chat import Chat, stack_pieces
from vsdpo_jax.rollout import rules
from vsdpo_jax.rollout.sampler import SamplingConfig, decode, prefill, sample

ROWS = [[5, (64, 96), 7], [3, (32, 128), 2, (64, 32), 9]]


@functools.cache
def case(align="right"):
    pair = make_pair(tiny_config())
    return pair, make_batch(pair.config, ROWS, length=48, align=align)


def draw(config, branches=2, seed=0, align="right"):
    pair, batch = case(align)
    key = jax.random.key(seed)
    return sample(pair.graphdef, pair.params, batch.sequence, batch.images, key, branches=branches, config=config)


@pytest.mark.parametrize("align", ["left", "right"])
def test_greedy_equals_generate_for_128_tokens(align):
    got = draw(SamplingConfig(temperature=0, max_tokens=128), align=align)
    for n in range(len(ROWS)):
        for branch in range(2):
            np.testing.assert_array_equal(got.tokens[n, branch], generate(n))


@functools.cache
def generate(n):
    """128 greedy tokens of transformers after row n."""
    pair, batch = case()
    ids, mask = batch.theirs["input_ids"][n], batch.theirs["attention_mask"][n].bool()
    piece = batch.pieces[n]
    images = [0, 1, 3]
    grids = batch.theirs["image_grid_thw"][images[n] : images[n + 1]]
    sizes = [0, *np.cumsum([int(g.prod()) for g in batch.theirs["image_grid_thw"]])]
    pixels = batch.theirs["pixel_values"][sizes[images[n]] : sizes[images[n + 1]]]
    assert len(piece) == int(mask.sum())
    with torch.no_grad():
        out = pair.theirs.generate(
            input_ids=ids[mask][None],
            attention_mask=torch.ones(1, len(piece)).long(),
            mm_token_type_ids=batch.theirs["mm_token_type_ids"][n][mask][None],
            pixel_values=pixels,
            image_grid_thw=grids,
            do_sample=False,
            max_new_tokens=128,
            min_new_tokens=128,
        )
    return out[0, len(piece) :].numpy()


@pytest.mark.parametrize("temperature", [0, 0.7])
def test_log_probabilities_equal_the_training_forward(temperature):
    pair, batch = case()
    got = draw(SamplingConfig(temperature=temperature, max_tokens=20, top_p=0.9, banned_ids=(3,)), branches=3)
    chat = Chat(None, pair.config, 64)
    rows = [
        [chat.sampled(tokens, start=piece.next_position) for tokens in np.asarray(got.tokens)[n]]
        for n, piece in enumerate(batch.pieces)
    ]
    # The last prompt token predicts the first sampled one.
    heads = [type(p)(p.ids[-1:], p.positions[:, -1:], p.visual_index[-1:], p.next_position) for p in batch.pieces]
    bodies = [type(p)(p.ids[:-1], p.positions[:, :-1], p.visual_index[:-1], p.next_position - 1) for p in batch.pieces]
    x = stack_pieces([[body] for body in bodies], 48, align="right")
    y = stack_pieces([[head + row for row in rows[n]] for n, head in enumerate(heads)], 21, align="left")

    @jax.jit
    def logits(params):
        model = pair.model(params)
        visual = model.encode_images(batch.images)
        _, cache = model.decode(x, visual)
        return model.decode(y, visual, prefix=cache)[0][:, :, :-1] @ model.head().T

    logp = jax.nn.log_softmax(logits(pair.params) / (temperature or 1.0))
    wanted = np.take_along_axis(np.asarray(logp), np.asarray(got.tokens)[..., None], -1)[..., 0]
    np.testing.assert_allclose(got.logp, wanted, atol=1e-4)


def test_first_token_follows_the_softmax():
    pair, batch = case()
    branches, temperature = 4000, 1.7
    got = np.asarray(draw(SamplingConfig(temperature=temperature, max_tokens=1), branches=branches).tokens)[..., 0]
    with torch.no_grad():
        logits = pair.theirs(**batch.theirs).logits.numpy()
    for n in range(2):
        scaled = logits[n, -1].astype(np.float64) / temperature
        wanted = np.exp(scaled - scaled.max())
        wanted *= branches / wanted.sum()
        counts = np.bincount(got[n], minlength=len(wanted))
        common = wanted >= 5
        rare = [(counts[~common].sum(), wanted[~common].sum())] if (~common).any() else []
        observed, expected = zip(*zip(counts[common], wanted[common], strict=True), *rare, strict=True)
        assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_every_id_has_its_share_of_the_random_numbers():
    """On a grid of all pairs of random numbers the shares are the probabilities, in blocks that are not full too."""
    rng = np.random.default_rng(0)
    grid = (np.stack(np.meshgrid(np.arange(400), np.arange(400)), -1).reshape(-1, 2) + 0.5).astype(np.float32) / 400
    # 30 ids do not fill blocks of 4 or 8.
    logits = np.where(rng.random(30) < 0.3, -np.inf, rng.normal(size=30)).astype(np.float32)
    picked = np.asarray(rules.pick(jnp.asarray(grid), jnp.broadcast_to(logits, (len(grid), 30))))
    wanted = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(np.bincount(picked, minlength=30) / len(grid), wanted, atol=6e-3)
    assert not np.isin(picked, np.flatnonzero(np.isinf(logits))).any()


def test_the_ends_of_the_random_numbers_pick_ids_that_can_be_picked():
    logits = jnp.full((2, 1000), -jnp.inf).at[:, 123].set(0.0).at[:, 777].set(0.0)
    ends = jnp.array([[0.0, 0.0], [1 - 2**-24, 1 - 2**-24]], jnp.float32)
    assert rules.pick(ends, logits).tolist() == [123, 777]


def test_branches_stop_at_stop_ids_and_stay_stopped():
    stops = tuple(range(0, 128, 5))
    got = draw(SamplingConfig(temperature=2.0, max_tokens=30, stop_ids=stops, pad_id=77), branches=6)
    assert len(set(np.asarray(got.lengths).ravel().tolist())) > 3
    for tokens, logp, length in zip(
        np.asarray(got.tokens).reshape(-1, 30), np.asarray(got.logp).reshape(-1, 30), np.ravel(got.lengths), strict=True
    ):
        assert not set(tokens[: length - 1].tolist()) & set(stops)
        assert length == 30 or tokens[length - 1] in stops
        assert (tokens[length:] == 77).all() and (logp[length:] == 0).all() and (logp[:length] < 0).all()


def test_banned_ids_are_never_sampled():
    banned = tuple(range(64))
    got = draw(SamplingConfig(temperature=3.0, max_tokens=40, banned_ids=banned), branches=6)
    assert np.asarray(got.tokens).min() >= 64


def test_another_seed_gives_other_samples_and_the_same_seed_the_same():
    config = SamplingConfig(max_tokens=20)
    first, again, other = (np.asarray(draw(config, seed=seed).tokens) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_one_compilation_serves_all_resolutions_of_a_bucket():
    pair, _ = case()
    config = SamplingConfig(max_tokens=3)
    sample.clear_cache()
    for seed, size in enumerate([(32, 32), (128, 64), (32, 256), (160, 160)]):
        batch = make_batch(pair.config, [[5, size, 7]] * 2, length=80, seed=seed)
        sample(pair.graphdef, pair.params, batch.sequence, batch.images, jax.random.key(0), branches=2, config=config)
    assert sample._cache_size() == 1


@pytest.mark.parametrize("k", [1, 3, 200])
def test_top_k_keeps_the_largest(k):
    logits = jax.random.normal(jax.random.key(0), (5, 50)) * 4
    kept = np.isfinite(rules.keep_top_k(logits, k))
    order = np.argsort(-np.asarray(logits), axis=-1)
    for row, best in zip(kept, order, strict=True):
        assert set(np.flatnonzero(row)) == set(best[:k])


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9, 0.999])
def test_top_p_keeps_the_fewest_that_reach_p(p):
    logits = jax.random.normal(jax.random.key(1), (7, 60)) * 3
    logits = logits.at[:, 5].set(-jnp.inf)
    kept = np.isfinite(rules.keep_top_p(logits, p))
    probability = np.asarray(jax.nn.softmax(logits), np.float64)
    for row, chances in zip(kept, probability, strict=True):
        order = np.argsort(-chances)
        count = int(np.searchsorted(np.cumsum(chances[order]), p)) + 1
        assert set(np.flatnonzero(row)) == set(order[:count])


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}, {"top_k": -1}, {"max_tokens": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="required"):
        SamplingConfig(**wrong)


def test_a_row_draws_the_same_in_segments_and_beside_other_rows():
    pair, batch = case()
    config = SamplingConfig(max_tokens=12, temperature=2.0)
    key = jax.random.key(5)
    whole = draw(config, branches=4, seed=5)
    state = prefill(pair.graphdef, pair.params, batch.sequence, batch.images, key, branches=4, config=config)
    # One row of the four, of both prompts, three tokens at a time.
    take = lambda array: array[:, 2:3]  # noqa: E731
    fields = {name: take(getattr(state, name)) for name in ("rows", "ended", "hidden", "tokens", "logp")}
    state = dataclasses.replace(state, branch=jax.tree.map(take, state.branch), **fields)
    segment = jax.jit(functools.partial(decode, pair.graphdef, config=config))
    for until in (3, 6, 9, 12):
        state = segment(pair.params, state, until)
    np.testing.assert_array_equal(state.tokens[:, 0], whole.tokens[:, 2])
    np.testing.assert_allclose(state.logp[:, 0], whole.logp[:, 2], atol=1e-5)
