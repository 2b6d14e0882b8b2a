"""What many tests share: the embedded tiny model, and groups of rollouts of it."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests run each program once or twice: compiling it well costs more than it saves.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest

from tests.sample_rollouts import graded_rollout, image
from vsdpo_jax.types import Prompt, RolloutGroup


@pytest.fixture(scope="session")
def tiny_config():
    """The config of the demo with small shapes: two prompts, two rollouts."""
    from vsdpo_jax.flags import load_config

    config = load_config("configs/tiny.py")
    config.batch.prompts, config.batch.group = 2, 2
    config.lengths.prefix, config.lengths.response, config.lengths.feedback = 96, 24, 80
    return config


@pytest.fixture(scope="session")
def tiny(tiny_config):
    """(policy, packer, params) of the embedded model."""
    from vsdpo_jax.model import weights
    from vsdpo_jax.train import open_model

    policy, packer = open_model(tiny_config)
    return policy, packer, weights.load(policy.folder)[1]


@pytest.fixture(scope="session")
def groups(tiny):
    """Two prompts with two rollouts each: with feedback and render, with feedback only, clean, and truncated."""
    chat = tiny[0].chat
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
