"""Weights to and from Hugging Face folders: every bit, every tensor, and clear refusals."""

import copy
import json

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import torch
import transformers
from flax import nnx
from safetensors.numpy import load_file, save_file

from tests.data.reference import byte_level_tokenizer
from tests.parity.reference import PROCESSOR, make_batch, make_pair, tiny_config
from vsdpo_jax.model import weights
from vsdpo_jax.model.config import Qwen3VLConfig
from vsdpo_jax.model.qwen3vl import Qwen3VL, abstract_params

CONFIGS = {
    "tied": tiny_config(),
    "untied": tiny_config(tie_word_embeddings=False, vision={"deepstack_visual_indexes": (0, 1, 3)}),
}
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json", "chat_template.jinja")


def tensors(folder):
    return {key: value for file in sorted(folder.glob("*.safetensors")) for key, value in load_file(file).items()}


def source_folder(tmp_path, config, dtype):
    """As transformers saves it, with tokenizer and processor files."""
    folder = tmp_path / "source"
    # A copy: the pair is shared by many tests, and rounding it to bfloat16 could not be undone.
    copy.deepcopy(make_pair(config).theirs).to(getattr(torch, dtype)).save_pretrained(folder)
    byte_level_tokenizer().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR.to_hf()))
    return folder


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CONFIGS)
def test_round_trip_is_bit_exact(tmp_path, name, dtype):
    source = source_folder(tmp_path, CONFIGS[name], dtype)
    config, params = weights.load(source)
    out = tmp_path / "out"
    weights.save(out, config, params, tokenizer_files_from=source, dtype=jnp.dtype(dtype), max_shard_bytes=60_000)
    before, after = tensors(source), tensors(out)
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert value.dtype == after[key].dtype == np.dtype(dtype)
        np.testing.assert_array_equal(value.view(np.uint8), after[key].view(np.uint8), err_msg=key)
    for file in TOKENIZER_FILES:
        assert (out / file).read_bytes() == (source / file).read_bytes()


@pytest.mark.parametrize("name", CONFIGS)
def test_transformers_loads_an_export_with_the_same_logits(tmp_path, name):
    config, params = weights.load(make_pair(CONFIGS[name]).folder)
    params = jax.tree.map(lambda leaf: leaf * 1.25, params)
    weights.save(tmp_path, config, params, max_shard_bytes=60_000)
    theirs, report = transformers.Qwen3VLForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"))
    batch = make_batch(config, [[5, (64, 96), 7]])
    model = nnx.merge(make_pair(CONFIGS[name]).graphdef, params)
    ours = model.decode(batch.sequence, model.encode_images(batch.images))[0][:, 0] @ model.head().T
    with torch.no_grad():
        wanted = theirs.float().eval()(**batch.theirs).logits.numpy()
    valid = batch.sequence.valid[:, 0]
    np.testing.assert_allclose(np.asarray(ours)[valid], wanted[valid], atol=1e-4, rtol=0)


def test_export_is_sharded_with_an_index(tmp_path):
    config, params = weights.load(make_pair(CONFIGS["untied"]).folder)
    weights.save(tmp_path, config, params, dtype=ml_dtypes.bfloat16, max_shard_bytes=60_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) > 2 and files[0].name == f"model-00001-of-{len(files):05d}.safetensors"
    for file in files:
        contents = load_file(file)
        assert sum(value.nbytes for value in contents.values()) <= 60_000 or len(contents) == 1
        assert all(index["weight_map"][key] == file.name for key in contents)
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in tensors(tmp_path).values())
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
    assert (tmp_path / "generation_config.json").is_file()


@pytest.mark.parametrize("name", CONFIGS)
def test_config_survives_both_formats(name):
    """As published (rope_scaling) and as transformers 5 writes it (rope_parameters)."""
    config = CONFIGS[name]
    published = config.to_hf()
    assert Qwen3VLConfig.from_hf(published) == config
    assert Qwen3VLConfig.from_hf(transformers.Qwen3VLConfig(**published).to_dict()) == config


def test_table_covers_every_parameter_and_every_tensor():
    for name, config in CONFIGS.items():
        entries = weights.table(config)
        assert {entry.path for entry in entries} == set(weights.flat_arrays(abstract_params(config)))
        keys = [key for entry in entries for key in entry.keys]
        wanted = {key for key, _ in make_pair(config).theirs.named_parameters()}
        assert set(keys) == wanted and len(keys) == len(wanted), name


@pytest.fixture
def folder(tmp_path):
    config, params = weights.load(make_pair(CONFIGS["tied"]).folder)
    weights.save(tmp_path, config, params)
    return tmp_path


def rewrite(folder, change):
    contents = load_file(folder / "model.safetensors")
    change(contents)
    save_file(contents, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("model.visual.pos_embed.weight"), r"1 missing \(model.visual.pos_embed.weight\)"),
        (lambda t: t.update(extra=np.zeros(2, np.float32)), r"1 unexpected \(extra\)"),
        (
            lambda t: t.update({"model.language_model.norm.weight": np.zeros(3, np.float32)}),
            r"model.language_model.norm.weight is \(3,\), expected \(48,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(folder, change, message):
    rewrite(folder, change)
    with pytest.raises(ValueError, match=message):
        weights.load(folder)


def test_missing_files_are_named(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="no model at"):
        weights.load(tmp_path / "nowhere")
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    with pytest.raises(FileNotFoundError, match="no weights in"):
        weights.load(folder)
    index = {"weight_map": {"a": "other.safetensors", "b": "gone.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(FileNotFoundError, match="gone.safetensors missing"):
        weights.load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "qwen2_vl"}, "only 'qwen3_vl'"),
        ({"text_config": {"num_experts": 8}}, "mixture-of-experts"),
        ({"text_config": {"attention_bias": True}}, "attention_bias"),
        ({"text_config": {"rope_scaling": {"rope_type": "yarn"}}}, "'yarn' is not supported"),
        ({"vision_config": {"hidden_act": "relu"}}, "vision hidden_act 'relu'"),
    ],
)
def test_other_architectures_are_refused(change, message):
    raw = tiny_config().to_hf()
    for key, value in change.items():
        raw[key] = raw[key] | value if isinstance(value, dict) else value
    with pytest.raises(ValueError, match=message):
        Qwen3VLConfig.from_hf(raw)


@pytest.mark.parametrize("size", ["2b", "4b", "8b", "32b"])
def test_full_sizes_have_the_published_number_of_parameters(size):
    billions = {"2b": 2.13, "4b": 4.44, "8b": 8.77, "32b": 33.36}
    leaves = jax.tree.leaves(abstract_params(Qwen3VLConfig.preset(size)))
    assert sum(leaf.size for leaf in leaves) / 1e9 == pytest.approx(billions[size], abs=0.01)
    theirs = transformers.Qwen3VLConfig(**Qwen3VLConfig.preset(size).to_hf())
    with torch.device("meta"):
        model = transformers.Qwen3VLForConditionalGeneration(theirs)
    assert sum(p.numel() for p in model.parameters()) == sum(leaf.size for leaf in leaves)


def test_fresh_model_has_the_shapes_of_the_table():
    config = CONFIGS["untied"]
    fresh = nnx.state(Qwen3VL(config, rngs=nnx.Rngs(0)), nnx.Param)
    shapes = {path: leaf.shape for path, leaf in weights.flat_arrays(fresh).items()}
    for entry in weights.table(config):
        assert shapes[entry.path] == ((len(entry.keys), *entry.shape) if entry.stacked else entry.shape)
