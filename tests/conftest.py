"""What many tests share: the embedded tiny model, and groups of rollouts of it."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests run each program once or twice: compiling it well costs more than it saves.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest

from tests.sample_rollouts import sample_groups


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
    """Two prompts with two rollouts each."""
    return sample_groups(tiny[0].chat)
