"""Our sampler and our update, each done when asked: the rival of `trl_worker.py`. Argument: the workload as JSON."""

from __future__ import annotations

import json
import sys

import jax
import jax.numpy as jnp

from configs import common
from vsdpo_jax.bench import synthetic
from vsdpo_jax.bench.channel import Answers
from vsdpo_jax.objective.optimizer import make_optimizer
from vsdpo_jax.objective.step import init_state, make_update
from vsdpo_jax.rollout.sampler import SamplingConfig, sample


def main() -> None:
    work = json.loads(sys.argv[1])
    answers = Answers()
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
    update = jax.jit(make_update(graphdef, config, optimizer), donate_argnums=0)
    prefix, _ = synthetic.prompts(model, shape)
    settings = SamplingConfig(max_tokens=shape.response)
    batch, step = synthetic.to_device(synthetic.batch(model, shape)), 0
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


if __name__ == "__main__":
    main()
