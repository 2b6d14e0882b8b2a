"""Plans of the embedded model, compiled for this machine's CPU in the place of a slice, and what is made of figures."""

import json

import jax
import pytest

from vsdpo_jax.accelerators import ACCELERATORS
from vsdpo_jax.errors import UserError
from vsdpo_jax.flags import load_config
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.plan import predict
from vsdpo_jax.plan.__main__ import advice, model_config, table
from vsdpo_jax.plan.program import read_program
from vsdpo_jax.plan.stages import stages
from vsdpo_jax.plan.topology import topology_name


def test_sampler_stages_compile_and_hold_what_they_say(tiny_config):
    model = model_config(tiny_config)
    found = {stage.name: stage for stage in stages(tiny_config, model, jax.devices()[:1], attention="reference")}
    assert list(found) == ["reshard", "prefill", "decode", "update"]
    decode = read_program(found["decode"].lower().compile())
    assert decode.arguments > found["decode"].parts["KV cache"] and decode.temporaries > 0
    text, g = model.text, tiny_config.batch.group
    n = tiny_config.batch.prompts // tiny_config.sampling.chunks
    token = 2 * 4 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim  # float32
    prefix = tiny_config.lengths.prefix + 3
    bias = 4 * n * prefix
    assert found["decode"].parts["KV cache"] == token * n * (prefix + g * tiny_config.lengths.response) + bias
    # The averaged teacher is as large as the parameters, two moments are twice that and a few counters.
    parts = found["update"].parts
    assert parts["teacher"] == parts["parameters"] and 0 < parts["optimizer"] - 2 * parts["parameters"] < 100


def test_a_mesh_that_does_not_fit_is_refused(tiny_config):
    config = tiny_config.copy_and_resolve_references()
    config.sampling.tensor = 3
    with pytest.raises(UserError, match="config.sampling.tensor"):
        next(stages(config, model_config(config), jax.devices()[:1], attention="reference"))


def test_published_size_stands_in_for_a_folder_that_is_not_here():
    assert model_config(load_config("configs/chart.py:size=4b")) == Qwen3VLConfig.preset("4b")


def test_decoding_reads_the_weights_for_every_token():
    config = load_config("configs/chart.py:size=8b,slice=v5p-32")
    model, chip = Qwen3VLConfig.preset("8b"), ACCELERATORS["v5p"]
    work = predict.decode_work(config, model, 4_000_000_000, 16, 1.0)
    # 36 layers, 8 heads of 128, keys and values, 2 bytes: 147,456 bytes a token; half of the responses on average.
    cache = 2048 * 147_456 * (32 * 1283 + 256 * 1024) / 16
    assert work.read == pytest.approx(2048 * 4e9 + cache)
    ideal = predict.Assumptions(compute=1, bandwidth=1, links=1)
    assert predict.seconds(work, 0.0, chip, 16, ideal) == pytest.approx(work.read / 2765e9)


def test_advice_names_the_settings_of_the_stage_that_does_not_fit():
    config = load_config("configs/chart.py:slice=v5e-64")
    assert any("config.objective.chunk" in line for line in advice(config, {"update": {"fits": False}}))
    lines = advice(config, {"update": {"fits": True}, "decode": {"fits": False}})
    assert any("config.sampling.tensor" in line for line in lines) and not any("micro" in line for line in lines)


def test_table_shows_what_does_not_compile():
    row = {"fits": False, "error": "out of memory"}
    plan = {"size": "8b", "method": "grpo", "topology": "v5e:2x2", "chips": 4, "hosts": 1, "prompts": 4, "group": 8,
            "hbm_limit_gb": 16, "fits": False, "stages": {"update": row}, "step_seconds": 0, "assumptions": {},
            "advice": ["use more chips"]}  # fmt: skip
    text = table(json.loads(json.dumps(plan)))
    assert "out of memory" in text and "does not fit" in text and "- use more chips" in text


@pytest.mark.parametrize(("given", "name"), [("v5p-32", "v5p:2x2x4"), ("v6e:4x8", "v6e:4x8")])
def test_slices_have_topologies(given, name):
    assert topology_name(given) == name


def test_unknown_slices_are_refused():
    with pytest.raises(UserError, match="v5q-9"):
        topology_name("v5q-9")
