"""A batch that broke a run comes out of its file as it went in."""

import jax
import numpy as np

from vsdpo_jax.batch_file import load_batch, save_batch
from vsdpo_jax.objective.method import METHODS

ADVANTAGES = np.array([[0.5, -0.5], [0.25, np.nan]], np.float32)


def test_what_is_loaded_is_what_was_saved(tiny, groups, tmp_path):
    batch = tiny[1].pack_rollouts(groups, ADVANTAGES, METHODS["visual_sdpo"], distil_clean=False)
    path = save_batch(tmp_path / "broken" / "step_000003.npz", batch)
    loaded = load_batch(path)
    assert jax.tree.structure(loaded) == jax.tree.structure(batch)
    for one, other in zip(jax.tree.leaves(loaded), jax.tree.leaves(batch), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert loaded.old_logp_ngr is None and np.isnan(loaded.advantages_ng[1, 1])
