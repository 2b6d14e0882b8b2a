"""Checkpoints on `gs://`: Orbax with TensorStore's own client, against the server on this machine."""

import jax.numpy as jnp
import numpy as np
import pytest

from vsdpo_jax.checkpoint import Checkpoints
from vsdpo_jax.errors import UserError


def _state(step):
    return {"weights": jnp.arange(6.0).reshape(2, 3) + step, "step": jnp.int32(step)}


@pytest.mark.slow
def test_checkpoints_are_saved_kept_and_restored(gcs):
    folder = gcs.folder()
    with Checkpoints(folder, keep=2) as checkpoints:
        for step in (1, 2):
            gcs.fail(2)  # The clients repeat what failed for a moment.
            checkpoints.save(_state(step), step, {"cursor": 8 * step}, wait=True)
        gcs.fail(0)
        checkpoints.save(_state(3), 3, {"cursor": 24})
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["2", "3"]
    with Checkpoints(folder, keep=2) as checkpoints:
        state, position = checkpoints.restore(_state(0))
    assert position == {"cursor": 24}
    np.testing.assert_array_equal(state["weights"], _state(3)["weights"])


@pytest.mark.slow
def test_a_save_that_fails_is_one_line_and_the_one_before_stays(gcs):
    folder = gcs.folder()
    with pytest.raises(UserError, match="checkpoint 2 .*cannot be written: .*run the same command") as caught:
        with Checkpoints(folder, keep=2) as checkpoints:
            checkpoints.save(_state(1), 1, {"cursor": 8}, wait=True)
            gcs.fail(10**6, 418)
            checkpoints.save(_state(2), 2, {"cursor": 16}, wait=True)
    assert "\n" not in str(caught.value)
    gcs.fail(0)
    with Checkpoints(folder, keep=2) as checkpoints:
        state, position = checkpoints.restore(_state(0))
    assert position == {"cursor": 8} and int(state["step"]) == 1
