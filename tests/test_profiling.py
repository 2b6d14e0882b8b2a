"""Chosen steps are traced, with the names of the stages, and no others."""

import gzip
import json

import jax
import jax.numpy as jnp
import pytest

from vsdpo_jax.errors import UserError
from vsdpo_jax.profiling import Profiler, chosen_steps, stage


def test_steps_are_read():
    assert chosen_steps("3-5,10") == {3, 4, 5, 10}
    assert chosen_steps("") == set()


@pytest.mark.parametrize("text", ["3-", "a", "1;2", "-4"])
def test_what_is_no_list_of_steps_is_refused(text):
    with pytest.raises(UserError, match="config.profile.steps"):
        chosen_steps(text)


def test_chosen_steps_are_traced_with_the_names_of_stages(tmp_path):
    profiler = Profiler("2-3", tmp_path)

    @jax.jit
    def work(x):
        return jnp.tanh(x @ x)

    for number in range(1, 5):
        with profiler.step(number), stage(f"stage_of_{number}"):
            work(jnp.ones((64, 64))).block_until_ready()
    traces = list((tmp_path / "profile").rglob("*.trace.json.gz"))
    assert len(traces) == 1
    events = json.loads(gzip.decompress(traces[0].read_bytes()))["traceEvents"]
    names = {event.get("name") for event in events}
    assert {"stage_of_2", "stage_of_3"} <= names and not {"stage_of_1", "stage_of_4"} & names
