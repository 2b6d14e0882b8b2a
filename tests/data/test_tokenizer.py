"""Spans are exact for every id that can be sampled, also when characters are cut or bytes are invalid."""

import numpy as np
import pytest

from tests.data.published_tokenizer import published_tokenizer
from tests.data.reference import TEXT, byte_level_tokenizer, sentencepiece_tokenizer
from vsdpo_jax.data.tokenizer import token_bytes, token_spans

TOKENIZERS = {
    "byte_level": byte_level_tokenizer,
    "sentencepiece": sentencepiece_tokenizer,
    "published": published_tokenizer,
}


@pytest.fixture(params=["byte_level", "sentencepiece", pytest.param("published", marks=pytest.mark.slow)])
def tokenizer(request):
    return TOKENIZERS[request.param]()


def encode(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize("text", [TEXT, "", " ", "a  b\n\n c\t", "日本語 🙂🙂 é", "x" * 50], ids=range(6))
def test_text_comes_back_and_spans_cover_it(tokenizer, text):
    ids = encode(tokenizer, text)
    decoded, spans = token_spans(tokenizer, ids)
    assert decoded == text
    covered = {c for start, end in spans for c in range(start, end)}
    assert covered == set(range(len(text)))


def test_each_span_is_what_the_id_writes(tokenizer):
    ids = encode(tokenizer, TEXT)
    decoded, spans = token_spans(tokenizer, ids)
    for token, (start, end) in zip(ids, spans, strict=True):
        try:
            written = token_bytes(tokenizer, token).decode()
        except UnicodeDecodeError:
            continue
        assert decoded[start:end] == written


def test_ids_of_one_character_share_it(tokenizer):
    ids = [token for byte in "🙂".encode() for token in [byte_id(tokenizer, byte)]]
    decoded, spans = token_spans(tokenizer, ids)
    assert decoded == "🙂"
    assert spans.tolist() == [[0, 1]] * 4


def byte_id(tokenizer, byte):
    """The id that writes exactly this byte."""
    return next(token for token in range(len(tokenizer)) if token_bytes(tokenizer, token) == bytes([byte]))


@pytest.mark.parametrize(
    "data", [b"a\xff\xfeb", b"\xf0\x9f", b"\xe6\x95a", b"\x80", b"ok\xc3", b"\xed\xa0\x80z"], ids=str
)
def test_invalid_bytes_are_replaced_as_python_replaces_them(tokenizer, data):
    ids = [byte_id(tokenizer, byte) for byte in data]
    decoded, spans = token_spans(tokenizer, ids)
    assert decoded == data.decode("utf-8", errors="replace")
    assert spans[-1, 1] == len(decoded)
    assert (np.diff(spans[:, 0]) >= 0).all()


def test_special_tokens_write_nothing_and_others_that_were_added_do(tokenizer):
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = [*encode(tokenizer, "ab"), end, *encode(tokenizer, "c"), end]
    decoded, spans = token_spans(tokenizer, ids)
    assert decoded == "abc"
    assert spans[-1].tolist() == [3, 3]
    think = tokenizer.get_vocab().get("<think>")
    if think is not None:
        assert token_spans(tokenizer, [think])[0] == "<think>"


def test_any_ids_decode_like_the_tokenizer(tokenizer):
    """Ids as a sampler draws them, most of them not what encoding would give."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        ids = rng.integers(0, len(tokenizer), 30)
        decoded, spans = token_spans(tokenizer, ids)
        data = b"".join(token_bytes(tokenizer, int(token)) for token in ids)
        assert decoded == data.decode("utf-8", errors="replace")
        assert spans.shape == (30, 2)
        assert (spans[:, 0] <= spans[:, 1]).all() and spans.max() <= len(decoded)


def test_byte_level_text_equals_decode():
    tokenizer = byte_level_tokenizer()
    rng = np.random.default_rng(1)
    for _ in range(50):
        ids = rng.integers(0, len(tokenizer), 30)
        assert token_spans(tokenizer, ids)[0] == tokenizer.decode(ids, skip_special_tokens=True)
