"""Hugging Face's processor and tokenizers for tests, without torchvision."""

from __future__ import annotations

import functools

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

from vsdpo_jax.data import sentencepiece_bpe
from vsdpo_jax.data.images import ImageProcessor

TEXT = """import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(4, 3))
ax.bar(["Größe", "naïve", "数据", "🙂"], [1.5, 2, 30, 400], color="#4c72b0")
ax.set_title("Units sold — résumé")
plt.show()
The title runs 38 px past the right edge; don't let it.\n"""
# How Qwen's byte-level tokenizers cut text before merging.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@functools.cache
def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """A small tokenizer built as Qwen's are."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([TEXT] * 3, trainer)
    special = sentencepiece_bpe.SPECIAL_TOKENS
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    # Qwen's tokenizers also have added tokens that are not special: they are written out.
    tokenizer.add_tokens([AddedToken("<think>", special=False, normalized=False)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = sentencepiece_bpe.CHAT_TEMPLATE
    return fast


@functools.cache
def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    return sentencepiece_bpe.to_hugging_face(sentencepiece_bpe.train([TEXT] * 20, vocab_size=400))


def image_processor(ours: ImageProcessor) -> Qwen2VLImageProcessorPil:
    """Hugging Face's processor with the same settings."""
    return Qwen2VLImageProcessorPil(
        patch_size=ours.patch_size,
        temporal_patch_size=ours.temporal_patch_size,
        merge_size=ours.merge_size,
        size={"shortest_edge": ours.min_pixels, "longest_edge": ours.max_pixels},
        image_mean=list(ours.mean),
        image_std=list(ours.std),
    )


class _Processor(Qwen3VLProcessor):
    """The processor of text and images; the video part needs torchvision and is left out."""

    def check_argument_for_proper_class(self, argument_name, argument):
        if argument_name != "video_processor":
            super().check_argument_for_proper_class(argument_name, argument)


def make_processor(images: ImageProcessor, tokenizer) -> Qwen3VLProcessor:
    return _Processor(
        image_processor=image_processor(images),
        tokenizer=tokenizer,
        video_processor=None,
        chat_template=tokenizer.chat_template,
    )
