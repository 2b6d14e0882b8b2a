"""The host never holds a model twice, whether it loads one onto a mesh or exports one."""

import dataclasses

import pytest

from vsdpo_jax.bench import loading
from vsdpo_jax.model.config import Qwen3VLConfig


@pytest.fixture(scope="module")
def config():
    """The published 2B layers, four of them, with a small vocabulary: about 0.5 GB in bfloat16."""
    config = Qwen3VLConfig.preset("2b")
    text = dataclasses.replace(config.text, num_hidden_layers=4, vocab_size=8192)
    vision = dataclasses.replace(config.vision, depth=4, deepstack_visual_indexes=(0, 1, 2))
    return dataclasses.replace(config, text=text, vision=vision)


@pytest.mark.slow
def test_model_is_held_once(tmp_path, config):
    """With files left open the pages that were read would count as well: twice the model."""
    loading.write_model(tmp_path / "model", config)
    peak = loading.measure("load", str(tmp_path / "model"), "bfloat16", str(tmp_path / "run"))
    assert peak.model > 4e8
    assert peak.held < 1.3 * peak.model
    exported = loading.measure("export", str(tmp_path / "run"), str(tmp_path / "out"), "bfloat16")
    assert exported.model == pytest.approx(peak.model, rel=0.01)
