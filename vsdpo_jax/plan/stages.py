"""The jitted functions of a run, compiled ahead of time for a slice."""

from __future__ import annotations

import dataclasses
import functools
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
from vsdpo_jax.objective.step import active_terms, init_state, make_update
from vsdpo_jax.plan.inputs import Shapes, bytes_per_chip, placed
from vsdpo_jax.rollout.sampler import SamplingConfig, decode, prefill
from vsdpo_jax.rollout.weights import make_reshard, sampler_mesh, sampler_shapes
from vsdpo_jax.sharding import batch_shardings, make_mesh, shardings


@dataclasses.dataclass(frozen=True)
class Stage:
    """A function to compile.

    Attributes:
      name: `update`, `reshard`, `prefill` or `decode`.
      lower: gives the lowered function.
      parts: bytes on a chip of what it holds, by name; a subset of its arguments.
      resident: bytes on a chip that are there meanwhile without being its arguments.
    """

    name: str
    lower: Callable[[], Any]
    parts: dict[str, int]
    resident: int


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
    read = functools.partial(prefill, graphdef, branches=config.batch.group, config=sampling)
    write = functools.partial(decode, graphdef, config=sampling)
    copy = {"sampler weights": bytes_per_chip(weights)}

    def lower_reshard():
        with jax.set_mesh(rows):
            return make_reshard(rows, params, config.dtype).lower(state.params)

    yield Stage("reshard", lower_reshard, {"parameters": holds["parameters"]}, resident - holds["parameters"])

    with jax.set_mesh(rows):
        prompts = placed(shapes.prompts(), batch_shardings(rows, shapes.prompts()))
        begun = jax.eval_shape(read, weights, *prompts)
        begun = placed(begun, _decoding_shardings(rows, begun))

    def lower_prefill():
        with jax.set_mesh(rows):
            out = jax.tree.map(lambda leaf: leaf.sharding, begun)
            return jax.jit(read, out_shardings=out).lower(weights, *prompts)

    yield Stage("prefill", lower_prefill, copy, resident)

    def lower_decode():
        with jax.set_mesh(rows):
            key, until = jax.eval_shape(lambda: jax.random.key(0)), jax.ShapeDtypeStruct((), jnp.int32)
            return jax.jit(write, donate_argnums=1).lower(weights, begun, key, until)

    cache = bytes_per_chip(begun.branch) + bytes_per_chip(begun.prefix)
    yield Stage("decode", lower_decode, {**copy, "KV cache": cache}, resident)

    def lower_update():
        with jax.set_mesh(mesh):
            batch = placed(shapes.batch(), batch_shardings(mesh, shapes.batch()))
            places = (jax.tree.map(lambda leaf: leaf.sharding, state), None, None)
            update = make_update(graphdef, config, optimizer)
            return jax.jit(update, out_shardings=places, donate_argnums=0).lower(state, batch)

    yield Stage("update", lower_update, holds, 0)


def _mesh(config: ConfigDict, devices) -> Mesh:
    try:
        mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor, devices=devices)
        sampler_mesh(mesh, config.sampling.tensor)
    except ValueError as error:
        raise UserError(f"config.mesh and config.sampling.tensor: {error}") from error
    return mesh


_DECODING_RULES = (
    (r"prefix/(keys|values)", (("data", "fsdp"), "tensor")),
    (r"branch/", (("data", "fsdp"), None, "tensor")),
    (r"index$", ()),
    (r"", (("data", "fsdp"),)),
)


def _decoding_shardings(mesh: Mesh, state):
    return shardings(mesh, state, _DECODING_RULES)
