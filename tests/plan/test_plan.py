"""Plans of the embedded model, compiled for this machine's CPU in the place of a slice, and what is made of figures."""

import json

import jax
import pytest

from vsdpo_jax.accelerators import ACCELERATORS
from vsdpo_jax.errors import UserError
from vsdpo_jax.flags import load_config
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.plan import predict
from vsdpo_jax.plan.build import _summary, advice, model_config
from vsdpo_jax.plan.page import page, tables
from vsdpo_jax.plan.program import read_program
from vsdpo_jax.plan.stages import stages
from vsdpo_jax.plan.topology import Topology, topology_name


def test_sampler_stages_compile_and_hold_what_they_say(tiny_config):
    model = model_config(tiny_config)
    found = {stage.name: stage for stage in stages(tiny_config, model, jax.devices()[:1], attention="reference")}
    # Nothing is packed into smaller batches where chunks are decoded to their end.
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
    # 36 layers, 8 heads of 128, keys and values, 2 bytes: 147,456 bytes a token. Half of a response has been written on
    # average, but the room for all of it is read.
    cache = lambda seen: 2048 * 147_456 * (32 * 1283 + 256 * seen) / 16  # noqa: E731
    assert work.least == pytest.approx(2048 * 4e9 + cache(1024))
    assert work.read == pytest.approx(2048 * 4e9 + cache(2048))
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
            "lengths": {"prefix": 1, "response": 2, "feedback": 3, "patches": 4},
            "advice": ["use more chips"]}  # fmt: skip
    text = tables(json.loads(json.dumps(plan)))
    assert "out of memory" in text and "does not fit" in text and "- use more chips" in text


def compiled(**more):
    return {"fits": True, "hbm_gb": 9.5, "parts_gb": {"parameters": 2.0, "KV cache": 7.5, "outputs": 0.0},
            "flops": {"needed": 2e15, "executed": 3e15, "compiler_loops_once": 1e15}, "collective_gb": 1.5,
            "bytes": {"read_per_chip": 4e9, "least_per_chip": 3e9, "compiler": 1e9}, "seconds": 3.0, "mfu": 0.4,
            "collectives": {"all-gather": {"count": 3, "gb": 1.5}}, "bandwidth_share": 0.25} | more  # fmt: skip


def test_summary_of_a_step_has_rollouts_rendering_and_what_was_not_given():
    config = load_config("configs/chart.py:size=8b,slice=v5p-32")
    topology = Topology("v5e:8x8", (None,) * 64, 16)
    assumed = predict.Assumptions(render_core_seconds=0.5)
    rows = {"decode": compiled(seconds=10.0), "update": compiled(fits=False, hbm_gb=20.0)}
    plan = _summary(config, topology, ACCELERATORS["v5e"], rows, assumed)
    # 256 renders of half a core-second: 128 over ten seconds; after the last token the last render.
    assert plan["render_cores"] == 13 and plan["render_tail_seconds"] == 0.5
    assert plan["step_seconds"] == 13.5
    assert not plan["fits"] and plan["hbm_gb"] == 20.0 and plan["hbm_limit_gb"] == 16
    assert "slice=v5p-32" in plan["advice"][0] and any("micro_batches" in line for line in plan["advice"])
    text = page([plan])
    assert "| decode | 2.00 | 7.50 | **9.50** | 16 |" in text
    assert "| decode | 2.00 | 3.00 | 1.00 | 4.0 | 1.5 (3 all-gather) | 10.0 | 40% | 25% |" in text
    assert "13 cores of the 1792" in text and "does not fit" in text and "render_core_seconds 0.5" in text


def test_pages_begin_with_one_row_a_slice():
    config = load_config("configs/chart.py:size=8b,slice=v5e-64")
    rows = {"prefill": compiled(seconds=1.0), "decode": compiled(seconds=10.0), "update": compiled(hbm_gb=12.0)}
    plan = _summary(config, Topology("v5e:8x8", (None,) * 64, 16), ACCELERATORS["v5e"], rows, predict.Assumptions())
    wanted = "| v5e:8x8 | 64 | 64 x 8 | 12.0 | 9.5 | 16 | 11 | 3 (40%) | 14 | 16 of 1792 |"
    assert wanted in page([plan, plan]).splitlines()


def test_kept_activations_by_hand():
    config = load_config("configs/chart.py:size=8b,slice=v5e-64")
    # One prompt a chip: 1,280 + 8 * 2,051 tokens of 4,096 in 36 layers, and 4,096 patches of 1,152 in 27 blocks.
    expected = 2 * ((1280 + 8 * 2051) * 4096 * 36 + 4096 * 1152 * 27)
    assert predict.kept_activations(config, Qwen3VLConfig.preset("8b"), 64) == expected
    config.batch.rollout_parts = 2
    expected -= 2 * 4 * 2051 * 4096 * 36
    assert predict.kept_activations(config, Qwen3VLConfig.preset("8b"), 64) == expected


@pytest.mark.parametrize(("given", "name"), [("v5p-32", "v5p:2x2x4"), ("v6e:4x8", "v6e:4x8")])
def test_slices_have_topologies(given, name):
    assert topology_name(given) == name


def test_unknown_slices_are_refused():
    with pytest.raises(UserError, match="v5q-9"):
        topology_name("v5q-9")
