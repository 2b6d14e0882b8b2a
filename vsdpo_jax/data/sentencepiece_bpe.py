"""A small BPE vocabulary trained by sentencepiece, and the same vocabulary as a fast Hugging Face tokenizer.

    model = train(fragments, vocab_size=1024)     # a serialised sentencepiece model
    tokenizer = to_hugging_face(model)            # transformers fast tokenizer, same ids
    tokenizer.save_pretrained(folder)             # AutoTokenizer.from_pretrained(folder) loads it

The special tokens and the chat template are those of Qwen's vision-language models. Text is never normalised,
characters outside the vocabulary become bytes, so decoding gives back any text. A line feed and every digit are tokens
of their own.

Merges are learned inside a fragment only. Where a corpus is cut into fragments, no learned token crosses: cutting at
the borders of the values that a program's author decides keeps the boilerplate in a few long tokens and each value in
tokens of its own.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
UNKNOWN = "<unk>"  # sentencepiece requires the piece; with byte fallback it is never produced

# ChatML, laid out as Qwen's vision-language models lay it out, images and videos included.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\\n' -}}
  {%- if message.content is string -%}
    {{- message.content -}}
  {%- else -%}
    {%- for part in message.content -%}
      {%- if part.type == 'image' or 'image' in part or 'image_url' in part -%}
        {{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
      {%- elif part.type == 'video' or 'video' in part -%}
        {{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
      {%- elif 'text' in part -%}
        {{- part.text -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""


def train(fragments: Iterable[str], vocab_size: int = 1024, max_piece_length: int = 48, threads: int = 1) -> bytes:
    """Trains a sentencepiece BPE model with `vocab_size` pieces, special and byte pieces included.

    Returns:
      The serialised model. The same fragments in the same order give the same model.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(fragment for fragment in fragments if fragment),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        split_by_whitespace=False,
        split_by_unicode_script=False,
        split_by_number=False,
        split_digits=True,
        treat_whitespace_as_suffix=True,
        allow_whitespace_only_pieces=True,
        max_sentencepiece_length=max_piece_length,
        user_defined_symbols=[*SPECIAL_TOKENS, "\n"],
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        num_threads=threads,
        minloglevel=2,
    )
    return model.getvalue()


def to_hugging_face(model: bytes) -> PreTrainedTokenizerFast:
    """The same vocabulary as a fast tokenizer: same ids, special tokens registered, chat template set."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    size = processor.get_piece_size()
    # sentencepiece writes a space as U+2581 and so takes the two characters for one; here pieces hold plain spaces.
    vocabulary = {_plain(processor, index): index for index in range(size)}
    if len(vocabulary) != size:
        raise ValueError("the corpus holds U+2581, which sentencepiece uses for a space")
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=_merges(processor, vocabulary),
            unk_token=UNKNOWN,
            byte_fallback=True,
            fuse_unk=False,
        )
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=list(SPECIAL_TOKENS),
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def save(model: bytes, folder: str | os.PathLike) -> PreTrainedTokenizerFast:
    """Writes the tokenizer files and `tokenizer.model`, the sentencepiece model itself, to `folder`."""
    os.makedirs(folder, exist_ok=True)
    tokenizer = to_hugging_face(model)
    tokenizer.save_pretrained(folder)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(model)
    os.chmod(file.name, 0o644)
    os.replace(file.name, os.path.join(folder, "tokenizer.model"))
    return tokenizer


def _plain(processor: sentencepiece.SentencePieceProcessor, index: int) -> str:
    return processor.id_to_piece(index).replace("\u2581", " ")


def _merges(processor: sentencepiece.SentencePieceProcessor, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Every pair of pieces whose join is a learned piece, in the order in which sentencepiece would join them."""
    merges = []
    for piece, index in vocabulary.items():
        learned = not (processor.is_control(index) or processor.is_unknown(index) or processor.is_byte(index))
        if not learned or piece in SPECIAL_TOKENS:
            continue
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        score = processor.get_score(index)
        merges += [(score, pair) for pair in pairs if pair[0] in vocabulary and pair[1] in vocabulary]
    merges.sort(key=lambda merge: -merge[0])
    return [pair for _, pair in merges]
