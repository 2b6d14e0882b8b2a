"""The full-size configs: their arguments, and what they make of a size and a slice."""

import pytest

from vsdpo_jax.data.registry import prompt_source
from vsdpo_jax.errors import UserError
from vsdpo_jax.flags import load_config
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.plan.topology import SLICES

FILES = ["chart", "web", "slides"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("slice_name", ["v5e-64", "v5p-32", "v6e-32"])
def test_micro_batches_give_every_chip_one_prompt(name, slice_name):
    config = load_config(f"configs/{name}.py:size=8b,slice={slice_name},method=grpo,seed=3")
    assert (config.size, config.method, config.seed) == ("8b", "grpo", 3)
    chips = {"v5e-64": 64, "v5p-32": 16, "v6e-32": 32}[slice_name]
    assert config.batch.prompts == {"v5e-64": 64, "v5p-32": 32, "v6e-32": 32}[slice_name]
    assert config.batch.prompts == chips * config.batch.micro_batches


def test_chips_are_those_of_the_topology():
    from configs.full import CHIPS

    for name, chips in CHIPS.items():
        sides = [int(side) for side in SLICES[name].partition(":")[2].split("x")]
        product = 1
        for side in sides:
            product *= side
        assert product == chips, name


@pytest.mark.parametrize("size", ["2b", "4b", "8b", "32b"])
def test_sizes_are_published_ones(size):
    config = load_config(f"configs/chart.py:size={size}")
    assert Qwen3VLConfig.preset(config.size) and config.model.lower().endswith(f"{size}-instruct")


@pytest.mark.parametrize("wrong", ["size=7b", "slice=v9-1", "colour=red"])
def test_unknown_arguments_are_named(wrong):
    with pytest.raises(UserError, match=wrong.partition("=")[0]):
        load_config(f"configs/chart.py:{wrong}")


def test_a_run_without_data_says_how_to_make_them():
    with pytest.raises(UserError, match="prepare_data"):
        prompt_source(load_config("configs/chart.py"), "train", farm=None)
