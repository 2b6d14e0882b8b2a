"""A model that goes on with another vocabulary: what both have is kept, what is new starts near its old spelling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vsdpo_jax.data import sentencepiece_bpe
from vsdpo_jax.data.chat import load_tokenizer
from vsdpo_jax.model import weights
from vsdpo_jax.model.inputs import Sequence
from vsdpo_jax.model.vocabulary import change_vocabulary
from vsdpo_jax.policy import model_folder, open_policy

# Enough of both languages that some pieces are shared and some are new.
TEXTS = ["ax.set_title('", "', fontsize=", "<h1>", "</h1>", "div{flex:none;padding:10px;width:", "Sales", "Oslo", ": "]


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """(old folder, new folder, pieces that both have)."""
    folder = tmp_path_factory.mktemp("vocabulary")
    sentencepiece_bpe.save(sentencepiece_bpe.train([text for text in TEXTS for _ in range(4)], 380), folder / "words")
    old = model_folder("assets:tiny")
    change_vocabulary(old, folder / "words", folder / "out")
    shared = sorted(load_tokenizer(old).get_vocab().keys() & load_tokenizer(folder / "words").get_vocab().keys())
    return old, folder / "out", shared


def embeddings(folder):
    return np.asarray(weights.flat_arrays(weights.load(folder)[1])["text/embedding"])


def test_shared_pieces_keep_their_rows_and_new_ones_get_the_mean_of_their_spelling(changed):
    old, new, shared = changed
    before, after = embeddings(old), embeddings(new)
    first, second = load_tokenizer(old), load_tokenizer(new)
    assert len(shared) > 300 and after.shape == (len(second), before.shape[1])
    for piece in shared:
        np.testing.assert_array_equal(
            after[second.convert_tokens_to_ids(piece)], before[first.convert_tokens_to_ids(piece)]
        )
    made = [piece for piece in second.get_vocab() if piece not in set(shared)]
    assert len(made) > 10
    for piece in made:
        ids = first.encode(piece, add_special_tokens=False)
        assert ids
        np.testing.assert_allclose(
            after[second.convert_tokens_to_ids(piece)], before[ids].mean(axis=0), rtol=1e-6, atol=1e-7
        )


def logits(folder, pieces, wanted):
    tokenizer = load_tokenizer(folder)
    policy = open_policy(str(folder), tokens_per_image=1, dtype="float32", remat="none")
    model = nnx.merge(policy.graphdef, weights.load(folder)[1])
    ids = jnp.asarray(tokenizer.convert_tokens_to_ids(pieces), jnp.int32)[None, None]
    line = jnp.broadcast_to(jnp.arange(len(pieces), dtype=jnp.int32), (3, 1, 1, len(pieces)))
    sequence = Sequence(ids, line, jnp.ones_like(ids, bool), jnp.full_like(ids, -1))
    hidden, _ = jax.jit(lambda s: model.decode(s, None))(sequence)
    return np.asarray(hidden @ model.head().T)[0, 0][:, tokenizer.convert_tokens_to_ids(wanted)]


def test_a_text_of_shared_pieces_is_read_as_before(changed):
    old, new, shared = changed
    pieces = [shared[index] for index in np.random.default_rng(0).integers(0, len(shared), 12)]
    np.testing.assert_allclose(logits(new, pieces, shared), logits(old, pieces, shared), rtol=1e-4, atol=1e-4)


def test_the_folder_is_whole(changed):
    old, new, _ = changed
    policy = open_policy(str(new), tokens_per_image=30, dtype="float32", remat="none")
    tokenizer = policy.tokenizer
    assert tokenizer.decode(tokenizer.encode("<h1>Sales</h1>")) == "<h1>Sales</h1>"
    assert policy.config.image_token_id == tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert (new / "preprocessor_config.json").read_bytes() == (old / "preprocessor_config.json").read_bytes()
