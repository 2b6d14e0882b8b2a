"""Prefill, then continue: G branches on a shared prefix equal G separate sequences, values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.parity.reference import PROCESSOR, TOKENS_PER_IMAGE, make_pair, tiny_config
from vsdpo_jax.data.chat import Chat, stack_pieces
from vsdpo_jax.data.images import pack_images
from vsdpo_jax.model.inputs import Sequence
from vsdpo_jax.model.qwen3vl import split_abstract

BRANCHES, PREFIX, HEADER, RESPONSE = 3, 40, 40, 14


@pytest.fixture(scope="module")
def case():
    """Two prompts with an image each; three continuations each, with another image (the feedback's) in most.

    Prefixes are padded on the left, responses on the right, headers in the middle of the row.
    """
    pair = make_pair(tiny_config({"num_hidden_layers": 2}, {"depth": 2, "deepstack_visual_indexes": (0,)}))
    rng = np.random.default_rng(0)
    chat = Chat(None, pair.config, TOKENS_PER_IMAGE)
    image = lambda h, w: PROCESSOR.process(rng.integers(0, 256, (h, w, 3), dtype=np.uint8))  # noqa: E731
    text = lambda count, start: chat.sampled(rng.integers(0, 120, count), start=start)  # noqa: E731
    images, prefixes, headers, responses = [], [], [], []
    for n, size in enumerate([(64, 128), (96, 96)]):
        row = [image(*size)]
        piece = text(4 + n, 0)
        piece = piece + chat.image(row[0].grid, slot=0, start=piece.next_position)
        prefix = piece + text(9 + 5 * n, piece.next_position)
        prefixes.append(prefix)
        headers.append([])
        responses.append([])
        for g in range(BRANCHES):
            header = text(2, prefix.next_position)
            if g:
                row.append(image(64, 32 * (1 + n + g)))
                header = header + chat.image(row[-1].grid, slot=len(row) - 1, start=header.next_position)
                header = header + text(3 + g, header.next_position)
            headers[-1].append(header)
            responses[-1].append(text(RESPONSE - 2 * g - n, header.next_position))
        images.append(row)
    packed = pack_images(images, slots=BRANCHES, patches=4 * TOKENS_PER_IMAGE, config=pair.config.vision)
    return pair, packed, prefixes, headers, responses


def side_by_side(*sequences):
    """Concatenates along T."""
    return Sequence(*(np.concatenate(parts, -1) for parts in zip(*map(fields, sequences), strict=True)))


def fields(sequence):
    return sequence.tokens, sequence.positions, sequence.valid, sequence.visual_index


def shared_and_separate(case):
    """Functions of params: hidden states of the response [N, G, R, D] the two ways."""
    pair, images, prefixes, headers, responses = case
    graphdef, _ = split_abstract(pair.config, dtype=jnp.float32, remat="none")
    x = stack_pieces([[prefix] for prefix in prefixes], PREFIX, align="right")
    y = side_by_side(stack_pieces(headers, HEADER, align="right"), stack_pieces(responses, RESPONSE, align="left"))
    joined = [
        [prefix + header + response for header, response in zip(*rows, strict=True)]
        for prefix, *rows in zip(prefixes, headers, responses, strict=True)
    ]
    whole = stack_pieces(joined, PREFIX + HEADER + RESPONSE, align="left")

    def shared(params):
        model = nnx.merge(graphdef, params)
        visual = model.encode_images(images)
        _, cache = model.decode(x, visual)
        return model.decode(y, visual, prefix=cache)[0][:, :, HEADER:]

    def separate(params):
        model = nnx.merge(graphdef, params)
        hidden, _ = model.decode(whole, model.encode_images(images))
        rows = []
        for n, prefix in enumerate(prefixes):
            for g, header in enumerate(headers[n]):
                start = len(prefix) + len(header)
                rows.append(hidden[n, g, start : start + RESPONSE])
        return jnp.stack(rows).reshape(len(prefixes), BRANCHES, RESPONSE, -1)

    valid = stack_pieces(responses, RESPONSE, align="left").valid
    return pair.params, shared, separate, valid


def test_values_and_gradients(case):
    params, shared, separate, valid = shared_and_separate(case)
    cotangent = np.random.default_rng(1).normal(size=(*valid.shape, 48)).astype(np.float32) * valid[..., None]

    def value_and_gradient(function):
        def scalar(params):
            hidden = function(params)
            return (hidden * cotangent).sum() / valid.sum(), hidden

        return jax.jit(jax.value_and_grad(scalar, has_aux=True))(params)

    (_, got), got_gradient = value_and_gradient(shared)
    (_, wanted), wanted_gradient = value_and_gradient(separate)
    assert np.abs(np.asarray(wanted)[valid]).max() > 0.5
    np.testing.assert_allclose(np.asarray(got)[valid], np.asarray(wanted)[valid], atol=1e-5, rtol=0)
    for a, b in zip(jax.tree.leaves(got_gradient), jax.tree.leaves(wanted_gradient), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * max(1.0, np.abs(b).max()), rtol=0)


def test_stopped_cache_gives_the_prefix_no_gradient(case):
    """The teacher's use of the prefix, stopped, must not train the vision tower through the prompt's image."""
    pair, images, prefixes, headers, _ = case
    x = stack_pieces([[prefix] for prefix in prefixes], PREFIX, align="right")
    y = stack_pieces([[row[0]] * BRANCHES for row in headers], HEADER, align="right")

    @jax.jit
    @jax.grad
    def gradient(params):
        model = pair.model(params)
        visual = model.encode_images(images)
        cache = jax.lax.stop_gradient(model.decode(x, visual)[1])
        return model.decode(y, visual, prefix=cache)[0][:, :, -1].sum()

    got = gradient(pair.params)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(got["vision"]))
    assert np.any(jax.tree.leaves(got["text"]["layers"]["q_proj"])[0])
