"""Qwen3-VL in Flax NNX: configuration, modules and Hugging Face weights."""
