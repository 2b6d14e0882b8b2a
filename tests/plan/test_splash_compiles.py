"""The TPU compiler accepts the attention kernel at published sizes, forward and backward, on every mesh we use."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from vsdpo_jax.model.attention import attention
from vsdpo_jax.plan.topology import open_topology
from vsdpo_jax.sharding import make_mesh

# Of the 8B: (G, T, H, K, A, P, causal, tensor).
CASES = {
    "prompt": (1, 1280, 32, 8, 128, 0, True, 1),
    "response": (8, 2048, 32, 8, 128, 1280, True, 1),
    "heads_over_two_chips": (8, 2048, 32, 8, 128, 1280, True, 2),
    "teacher": (8, 3456, 32, 8, 128, 1280, True, 1),
    "image": (9, 4096, 16, 16, 72, 0, False, 1),
}
OTHERS = ("response", "image")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("topology", "case"),
    [*(("v5p:2x2x1", case) for case in CASES), *((name, case) for name in ("v5e:2x2", "v6e:2x2") for case in OTHERS)],
)
def test_kernel_compiles_with_its_gradient(topology, case):
    g, t, h, k, a, p, causal, tensor = CASES[case]
    mesh = make_mesh(1, -1, tensor, devices=open_topology(topology).devices)
    n = mesh.shape["fsdp"]

    def rows(*shape, dtype=jnp.bfloat16):
        return jax.ShapeDtypeStruct((n, *shape), dtype, sharding=NamedSharding(mesh, PartitionSpec("fsdp")))

    key, prefix = rows(g, t, k, a), None
    if p:
        prefix = (rows(1, p, k, a), rows(1, p, k, a), rows(1, p, dtype=jnp.bool_))

    def loss(query, key, value, valid, prefix):
        out = attention(query, key, value, valid, causal=causal, prefix=prefix, implementation="splash")
        return out.astype(jnp.float32).sum()

    with jax.set_mesh(mesh):
        gradient = jax.jit(jax.grad(loss, (0, 1, 2)))
        compiled = gradient.lower(rows(g, t, h, a), key, key, rows(g, t, dtype=jnp.bool_), prefix).compile()
    program = compiled.as_text()
    # Forward, and backward for queries and for keys and values: kernels, not the plain formula.
    assert program.count("tpu_custom_call") >= 3
    # The kernel visits rows where they are: attention moves nothing between chips.
    assert "all-gather" not in program and "all-to-all" not in program
