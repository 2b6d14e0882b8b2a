"""The CLIP image tower against transformers' own, with random weights."""

import numpy as np
import pytest
from PIL import Image

from vsdpo_jax.errors import UserError
from vsdpo_jax.model import clip


@pytest.fixture(scope="module", params=["quick_gelu", "gelu"])
def saved(request, tmp_path_factory):
    """(folder, transformers' model) of a small random CLIP."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    text = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 64,
        "patch_size": 16,
        "hidden_act": request.param,
    }
    config = CLIPConfig(text_config=text | {"vocab_size": 40}, vision_config=vision, projection_dim=24)
    model = CLIPModel(config).eval()
    with torch.no_grad():
        # Weights large enough that a wrong one shows.
        for parameter in model.vision_model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp(f"clip_{request.param}")
    model.save_pretrained(folder)
    return folder, model


def pictures():
    rng = np.random.default_rng(3)
    return [
        Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)) for h, w in ((64, 64), (150, 90), (40, 77))
    ]


def test_embeddings_equal_those_of_transformers(saved):
    import torch

    folder, model = saved
    pixels = np.stack([clip.prepare(picture, 64) for picture in pictures()])
    ours = np.asarray(clip.load(folder)(pixels))
    with torch.no_grad():
        hidden = model.vision_model(pixel_values=torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())).pooler_output
        theirs = torch.nn.functional.normalize(model.visual_projection(hidden), dim=-1).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert np.abs(ours[0] - ours[1]).max() > 0.01


def test_pictures_are_prepared_as_by_transformers():
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64})
    for picture in (*pictures(), pictures()[0].convert("L"), pictures()[1].convert("RGBA")):
        theirs = np.asarray(processor(picture, return_tensors="np")["pixel_values"])[0].transpose(1, 2, 0)
        np.testing.assert_allclose(clip.prepare(picture, 64), theirs, atol=1e-5)


def test_flax_weights_are_read_as_well(saved, tmp_path):
    """The published folder of ViT-B/32 has `flax_model.msgpack`: kernels turned, scales for weights."""
    from flax import serialization
    from safetensors.numpy import load_file

    folder, _ = saved
    tree = {}
    for name, value in load_file(folder / "model.safetensors").items():
        if not name.startswith(("vision_model.", "visual_")):
            continue
        *path, kind = name.split(".")
        if kind == "weight":
            is_norm = "norm" in path[-1] or "layrnorm" in path[-1]
            kind = "scale" if is_norm else "embedding" if path[-1] == "position_embedding" else "kernel"
        if kind == "kernel":
            value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[kind] = value
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "flax_model.msgpack").write_bytes(serialization.to_bytes(tree))
    pixels = np.stack([clip.prepare(picture, 64) for picture in pictures()])
    np.testing.assert_array_equal(np.asarray(clip.load(tmp_path)(pixels)), np.asarray(clip.load(folder)(pixels)))


def test_a_folder_without_clip_is_named_in_one_line(tmp_path, saved):
    with pytest.raises(UserError, match="config.json"):
        clip.load(tmp_path)
    (tmp_path / "config.json").write_bytes((saved[0] / "config.json").read_bytes())
    with pytest.raises(UserError, match="flax_model.msgpack"):
        clip.load(tmp_path)
