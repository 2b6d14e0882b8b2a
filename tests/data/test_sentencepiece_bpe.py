"""The trained tokenizer against sentencepiece itself, and its special tokens."""

import numpy as np
import pytest
import sentencepiece
from transformers import AutoTokenizer

from vsdpo_jax.data import sentencepiece_bpe
from vsdpo_jax.data.tasks import fragments
from vsdpo_jax.data.tasks.author import Author
from vsdpo_jax.data.tasks.chart import CHART
from vsdpo_jax.data.tasks.domain import Tasks

UNICODE = "h\u00e9llo w\u00f6rld \u4f60\u597d \u2581 \t\r\n\n  x  123 \x00 \ue000 \U0001f642\u200d \u0301 '\"\\"


def _programs(split, count):
    tasks, author = Tasks(CHART, split), Author()
    return [(tasks[i], author.write(tasks[i], np.random.default_rng(i))) for i in range(count)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    corpus = []
    for task, program in _programs("warmstart", 400):
        corpus += fragments.of_program(program.source, program.spans.values())
        corpus += fragments.of_instruction(task.instruction)
    model = sentencepiece_bpe.train(corpus, vocab_size=1024)
    folder = tmp_path_factory.mktemp("tokenizer")
    sentencepiece_bpe.save(model, folder)
    return AutoTokenizer.from_pretrained(folder), sentencepiece.SentencePieceProcessor(model_proto=model)


def test_vocabulary_has_the_asked_size_and_every_special_token(trained):
    tokenizer, processor = trained
    assert len(tokenizer) == processor.get_piece_size() == 1024
    for token in sentencepiece_bpe.SPECIAL_TOKENS:
        assert tokenizer.encode(token) == [processor.piece_to_id(token)]
        assert tokenizer.convert_tokens_to_ids(token) in tokenizer.all_special_ids
    assert tokenizer.eos_token == "<|im_end|>"


def test_ids_equal_those_of_sentencepiece(trained):
    tokenizer, processor = trained
    for task, program in _programs("heldout", 150):
        for text in (program.source, task.instruction):
            assert tokenizer.encode(text, add_special_tokens=False) == processor.encode(text)


def test_decoding_gives_back_any_text(trained):
    tokenizer, _ = trained
    rng = np.random.default_rng(0)
    texts = [UNICODE, *("".join(map(chr, rng.integers(0, 0xD800, size=30))) for _ in range(200))]
    for text in texts:
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_line_feeds_and_digits_are_tokens_of_their_own(trained):
    tokenizer, _ = trained
    for index in range(len(tokenizer)):
        piece = tokenizer.convert_ids_to_tokens(index)
        if piece not in sentencepiece_bpe.SPECIAL_TOKENS and not piece.startswith("<0x"):
            assert len(piece) == 1 or not any(c == "\n" or c.isdigit() for c in piece), piece


def test_tokens_do_not_cross_the_borders_of_decided_values(trained):
    tokenizer, _ = trained
    for _, program in _programs("heldout", 100):
        encoded = tokenizer(program.source, return_offsets_mapping=True, add_special_tokens=False)
        borders = {border for span in program.spans.values() for border in span}
        assert borders <= {start for start, _ in encoded["offset_mapping"]}


def test_chat_template_is_chatml_with_images(trained):
    tokenizer, _ = trained
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "T"}, {"type": "video"}]},
    ]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert text == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>T"
        "<|vision_start|><|video_pad|><|vision_end|><|im_end|>\n<|im_start|>assistant\n"
    )


def test_training_is_deterministic():
    programs = [program for _, program in _programs("train", 60)]
    corpus = [piece for program in programs for piece in fragments.of_program(program.source, program.spans.values())]
    assert sentencepiece_bpe.train(corpus, 500) == sentencepiece_bpe.train(corpus, 500)
