"""Configuration of a Qwen3-VL model, read from and written to a Hugging Face `config.json`.

Host only: nothing here imports JAX. Field names are those of Hugging Face where they say what they mean.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any


@dataclasses.dataclass(frozen=True)
class VisionConfig:
    """The vision tower.

    Attributes:
      depth, hidden_size, intermediate_size, num_heads: of the transformer.
      out_hidden_size: width D of the text model that the merged tokens are projected to.
      patch_size, temporal_patch_size: a patch is `temporal_patch_size x patch_size x patch_size` pixels.
      spatial_merge_size: `spatial_merge_size**2` neighbouring patches become one merged token.
      num_position_embeddings: rows of the learned, square position table.
      deepstack_visual_indexes: blocks whose output is also merged and added inside the first text layers.
      rope_theta: base of the two-axis rotary embedding.
      initializer_range: standard deviation of a fresh model's kernels.
    """

    depth: int = 27
    hidden_size: int = 1152
    intermediate_size: int = 4304
    num_heads: int = 16
    out_hidden_size: int = 4096
    in_channels: int = 3
    patch_size: int = 16
    temporal_patch_size: int = 2
    spatial_merge_size: int = 2
    num_position_embeddings: int = 2304
    deepstack_visual_indexes: tuple[int, ...] = (8, 16, 24)
    rope_theta: float = 10000.0
    initializer_range: float = 0.02

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_heads

    @property
    def patch_dim(self) -> int:
        """Values in one flattened patch (C)."""
        return self.in_channels * self.temporal_patch_size * self.patch_size**2

    @property
    def merge_unit(self) -> int:
        """Patches in one merged token."""
        return self.spatial_merge_size**2

    @property
    def grid_side(self) -> int:
        """Side of the learned position table."""
        return int(self.num_position_embeddings**0.5)

    @property
    def segments(self) -> tuple[int, ...]:
        """Number of blocks up to and including each DeepStack tap, then of those after the last (may be 0)."""
        bounds = [0, *(index + 1 for index in self.deepstack_visual_indexes), self.depth]
        return tuple(stop - start for start, stop in zip(bounds[:-1], bounds[1:], strict=True))


@dataclasses.dataclass(frozen=True)
class TextConfig:
    """The text decoder. `mrope_section` counts the rotary frequencies of the time, height and width positions."""

    vocab_size: int = 151936
    hidden_size: int = 4096
    intermediate_size: int = 12288
    num_hidden_layers: int = 36
    num_attention_heads: int = 32
    num_key_value_heads: int = 8
    head_dim: int = 128
    rms_norm_eps: float = 1e-6
    rope_theta: float = 5_000_000.0
    mrope_section: tuple[int, int, int] = (24, 20, 20)
    max_position_embeddings: int = 262144
    initializer_range: float = 0.02


@dataclasses.dataclass(frozen=True)
class Qwen3VLConfig:
    """A whole model. `tie_word_embeddings`: the output head is the embedding table."""

    text: TextConfig = TextConfig()
    vision: VisionConfig = VisionConfig()
    tie_word_embeddings: bool = False
    image_token_id: int = 151655
    video_token_id: int = 151656
    vision_start_token_id: int = 151652
    vision_end_token_id: int = 151653
    bos_token_id: int | None = 151643
    eos_token_id: int | None = 151645

    def __post_init__(self):
        _check(self)

    @property
    def num_deepstack_layers(self) -> int:
        """Text layers after which visual features are added once more; they come first."""
        return len(self.vision.deepstack_visual_indexes)

    @classmethod
    def preset(cls, name: str) -> Qwen3VLConfig:
        """The published dense sizes: `2b`, `4b`, `8b` or `32b`."""
        if name not in _PRESETS:
            raise ValueError(f"unknown model size {name!r}; known sizes: {', '.join(_PRESETS)}")
        text, vision, tied = _PRESETS[name]
        return cls(
            text=TextConfig(**text),
            vision=VisionConfig(**vision, out_hidden_size=text["hidden_size"]),
            tie_word_embeddings=tied,
        )

    @classmethod
    def from_hf(cls, source: str | pathlib.Path | dict[str, Any]) -> Qwen3VLConfig:
        """Reads a Hugging Face folder, its `config.json`, or the dictionary in it.

        Raises:
          FileNotFoundError: there is no such folder, or no `config.json` in it.
          ValueError: the file describes another architecture, or one with parts that this port does not have.
        """
        raw = source if isinstance(source, dict) else _read_config(pathlib.Path(source))
        if raw.get("model_type") != "qwen3_vl":
            raise ValueError(f"model_type is {raw.get('model_type')!r}; only 'qwen3_vl' (dense Qwen3-VL) is supported")
        text, vision = raw["text_config"], raw["vision_config"]
        _refuse_unsupported(text, vision)
        rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
        text_fields = _known_fields(TextConfig, text)
        text_fields["mrope_section"] = tuple(rope.get("mrope_section", (24, 20, 20)))
        text_fields["rope_theta"] = float(rope.get("rope_theta", text.get("rope_theta", 500_000.0)))
        vision_fields = _known_fields(VisionConfig, vision)
        vision_fields["deepstack_visual_indexes"] = tuple(vision.get("deepstack_visual_indexes", (8, 16, 24)))
        vision_fields["rope_theta"] = float((vision.get("rope_parameters") or {}).get("rope_theta", 10000.0))
        fields = _known_fields(cls, raw)
        fields["tie_word_embeddings"] = bool(raw.get("tie_word_embeddings", text.get("tie_word_embeddings", False)))
        for name in ("bos_token_id", "eos_token_id"):
            fields[name] = text.get(name, raw.get(name))
        return cls(text=TextConfig(**text_fields), vision=VisionConfig(**vision_fields), **fields)

    def to_hf(self) -> dict[str, Any]:
        """The contents of a `config.json` that transformers reads (4.57 and later)."""
        text = dataclasses.asdict(self.text)
        section = list(text.pop("mrope_section"))
        text |= {
            "model_type": "qwen3_vl_text",
            "hidden_act": "silu",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": self.bos_token_id,
            "eos_token_id": self.eos_token_id,
            "tie_word_embeddings": self.tie_word_embeddings,
            "rope_scaling": {"rope_type": "default", "mrope_section": section, "mrope_interleaved": True},
        }
        vision = dataclasses.asdict(self.vision)
        theta = vision.pop("rope_theta")
        vision |= {
            "model_type": "qwen3_vl_vision",
            "hidden_act": "gelu_pytorch_tanh",
            "deepstack_visual_indexes": list(self.vision.deepstack_visual_indexes),
        }
        if theta != 10000.0:
            vision["rope_parameters"] = {"rope_type": "axial", "rope_theta": theta}
        return {
            "architectures": ["Qwen3VLForConditionalGeneration"],
            "model_type": "qwen3_vl",
            "text_config": text,
            "vision_config": vision,
            "tie_word_embeddings": self.tie_word_embeddings,
            "image_token_id": self.image_token_id,
            "video_token_id": self.video_token_id,
            "vision_start_token_id": self.vision_start_token_id,
            "vision_end_token_id": self.vision_end_token_id,
        }


def _read_config(path: pathlib.Path) -> dict[str, Any]:
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"no model at {path}: expected a Hugging Face folder with a config.json")
    return json.loads(file.read_text())


def _known_fields(cls, raw: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(cls)} - {"text", "vision"}
    return {name: raw[name] for name in names if name in raw}


def _refuse_unsupported(text: dict[str, Any], vision: dict[str, Any]) -> None:
    rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise ValueError(f"rope_type {rope['rope_type']!r} is not supported; only 'default' is")
    for name, raw, wanted in (("text", text, "silu"), ("vision", vision, "gelu_pytorch_tanh")):
        if raw.get("hidden_act", wanted) != wanted:
            raise ValueError(f"{name} hidden_act {raw['hidden_act']!r} is not supported; only {wanted!r} is")
    if text.get("attention_bias"):
        raise ValueError("attention_bias=true is not supported: no published Qwen3-VL has it")
    if "num_experts" in text:
        raise ValueError("mixture-of-experts Qwen3-VL is not supported; only the dense sizes are")


def _check(config: Qwen3VLConfig) -> None:
    text, vision = config.text, config.vision
    if text.num_attention_heads % text.num_key_value_heads:
        raise ValueError("num_attention_heads must be a multiple of num_key_value_heads")
    if sum(text.mrope_section) != text.head_dim // 2:
        raise ValueError(f"mrope_section {text.mrope_section} must sum to head_dim / 2 = {text.head_dim // 2}")
    if vision.out_hidden_size != text.hidden_size:
        raise ValueError("vision out_hidden_size must equal the text hidden_size")
    if vision.head_dim % 4 or vision.head_dim * vision.num_heads != vision.hidden_size:
        raise ValueError("the vision head size must be hidden_size / num_heads and a multiple of 4")
    taps = vision.deepstack_visual_indexes
    if list(taps) != sorted(set(taps)) or (taps and not 0 <= taps[0] <= taps[-1] < vision.depth):
        raise ValueError(f"deepstack_visual_indexes {taps} must increase and lie inside the {vision.depth} blocks")
    if len(taps) > text.num_hidden_layers:
        raise ValueError("there must be at least as many text layers as deepstack_visual_indexes")


_SMALL_VISION = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_heads": 16,
    "deepstack_visual_indexes": (5, 11, 17),
}
_LARGE_VISION = {
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_heads": 16,
    "deepstack_visual_indexes": (8, 16, 24),
}
_PRESETS: dict[str, tuple[dict, dict, bool]] = {
    "2b": (
        {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16},
        _SMALL_VISION,
        True,
    ),
    "4b": (
        {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32},
        _SMALL_VISION,
        True,
    ),
    "8b": (
        {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32},
        _LARGE_VISION,
        False,
    ),
    "32b": (
        {"hidden_size": 5120, "intermediate_size": 25600, "num_hidden_layers": 64, "num_attention_heads": 64},
        _LARGE_VISION,
        False,
    ),
}
