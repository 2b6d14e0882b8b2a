"""Decoding in segments: responses that have ended are handed out, and left out of the batch, while others go on.

Code has no usual length, so towards the end of a batch a few long responses would hold up all others. After every
segment the host looks at which rows have ended: it gives them away to be rendered, and once few enough are left it
packs them into a smaller batch, whose keys and values take less memory traffic for every further token. What a row
draws depends neither on segments nor on its neighbours (`sampler.row_keys`).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from vsdpo_jax.model.inputs import ImagePatches, Sequence
from vsdpo_jax.rollout.sampler import Decoding, Samples, SamplingConfig, decode, prefill
from vsdpo_jax.sharding import BATCH, local_rows, row_shards, shardings

# A smaller batch is another program to compile: it has at most this share of the rows of the one before.
SHRINK = 0.5

_RULES = (
    (r"prefix/(keys|values)", (BATCH, "tensor")),
    (r"branch/", (BATCH, None, "tensor")),
    (r"index$", ()),
    (r"", (BATCH,)),
)


@dataclasses.dataclass(frozen=True)
class Ended:
    """Responses of this host that have ended, B of them.

    Attributes:
      rows: int[B, 2], prompt and branch of each.
      tokens: int32[B, R].
      logp: float32[B, R].
      lengths: int[B].
      branches: G, how many each prompt has in all.
    """

    rows: np.ndarray
    tokens: np.ndarray
    logp: np.ndarray
    lengths: np.ndarray
    branches: int


def all_ended(samples: Samples) -> Iterator[Ended]:
    """Of a batch that was decoded in one go: waits for it when it is asked."""
    tokens, logp, lengths = (local_rows(array) for array in (samples.tokens, samples.logp, samples.lengths))
    rows = np.indices(lengths.shape).reshape(2, -1).T
    flat = tokens.reshape(len(rows), -1), logp.reshape(len(rows), -1), lengths.reshape(-1)
    yield Ended(rows, *flat, lengths.shape[1])


def first_prompts(parts: Iterator[Ended], count: int) -> Iterator[Ended]:
    """Without the rows of all prompts after the first `count`."""
    for part in parts:
        keep = part.rows[:, 0] < count
        columns = (column[keep] for column in (part.rows, part.tokens, part.logp, part.lengths))
        yield Ended(*columns, part.branches)


def decoding_shardings(mesh: Mesh, state: Decoding) -> Decoding:
    """Where everything that is being decoded lives: rows over the batch axes, heads over `tensor`."""
    return shardings(mesh, state, _RULES)


def jit_prefill(graphdef: nnx.GraphDef, mesh: Mesh, arguments, *, branches: int, config: SamplingConfig):
    """`sampler.prefill` for arguments like these, its results placed for decoding."""
    read = functools.partial(prefill, graphdef, branches=branches, config=config)
    return jax.jit(read, out_shardings=decoding_shardings(mesh, jax.eval_shape(read, *arguments)))


def jit_decode(graphdef: nnx.GraphDef, mesh: Mesh, state: Decoding, *, config: SamplingConfig):
    """(params, state, until) -> (state, ended bool[N, G] on every host); the state before is used up."""

    def advance(params, state, until):
        state = decode(graphdef, params, state, until, config=config)
        return state, state.ended

    places = decoding_shardings(mesh, state), NamedSharding(mesh, PartitionSpec())
    return jax.jit(advance, out_shardings=places, donate_argnums=1)


def jit_pack(mesh: Mesh, state: Decoding, prompts, branches):
    """(state, prompts int[S, n], branches int[S, n, g]) -> the state with those rows alone, n x g on each of S shards.

    Both count within a shard of the rows, so that nothing moves between devices.
    """

    def pack(state, prompts, branches):
        shards = prompts.shape[0]

        def of_prompts(x):
            x = x.reshape(shards, -1, *x.shape[1:])
            return jax.vmap(lambda x, index: x[index])(x, prompts).reshape(-1, *x.shape[2:])

        def of_rows(x):
            flat = branches.reshape(-1, branches.shape[-1])
            return jax.vmap(lambda x, index: x[index])(of_prompts(x), flat)

        per_prompt = {name: jax.tree.map(of_prompts, getattr(state, name)) for name in ("keys", "start", "prefix")}
        per_row = {
            name: jax.tree.map(of_rows, getattr(state, name))
            for name in ("rows", "ended", "hidden", "tokens", "logp", "branch")
        }
        return dataclasses.replace(state, **per_prompt, **per_row)

    like = jax.eval_shape(pack, state, *(jax.ShapeDtypeStruct(x.shape, jnp.int32) for x in (prompts, branches)))
    return jax.jit(pack, out_shardings=decoding_shardings(mesh, like))


def smaller(live: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Which rows to keep when few are left: indices for `jit_pack`, or None while it is too early.

    Either fewer branches of every prompt, or single rows each with a copy of its prompt's prefix, if that takes no more
    room for prefixes than there was. Sizes are halves of each other, so that there are few programs to compile.

    Args:
      live: bool[S, n, g], what has not ended on each shard.
    """
    _, n, g = live.shape
    best = None
    for count in _halves(g):
        if live.sum(-1).max() <= count and count <= SHRINK * g:
            order = np.argsort(~live, axis=-1, kind="stable")[..., :count]
            best = n * count, np.broadcast_to(np.arange(n), live.shape[:2]), order
    for count in _halves(n):
        if live.sum((-2, -1)).max() <= count and count <= SHRINK * n * g and (best is None or count < best[0]):
            order = np.argsort(~live.reshape(len(live), -1), axis=-1, kind="stable")[:, :count]
            best = count, order // g, (order % g)[..., None]
    return None if best is None else (best[1].astype(np.int32), best[2].astype(np.int32))


def _halves(size: int) -> list[int]:
    """size, size / 2, … as long as these are whole."""
    found = [size]
    while found[-1] % 2 == 0:
        found.append(found[-1] // 2)
    return found


class Engine:
    """Decodes batches of one shape in segments; compiled programs are kept.

    Args:
      graphdef: of the model.
      branches: G.
      config: of the sampling.
      segment: tokens between two looks at what has ended.
    """

    def __init__(self, graphdef: nnx.GraphDef, *, branches: int, config: SamplingConfig, segment: int):
        self._graphdef, self._branches, self._config, self._segment = graphdef, branches, config, segment
        self._programs: dict[Any, Any] = {}

    def __call__(
        self, params: nnx.State, prefix: Sequence, images: ImagePatches | None, keys: jax.Array, rows: jax.Array
    ) -> Iterator[Ended]:
        """Responses in the order in which they end, those of one segment together; the arguments are `sample`'s.

        With several hosts all of them iterate, each over its own responses, and none may stop before the others.
        """
        mesh, config = jax.sharding.get_mesh(), self._config
        arguments = params, prefix, images, keys, rows
        build = functools.partial(jit_prefill, branches=self._branches, config=config)
        state = self._program("prefill", rows.shape, build, self._graphdef, mesh, arguments)(*arguments)
        # Where each row came from, on all hosts; -1 for a row that was handed out.
        origin = np.arange(rows.size).reshape(rows.shape)
        until = self._segment
        pending = self._decode(mesh, params, state, until)
        while pending is not None:
            state, ended = pending
            ended = np.asarray(ended) | (until >= config.max_tokens)
            found = self._take(state, np.where(ended, origin, -1), rows.size)
            origin, pending = np.where(ended, -1, origin), None
            if (origin >= 0).any():
                if fewer := smaller((origin >= 0).reshape(row_shards(mesh, len(origin)), -1, origin.shape[1])):
                    state, origin = self._pack(mesh, state, origin, *fewer)
                until += self._segment
                # Under way before the rows are handed over, which takes a while.
                pending = self._decode(mesh, params, state, until)
            yield found

    def _decode(self, mesh: Mesh, params: nnx.State, state: Decoding, until: int):
        build = functools.partial(jit_decode, config=self._config)
        program = self._program("decode", state.rows.shape, build, self._graphdef, mesh, state)
        return program(params, state, min(until, self._config.max_tokens))

    def _program(self, name: str, shape: tuple[Any, ...], build: Callable, *arguments):
        if (name, shape) not in self._programs:
            self._programs[name, shape] = build(*arguments)
        return self._programs[name, shape]

    def _take(self, state: Decoding, which: np.ndarray, total: int) -> Ended:
        """This host's rows with an origin (of `total`) in `which`, copied: the state's arrays will be reused."""
        tokens, logp = local_rows(state.tokens), local_rows(state.logp)
        first = jax.process_index() * len(tokens)
        which = which[first : first + len(tokens)]
        here = which >= 0
        tokens = tokens[here]
        stops = np.isin(tokens, self._config.stop_ids)
        lengths = np.where(stops.any(-1), stops.argmax(-1) + 1, tokens.shape[-1])
        own = which[here] - total // jax.process_count() * jax.process_index()
        return Ended(np.stack(np.divmod(own, self._branches), axis=-1), tokens, logp[here], lengths, self._branches)

    def _pack(self, mesh, state: Decoding, origin: np.ndarray, prompts: np.ndarray, branches: np.ndarray):
        shape = origin.shape, branches.shape
        state = self._program("pack", shape, jit_pack, mesh, state, prompts, branches)(state, prompts, branches)
        split = origin.reshape(len(prompts), -1, origin.shape[1])
        shard = np.arange(len(prompts))[:, None, None]
        return state, split[shard, prompts[..., None], branches].reshape(-1, branches.shape[-1])
