"""From sampled ids to weights with real tokenizers: the ids of guilty statements weigh more, and no others."""

import functools

import numpy as np
import pytest

from tests.data.published_tokenizer import published_tokenizer
from tests.data.reference import byte_level_tokenizer, sentencepiece_tokenizer
from vsdpo_jax.data.tokenizer import token_bytes
from vsdpo_jax.feedback.credit import assign
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render.statements import Program
from vsdpo_jax.rollout.response import parse_response
from vsdpo_jax.types import RenderError, Scene

CODE = """import matplotlib.pyplot as plt
names = ["Zürich", "日本 🙂", "Łódź"]
plt.bar(names, [1, 2, 3])
plt.title("Größe in 東京 🙂🙂")
plt.savefig("chart.png")
"""
TOKENIZERS = {
    "byte_level": byte_level_tokenizer,
    "sentencepiece": sentencepiece_tokenizer,
    "published": published_tokenizer,
}


@pytest.fixture(params=["byte_level", "sentencepiece", pytest.param("published", marks=pytest.mark.slow)])
def tokenizer(request):
    return TOKENIZERS[request.param]()


@functools.cache
def table_of(tokenizer):
    return {token_bytes(tokenizer, token): token for token in range(len(tokenizer))}


def byte_ids(tokenizer, text):
    """One id a byte, as a sampler may draw them: every character beyond ASCII is split."""
    return [table_of(tokenizer)[bytes([byte])] for byte in text.encode()]


def ids_of(tokenizer, text, split):
    if not split:
        return tokenizer.encode(text, add_special_tokens=False)
    ids = []
    for character in text:
        ids += byte_ids(tokenizer, character)
    return ids


def graded(tokenizer, before, code, after, line, *, split=False, special=()):
    """The rollout of a response, the statement at `line` of its code, and the weights when that statement fails."""
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = [
        *ids_of(tokenizer, before, split),
        *special,
        *ids_of(tokenizer, code, split),
        *ids_of(tokenizer, after, split),
    ]
    ids.append(end)
    tokens = np.array(ids, np.int32)
    rollout = parse_response("p", tokens, np.zeros(len(ids), np.float32), len(ids), tokenizer, (end,))
    statements = Program(rollout.code).statements
    guilty = next(statement for statement in statements if statement.line_start == line)
    error = RenderError("python-error", "it fails", statement=guilty)
    scene = Scene(rollout.code, "chart", statements=tuple(statements), error=error)
    return rollout, guilty, assign(scene, detect(scene), rollout.spans, rollout.code_start, 4.0).weights


@pytest.mark.parametrize("split", [False, True], ids=["encoded", "byte by byte"])
@pytest.mark.parametrize("line", [2, 4])
def test_ids_that_write_into_the_guilty_statement_weigh_alpha_and_no_others(tokenizer, split, line):
    rollout, guilty, weights = graded(tokenizer, "Here — 🙂:\n```python\n", CODE, "```\nEnjoy 日本!", line, split=split)
    assert rollout.code == CODE and not rollout.truncated
    start, end = guilty.start + rollout.code_start, guilty.end + rollout.code_start
    writes = (rollout.spans[:, 0] < end) & (rollout.spans[:, 1] > start) & (rollout.spans[:, 0] < rollout.spans[:, 1])
    np.testing.assert_array_equal(weights, np.where(writes, 4.0, 1.0))
    covered = {c for a, b in rollout.spans[weights > 1] for c in range(a, b)}
    assert set(range(start, end)) <= covered
    if split:
        # All four ids of an emoji of the statement, not the first alone.
        emoji = rollout.text.index("🙂", start)
        assert (weights[(rollout.spans == [emoji, emoji + 1]).all(axis=1)] == 4).sum() == 4


def test_special_tokens_weigh_one_wherever_they_are(tokenizer):
    special = tokenizer.convert_tokens_to_ids("<|im_start|>")
    rollout, _, weights = graded(tokenizer, "```python\nx = 1\n", CODE, "```", 3, special=[special])
    assert (weights[rollout.tokens == special] == 1).all() and weights[-1] == 1 and weights.max() == 4


def test_code_that_was_cut_off_is_charged_as_far_as_it_goes(tokenizer):
    cut = CODE[: CODE.index("東京")] + '")'
    rollout, guilty, weights = graded(tokenizer, "```python\n", cut, "", 4)
    assert rollout.code == cut and guilty.end == len(cut)
    weighty = rollout.spans[weights > 1]
    assert weighty[-1, 1] == len(rollout.text) and weighty[0, 1] > guilty.start + rollout.code_start


def test_a_character_cut_in_half_by_the_length_limit(tokenizer):
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = byte_ids(tokenizer, 'plt.title("é🙂')[:-2]
    rollout = parse_response("p", np.array(ids, np.int32), np.zeros(len(ids), np.float32), len(ids), tokenizer, (end,))
    assert rollout.truncated and rollout.text.endswith("é\ufffd")
    statement = Program("x = 1").statements[0]
    scene = Scene(rollout.code, "chart", error=RenderError("python-error", "SyntaxError", statement=statement))
    weights = assign(scene, detect(scene), rollout.spans, rollout.code_start, 4.0).weights
    assert weights.shape == (len(ids),) and weights.min() == 1 and weights.max() == 4
