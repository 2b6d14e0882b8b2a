"""The image processor equals Hugging Face's bit for bit; what depends on an image's size is computed on the host."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.vision_utils import get_vision_interpolation_indices_and_weights, get_vision_position_ids

from tests.data.reference import image_processor
from vsdpo_jax.data import images
from vsdpo_jax.data.images import ImageProcessor, ProcessedImage, pack_images
from vsdpo_jax.model.config import VisionConfig

PROCESSOR = ImageProcessor(min_pixels=64 * 64, max_pixels=320 * 320)
# (width, height): tiny, huge, elongated, one pixel off a multiple, primes.
SIZES = [
    (1, 1), (1, 150), (150, 1), (16, 16), (31, 33), (32, 32), (33, 31), (48, 80), (63, 65), (64, 64), (97, 89),
    (100, 300), (128, 160), (160, 128), (177, 211), (200, 20), (255, 257), (320, 320), (321, 319), (400, 37),
    (640, 480), (799, 601), (1024, 6), (1280, 720),
]  # fmt: skip


def picture(size, mode="RGB", seed=0):
    """Random pixels with some structure, so that resampling matters."""
    rng = np.random.default_rng(seed)
    width, height = size
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    ramp = np.linspace(0, 200, width)[None, :, None] * np.ones((height, 1, channels))
    pixels = (ramp + rng.integers(0, 56, (height, width, channels))).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels)


def check(processor, image):
    ours = processor.process(image)
    theirs = image_processor(processor)(image, return_tensors="np")
    assert ours.grid == tuple(theirs["image_grid_thw"][0])
    assert ours.patches.dtype == np.float32
    np.testing.assert_array_equal(ours.patches, theirs["pixel_values"])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bit_exact_on_many_sizes(size):
    check(PROCESSOR, picture(size))
    assert PROCESSOR.grid(size[1], size[0]) == PROCESSOR.process(picture(size)).grid


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_bit_exact_in_other_modes(mode):
    check(PROCESSOR, picture((150, 97), mode))


def test_bit_exact_with_a_palette():
    check(PROCESSOR, picture((150, 97)).convert("P", palette=Image.Palette.ADAPTIVE))


def test_bit_exact_with_a_transparent_palette_entry():
    image = picture((150, 97)).convert("P", palette=Image.Palette.ADAPTIVE)
    image.info["transparency"] = 3
    check(PROCESSOR, image)


def test_bit_exact_with_other_normalisation_and_geometry():
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    processor = ImageProcessor(
        patch_size=14, merge_size=3, temporal_patch_size=1, min_pixels=1000, max_pixels=40000, mean=mean, std=std
    )
    check(processor, picture((170, 211)))


def test_array_equals_picture():
    image = picture((150, 97))
    np.testing.assert_array_equal(PROCESSOR.process(np.asarray(image)).patches, PROCESSOR.process(image).patches)


def test_published_defaults():
    """What the 2B to 32B folders say."""
    assert (ImageProcessor().min_pixels, ImageProcessor().max_pixels) == (65536, 16777216)
    check(ImageProcessor(), picture((300, 200)))


def test_too_elongated_is_refused():
    with pytest.raises(ValueError, match="too elongated"):
        PROCESSOR.process(picture((1005, 5)))


@pytest.mark.parametrize("nested", [False, True])
def test_settings_survive_a_folder(tmp_path, nested):
    raw = PROCESSOR.to_hf()
    name = "processor_config.json" if nested else "preprocessor_config.json"
    (tmp_path / name).write_text(json.dumps({"image_processor": raw} if nested else raw))
    assert ImageProcessor.from_hf(tmp_path) == PROCESSOR


def test_folder_without_processor_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no image processor"):
        ImageProcessor.from_hf(tmp_path)


@pytest.mark.parametrize("grid", [(1, 2, 2), (1, 2, 8), (1, 10, 4), (2, 4, 6), (1, 48, 48), (1, 50, 2)], ids=str)
def test_positions_and_interpolation_equal_the_reference(grid):
    tensor = torch.tensor([grid])
    wanted_index, wanted_weight = get_vision_interpolation_indices_and_weights(
        tensor, num_grid_per_side=48, mode="bilinear", align_corners=True, spatial_merge_size=2
    )
    index, weight = images.interpolation(grid, 2, 48)
    repeats = grid[0]
    np.testing.assert_array_equal(index, wanted_index)
    np.testing.assert_array_equal(weight, wanted_weight)
    np.testing.assert_array_equal(images.patch_positions(grid, 2), get_vision_position_ids(tensor, 2))
    assert len(index) == repeats * grid[1] * grid[2]


def test_packing_pads_and_marks_what_is_valid():
    config = VisionConfig(patch_size=1, temporal_patch_size=1, num_position_embeddings=16)
    rng = np.random.default_rng(0)
    row = [ProcessedImage(rng.normal(size=(h * w, 3)).astype(np.float32), (1, h, w)) for h, w in ((2, 4), (4, 2))]
    packed = pack_images([row, row[1:]], slots=3, patches=12, config=config)
    assert packed.valid.sum(-1).tolist() == [[8, 8, 0], [8, 0, 0]]
    np.testing.assert_array_equal(packed.patches[1, 0, :8], row[1].patches)
    np.testing.assert_array_equal(packed.rotary[0, 1, :8], images.patch_positions((1, 4, 2), 2))
    assert not packed.patches[~packed.valid].any()


def test_packing_refuses_what_does_not_fit():
    config = VisionConfig(patch_size=1, temporal_patch_size=1)
    image = ProcessedImage(np.zeros((8, 3), np.float32), (1, 2, 4))
    with pytest.raises(ValueError, match="3 images, but there are 2"):
        pack_images([[image] * 3], slots=2, patches=8, config=config)
    with pytest.raises(ValueError, match="8 patches does not fit into 4"):
        pack_images([[image]], slots=1, patches=4, config=config)
    with pytest.raises(ValueError, match="not a multiple of 4"):
        pack_images([[image]], slots=1, patches=10, config=config)
