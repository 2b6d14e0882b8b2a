"""Checkpoints survive what disks and kills do to them: damage is noticed, named, and stepped over."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vsdpo_jax import checkpoint
from vsdpo_jax.checkpoint import Checkpoints, WorkdirError, checksums, claim_workdir


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class State:
    step: jax.Array
    params: dict[str, jax.Array]
    teacher: dict[str, jax.Array] | None
    rng: jax.Array


def state(step):
    # As large as to fill whole files: the smallest arrays are kept inside an index.
    kernel = jax.random.normal(jax.random.key(step), (256, 300))
    return State(
        jnp.int32(step), {"kernel": kernel, "half": kernel.astype(jnp.bfloat16)}, None, jnp.array([step, 7], jnp.uint32)
    )


def save(workdir, *steps, keep=3, best=None):
    with Checkpoints(workdir, keep) as checkpoints:
        checkpoints.restore(state(0))
        for step in steps:
            checkpoints.best_step = best if best is not None and step >= best else None
            checkpoints.save(state(step), step, {"cursor": 8 * step}, wait=True)


def restore(workdir):
    with Checkpoints(workdir, 3) as checkpoints:
        return checkpoints.restore(state(0))


def steps(workdir):
    return sorted(int(path.name) for path in (workdir / "checkpoints").iterdir())


def assert_is(found, step):
    expected = state(step)
    assert jax.tree.structure(found[0]) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), found[0], expected)
    assert found[1] == {"cursor": 8 * step}


def test_what_is_restored_is_what_was_saved(tmp_path):
    assert restore(tmp_path) is None
    save(tmp_path, 1, 2)
    assert_is(restore(tmp_path), 2)


def test_the_newest_and_the_best_are_kept(tmp_path):
    save(tmp_path, 1, 2, 3, 4, 5, keep=2, best=2)
    assert steps(tmp_path) == [2, 4, 5]
    save(tmp_path, 6, keep=2, best=5)
    assert steps(tmp_path) == [5, 6]


def data_files(workdir, step):
    files = [path for path in (workdir / "checkpoints" / str(step)).rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: path.stat().st_size)


def flip_a_bit(workdir, step):
    path = data_files(workdir, step)[-1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def cut_short(workdir, step):
    path = data_files(workdir, step)[-1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def lose_a_file(workdir, step):
    data_files(workdir, step)[-1].unlink()


def empty_everything(workdir, step):
    for path in data_files(workdir, step):
        path.write_bytes(b"")


def leave_half(workdir, step):
    """As a kill in the middle of writing leaves it: the folder is there, most of its content is not."""
    folder = workdir / "checkpoints" / str(step)
    for path in list(folder.iterdir()):
        if path.is_dir():
            shutil.rmtree(path)


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short, lose_a_file, empty_everything, leave_half])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, caplog, damage):
    save(tmp_path, 1, 2, 3)
    damage(tmp_path, 3)
    with caplog.at_level("WARNING"):
        found = restore(tmp_path)
    assert_is(found, 2)
    if damage is not leave_half:  # Orbax itself leaves out what was never finished.
        assert "checkpoint 3 cannot be read" in caplog.text


def test_zeros_in_the_place_of_weights_are_noticed(tmp_path, monkeypatch, caplog):
    # Storage that loses a block and says nothing: the array has its shape, and the checkpoint reads without an error.
    save(tmp_path, 1)
    save(tmp_path, 2)
    load = checkpoint.ocp.training.Checkpointer.load

    def lossy(self, step, *arguments):
        named = load(self, step, *arguments)
        if step == 2:
            named["params.kernel"] = named["params.kernel"].at[100:120].set(0)
        return named

    monkeypatch.setattr(checkpoint.ocp.training.Checkpointer, "load", lossy)
    with caplog.at_level("WARNING"):
        assert_is(restore(tmp_path), 1)
    assert "params.kernel is not what was saved" in caplog.text


def test_damaged_checkpoints_do_not_push_out_whole_ones(tmp_path):
    save(tmp_path, 1, 2, 9, keep=2)
    flip_a_bit(tmp_path, 9)
    save(tmp_path, 3, keep=2)  # restores 2 first, as a resumed run does
    # 9 is newer than all, but counts for nothing: keeping it would leave one whole checkpoint of the two.
    assert steps(tmp_path) == [2, 3]
    assert_is(restore(tmp_path), 3)


def test_a_damaged_checkpoint_is_written_again(tmp_path):
    save(tmp_path, 1, 2)
    flip_a_bit(tmp_path, 2)
    save(tmp_path, 2)
    assert_is(restore(tmp_path), 2)


def test_a_run_without_a_whole_checkpoint_says_so(tmp_path):
    save(tmp_path, 1)
    flip_a_bit(tmp_path, 1)
    with pytest.raises(WorkdirError, match="none of the 1 checkpoints in .* can be read: remove that folder"):
        restore(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "uint32", "bool", "int8"])
def test_every_single_bit_and_every_swap_changes_the_checksum(dtype):
    rng = np.random.default_rng(0)
    array = jnp.asarray(rng.integers(0, 2, (3, 5)) if dtype == "bool" else rng.normal(0, 40, (3, 5)), dtype)
    before = checksums({"a": array})["a"]
    raw = np.asarray(array)
    for place in range(raw.nbytes):
        for bit in range(1 if dtype == "bool" else 8):
            changed = bytearray(raw.tobytes())
            changed[place] ^= 1 << bit
            damaged = np.frombuffer(bytes(changed), raw.dtype).reshape(raw.shape)
            assert checksums({"a": jnp.asarray(damaged)})["a"] != before
    swapped = array.at[0, 0].set(array[1, 1]).at[1, 1].set(array[0, 0])
    assert bool(array[0, 0] == array[1, 1]) or checksums({"a": swapped})["a"] != before


def test_a_workdir_belongs_to_one_run(tmp_path):
    config = {"seed": 1, "steps": 5, "optim": {"lr": 0.1}}
    claim_workdir(checkpoint.epath.Path(tmp_path / "run"), config)
    claim_workdir(checkpoint.epath.Path(tmp_path / "run"), config | {"steps": 9})  # only how long it runs
    with pytest.raises(WorkdirError, match=r"holds another run: optim.lr \(there 0.1, now 0.2\)"):
        claim_workdir(checkpoint.epath.Path(tmp_path / "run"), config | {"optim": {"lr": 0.2}})
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == config
