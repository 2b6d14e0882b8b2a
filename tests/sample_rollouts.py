"""Pictures and graded rollouts for tests, without sampling or rendering."""

import numpy as np

from vsdpo_jax.types import Credit, Defect, GradedRollout, Prompt, Reward, Rollout, RolloutGroup, Scene, Statement


def image(seed, height=96, width=128):
    """A random picture, uint8[height, width, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def graded_rollout(chat, text, *, feedback="", render=None, reward=0.5, guilty=(), alpha=4.0, truncated=False):
    """A graded rollout whose response is `text`; the characters of `guilty` carry weight `alpha`."""
    from vsdpo_jax.data.tokenizer import token_spans

    ids = chat.response(text, start=0).ids
    decoded, spans = token_spans(chat.tokenizer, ids)
    weights = np.ones(len(ids), np.float32)
    for start, end in guilty:
        weights[(spans[:, 0] < end) & (spans[:, 1] > start)] = alpha
    logp = np.full(len(ids), -1.0, np.float32)
    rollout = Rollout("prompt", ids, logp, decoded, spans, decoded, 0, truncated)
    statement = Statement(0, len(text), 1, 1)
    defects = (Defect("overlap", feedback, statements=(statement,)),) if feedback else ()
    return GradedRollout(
        rollout, Scene(text, "chart", render), defects, Credit((), weights), Reward(reward, 1.0, reward), feedback
    )


def sample_groups(chat):
    """Two prompts with two rollouts each: with feedback and render, with feedback only, clean, and truncated."""
    first = Prompt("a", "chart", "Title: Rain by city\nOslo 12\nRome 30", (image(1),), "plt.bar([1], [2])")
    second = Prompt("b", "chart", "Title: Fruit\nFig 3", (image(2, 160, 96),), "plt.plot([1], [2])")
    feedback = '[{"kind":"overlap","line":1}]'
    return (
        RolloutGroup(
            first,
            (
                graded_rollout(chat, "plt.bar(x, y)", feedback=feedback, render=image(3), reward=0.25, guilty=[(4, 7)]),
                graded_rollout(chat, "ax.set_title('Rain')", feedback=feedback, reward=0.0),
            ),
        ),
        RolloutGroup(
            second,
            (
                graded_rollout(chat, "plt.show()", render=image(4), reward=1.0),
                graded_rollout(chat, "fig, ax = 1", feedback=feedback, reward=0.5, truncated=True),
            ),
        ),
    )
