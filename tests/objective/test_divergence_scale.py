"""The fused divergence at full size (compiled only) and over eight virtual devices."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from tests.objective.sharded_cases import CASES, CHUNK, VOCABULARY, WIDTH
from vsdpo_jax.objective import divergence as module
from vsdpo_jax.objective.divergence import token_statistics

ROOT = pathlib.Path(__file__).parents[2]


def memory_beyond_the_gradients(vocabulary: int, tokens: int, width: int, masked: bool, divergence: str) -> int:
    """Bytes that the compiler needs for the loss and its gradient besides inputs and gradients."""

    def loss(student, head, teacher, targets, mask):
        s = token_statistics(
            student, teacher, head, None, targets, mask_t=mask if masked else None, divergence=divergence
        )
        return (s.divergence + 0.1 * s.logp).mean()

    shapes = [
        jax.ShapeDtypeStruct((tokens, width), jnp.float32),
        jax.ShapeDtypeStruct((vocabulary, width), jnp.float32),
        jax.ShapeDtypeStruct((tokens, width), jnp.float32),
        jax.ShapeDtypeStruct((tokens,), jnp.int32),
        jax.ShapeDtypeStruct((tokens,), bool),
    ]
    memory = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(*shapes).compile().memory_analysis()
    gradients = 4 * width * (tokens + vocabulary)
    return memory.temp_size_in_bytes + memory.output_size_in_bytes - gradients


@pytest.mark.parametrize("divergence, masked", [("reverse_kl", True), ("topk", False)])
def test_memory_at_full_size_is_under_two_gigabytes(divergence, masked):
    # One [4096, 151936] array alone is 2.49 GB, and a plain implementation holds two to four.
    assert memory_beyond_the_gradients(151_936, 4096, 4096, masked, divergence) < 2e9


def test_memory_does_not_grow_with_the_number_of_tokens_times_the_vocabulary():
    few, many = (memory_beyond_the_gradients(32_768, tokens, 256, False, "reverse_kl") for tokens in (2048, 16_384))
    # 14,336 more tokens: 1.9 GB of logits a side; what may grow is the hidden states and some numbers a token.
    assert many - few < 14_336 * (4 * 256 + 128) * 2


def test_the_heads_gradient_is_the_same_in_blocks(monkeypatch):
    keys = jax.random.split(jax.random.key(0), 3)
    student, teacher = jax.random.normal(keys[0], (50, 24)), jax.random.normal(keys[1], (50, 24))
    head, targets = jax.random.normal(keys[2], (64, 24)), jnp.arange(50)

    def gradient():
        loss = lambda w: token_statistics(student, teacher, w, None, targets, chunk=16).divergence.sum()  # noqa: E731
        return jax.jit(jax.grad(loss))(head)

    whole = gradient()
    monkeypatch.setattr(module, "LARGEST_PRODUCT", 4 * 64 * 24 // 5)
    blocks = gradient()
    assert jnp.abs(whole - blocks).max() < 1e-5 and jnp.abs(whole).max() > 0.1


@pytest.fixture(scope="module")
def sharded():
    command = [sys.executable, "-m", "tests.objective.sharded_cases"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"JAX_PLATFORMS": "cpu"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("axes, divergence", CASES)
def test_sharded_equals_one_device(sharded, axes, divergence):
    assert sharded[f"{axes} {divergence}"]["gap"] < 1e-5


@pytest.mark.parametrize("axes, divergence", CASES)
def test_logits_and_head_stay_where_they_are(sharded, axes, divergence):
    # Inside the loop devices exchange numbers per token and, for a split vocabulary, the chunk's hidden gradient.
    # A chunk's logits on one shard, or the head's gradient once a chunk, would be eight times that and more.
    allowed = CHUNK * WIDTH
    assert allowed * 8 <= min(CHUNK * VOCABULARY, VOCABULARY * WIDTH)
    assert sharded[f"{axes} {divergence}"]["collective"] <= allowed


def test_tokens_must_divide_over_the_mesh():
    mesh = jax.sharding.AbstractMesh((4, 2), ("data", "tensor"))
    arrays = jnp.ones((6, 2)), jnp.ones((6, 2)), jnp.ones((3, 2)), None, jnp.zeros(6, int)
    with pytest.raises(ValueError, match="6 tokens do not divide over 4 shards"):
        token_statistics(*arrays, mesh=mesh)
