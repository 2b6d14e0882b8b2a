"""Runs in a process of its own with eight CPU devices; prints one JSON object that the test reads.

One update on the embedded tiny model for every mesh: metrics, and the share of parameters that moved otherwise than on
one device. Then a second one, from the checkpoint that one device has saved.
"""

from __future__ import annotations

import json
import sys
import tempfile

import jax

jax.config.update("jax_num_cpu_devices", 8)

import numpy as np  # noqa: E402

from tests.sample_rollouts import sample_groups  # noqa: E402
from vsdpo_jax import sharding  # noqa: E402
from vsdpo_jax.checkpoint import Checkpoints  # noqa: E402
from vsdpo_jax.flags import load_config  # noqa: E402
from vsdpo_jax.model import weights  # noqa: E402
from vsdpo_jax.objective.method import METHODS  # noqa: E402
from vsdpo_jax.objective.optimizer import make_optimizer  # noqa: E402
from vsdpo_jax.objective.step import init_state, make_update  # noqa: E402
from vsdpo_jax.train import open_model  # noqa: E402


def update_on(sizes: tuple[int, int, int], config, workdir: str, save: bool = False):
    """(metrics, flat parameters) after one update of four prompts on a mesh, and the metrics of a second.

    The second starts from the checkpoint in `workdir`; with `save` the first one's state is saved there.
    """
    policy, packer = open_model(config)
    mesh = sharding.make_mesh(*sizes, devices=jax.devices()[: sizes[0] * sizes[1] * sizes[2]])
    groups = sample_groups(policy.chat) * 2
    advantages_ng = np.array([[0.5, -0.5], [0.25, -0.25]] * 2, np.float32)
    batch = packer.pack_rollouts(groups, advantages_ng, METHODS["visual_sdpo"], distil_clean=False)
    optimizer = make_optimizer(config.optim, config.steps)
    with jax.set_mesh(mesh):
        _, params = weights.load(policy.folder, shardings=sharding.parameter_shardings(mesh, policy.config))
        state = init_state(params, optimizer, "ema", seed=0)
        placed = sharding.shardings(mesh, state)
        update = jax.jit(make_update(policy.graphdef, config, optimizer), out_shardings=(placed, None, None))
        state, metrics, _ = update(jax.device_put(state, placed), sharding.put_rows(batch))
        arrays = jax.device_get(weights.flat_arrays(state.params))
        with Checkpoints(workdir, 1) as checkpoints:
            if save:
                checkpoints.save(state, 1, {}, wait=True)
            state, _ = checkpoints.restore(state)
        _, second, _ = update(state, sharding.put_rows(batch))
    return *({name: float(value) for name, value in figures.items()} for figures in (metrics, second)), arrays


def compare(meshes: list[str]) -> dict:
    config = load_config("configs/tiny.py")
    config.batch.prompts, config.batch.group = 4, 2
    config.lengths.prefix, config.lengths.response, config.lengths.feedback = 96, 24, 80
    workdir = tempfile.mkdtemp()
    metrics, second, arrays = update_on((1, 1, 1), config, workdir, save=True)
    results = {}
    for sizes in meshes:
        other_metrics, other_second, other_arrays = update_on(tuple(map(int, sizes.split(","))), config, workdir)
        results[sizes] = {
            "resumed": {name: [second[name], other_second[name]] for name in second},
            "metrics": {name: [metrics[name], other_metrics[name]] for name in metrics},
            "other_way": float(np.mean(np.concatenate([_differs(arrays[n], other_arrays[n]) for n in arrays]))),
        }
    return results


def _differs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs(first - second).reshape(-1) > 1e-5


if __name__ == "__main__":
    print(json.dumps(compare(sys.argv[1:])))
