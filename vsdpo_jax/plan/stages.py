"""The jitted functions of a run, compiled ahead of time for a slice."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from vsdpo_jax.errors import UserError
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.qwen3vl import split_abstract
from vsdpo_jax.objective.method import method_named
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import active_terms, init_state, jit_update
from vsdpo_jax.plan.inputs import Shapes, bytes_per_chip, placed
from vsdpo_jax.plan.predict import kept_activations
from vsdpo_jax.rollout.engine import decoding_shardings, jit_decode, jit_pack, jit_prefill
from vsdpo_jax.rollout.sampler import SamplingConfig
from vsdpo_jax.rollout.weights import make_reshard, sampler_mesh, sampler_shapes
from vsdpo_jax.sharding import batch_shardings, make_mesh, path_of, row_shards, shardings


@dataclasses.dataclass(frozen=True)
class Stage:
    """A function to compile.

    Attributes:
      name: `reshard`, `prefill`, `decode`, `pack` (to half of the rows, once half have ended) or `update`.
      lower: gives the lowered function.
      parts: bytes on a chip of what it holds, by name; a subset of its arguments.
      resident: bytes on a chip that are there meanwhile without being its arguments.
      weights: bytes on a chip of the weights that it reads each time.
      temporaries: bytes on a chip of what is among the compiler's temporaries for certain, by name.
    """

    name: str
    lower: Callable[[], Any]
    parts: dict[str, int]
    resident: int
    weights: int
    temporaries: dict[str, int] = dataclasses.field(default_factory=dict)


def stages(config: ConfigDict, model: Qwen3VLConfig, devices, attention: str = "splash") -> Iterator[Stage]:
    """The stages of a step in the order in which they run.

    Raises:
      UserError: the mesh of the config does not fit the devices.
    """
    mesh = _mesh(config, devices)
    shapes = Shapes(config, model)
    graphdef, params = split_abstract(model, dtype=jnp.dtype(config.dtype), remat=config.remat, attention=attention)
    optimizer = make_optimizer(config.optim, config.steps * config.batch.updates)
    teacher = config.teacher.kind if method_named(config.method).distil else "live"
    reference = "reference" in active_terms(config)
    state = jax.eval_shape(lambda p: init_state(p, optimizer, teacher, config.seed, reference), params)
    state = placed(state, shardings(mesh, state))
    holds = {
        "parameters": bytes_per_chip(state.params),
        "optimizer": bytes_per_chip(state.opt_state),
        "teacher": bytes_per_chip((state.teacher, state.reference)),
    }
    resident = bytes_per_chip(state)

    rows = sampler_mesh(mesh, config.sampling.tensor)
    weights = sampler_shapes(rows, params, config.dtype)
    sampling = SamplingConfig(
        temperature=config.sampling.temperature,
        top_p=config.sampling.top_p,
        top_k=config.sampling.top_k,
        max_tokens=config.lengths.response,
        stop_ids=(model.eos_token_id,) if model.eos_token_id is not None else (),
        banned_ids=(model.image_token_id, model.video_token_id),
    )
    asked = shapes.prompts()
    asked = placed(asked, batch_shardings(rows, asked))
    copy = {"sampler weights": bytes_per_chip(weights)}

    def lower_reshard():
        with jax.set_mesh(rows):
            return make_reshard(rows, params, config.dtype).lower(state.params)

    held = holds["parameters"]
    yield Stage("reshard", lower_reshard, {"parameters": held}, resident - held, held)

    with jax.set_mesh(rows):
        read = jit_prefill(graphdef, rows, (weights, *asked), branches=config.batch.group, config=sampling)
        begun = jax.eval_shape(read, weights, *asked)
        begun = placed(begun, decoding_shardings(rows, begun))

    def lower_prefill():
        with jax.set_mesh(rows):
            return read.lower(weights, *asked)

    yield Stage("prefill", lower_prefill, copy, resident, copy["sampler weights"])

    def lower_decode():
        with jax.set_mesh(rows):
            until = jax.ShapeDtypeStruct((), jnp.int32)
            return jit_decode(graphdef, rows, begun, config=sampling).lower(weights, begun, until)

    cache = bytes_per_chip(begun.branch) + bytes_per_chip(begun.prefix)
    yield Stage("decode", lower_decode, {**copy, "KV cache": cache}, resident, decoded_with(weights, model))

    def lower_pack():
        shards, branches = row_shards(rows, len(begun.tokens)), config.batch.group // 2
        kept = jax.ShapeDtypeStruct((shards, len(begun.tokens) // shards), jnp.int32)
        chosen = jax.ShapeDtypeStruct((*kept.shape, branches), jnp.int32)
        with jax.set_mesh(rows):
            return jit_pack(rows, begun, kept, chosen).lower(begun, kept, chosen)

    if config.sampling.segment and config.batch.group % 2 == 0:
        yield Stage("pack", lower_pack, {**copy, "KV cache": cache}, resident, 0)

    def lower_update():
        with jax.set_mesh(mesh):
            batch = placed(shapes.batch(), batch_shardings(mesh, shapes.batch()))
            return jit_update(graphdef, config, optimizer, mesh, state).lower(state, batch)

    kept = {"activations": kept_activations(config, model, row_shards(mesh)), "gradients": held}
    yield Stage("update", lower_update, holds, 0, held, kept)


def decoded_with(weights, model: Qwen3VLConfig) -> int:
    """Bytes on a chip of the weights that every token is multiplied with: no images, and of the table the head only."""
    head = "text/embedding" if model.tie_word_embeddings else "lm_head"
    used = re.compile(rf"text/((deepstack_)?layers|norm)/|{head}$")
    leaves, _ = jax.tree_util.tree_flatten_with_path(weights)
    return sum(bytes_per_chip(leaf) for path, leaf in leaves if used.search(path_of(path)))


def _mesh(config: ConfigDict, devices) -> Mesh:
    try:
        mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor, devices=devices)
        sampler_mesh(mesh, config.sampling.tensor)
    except ValueError as error:
        raise UserError(f"config.mesh and config.sampling.tensor: {error}") from error
    return mesh
