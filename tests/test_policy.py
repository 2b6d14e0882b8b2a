"""Opening a model folder for training."""

import pytest

from vsdpo_jax.policy import open_policy


@pytest.mark.parametrize("tokens", [8, 30])
def test_images_are_scaled_to_the_room_that_the_config_gives_them(tokens):
    policy = open_policy("assets:tiny", tokens_per_image=tokens, dtype="float32", remat="none")
    for height, width in ((1000, 1000), (300, 900), (40, 40), (2000, 1280)):
        grid = policy.processor.grid(height, width)
        assert grid[1] * grid[2] // 4 <= tokens
        policy.chat.prefix("text", [grid])  # Refuses what has no room.
