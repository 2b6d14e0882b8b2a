"""Our sampler and our update, each done when asked: the rival of `trl_worker.py`. Argument: the workload as JSON.

Every core is a device of its own: two programs side by side keep two cores busier than one program does whose
operations are split one by one.
"""

from __future__ import annotations

import json
import sys

import jax
import jax.numpy as jnp

from configs import common
from vsdpo_jax.bench import synthetic
from vsdpo_jax.bench.channel import Answers
from vsdpo_jax.host_memory import return_freed_memory
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import init_state, make_update
from vsdpo_jax.rollout.sampler import SamplingConfig, sample
from vsdpo_jax.sharding import make_mesh, put_rows, shardings


def main() -> None:
    work = json.loads(sys.argv[1])
    jax.config.update("jax_num_cpu_devices", work["threads"])
    answers = Answers()
    with jax.set_mesh(make_mesh(data=-1, fsdp=1)):
        _serve(work, answers)


def _serve(work: dict, answers: Answers) -> None:
    shape = synthetic.Shape(**work["shape"])
    # JSON has no tuples.
    sections = {"mrope_section": tuple(work["model"]["mrope_section"])}
    model = synthetic.model_config(work["model"] | sections)
    graphdef, params = synthetic.random_model(model, dtype=jnp.float32, remat="none")
    config = common.base()
    with config.unlocked():
        config.dtype, config.teacher.kind, config.batch.prompts = "float32", "live", shape.prompts
        config.batch.micro_batches, config.objective.chunk = work["micro_batches"], work["chunk"]
    optimizer = make_optimizer(config.optim, config.steps)
    state = init_state(params, optimizer, "live", seed=0)
    state = jax.device_put(state, shardings(jax.sharding.get_mesh(), state))
    update = jax.jit(make_update(graphdef, config, optimizer), donate_argnums=0)
    prefix = put_rows(synthetic.prompts(model, shape)[0])
    settings = SamplingConfig(max_tokens=shape.response)
    batch, step = put_rows(synthetic.batch(model, shape)), 0
    while True:
        with answers.stage("generate"):
            jax.block_until_ready(
                sample(
                    graphdef, state.params, prefix, None, jax.random.key(step), branches=shape.branches, config=settings
                )
            )
        with answers.stage("update"):
            state, _, _ = jax.block_until_ready(update(state, batch))
        step += 1
        if step == 1:
            return_freed_memory()


if __name__ == "__main__":
    main()
