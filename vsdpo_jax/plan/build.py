"""The plan of a run: each stage of a step compiled for a slice, its figures beside what a chip has."""

from __future__ import annotations

import dataclasses
import re

from ml_collections import ConfigDict

from vsdpo_jax.errors import UserError
from vsdpo_jax.plan.topology import Topology, topology_name

# A plan needs a program that is right, not one that is fast.
QUICK = {"exec_time_optimization_effort": -1.0}
# How the TPU compiler refuses: "Ran out of memory in memory space hbm. Used 18.21G of 15.75G hbm."
_REFUSED = re.compile(r"Used ([\d.]+)([KMG]) of [\d.]+[KMG] hbm")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def model_config(config: ConfigDict):
    """Of the folder `config.model` if it is at hand, else the published size `config.size`."""
    from vsdpo_jax.model.config import Qwen3VLConfig
    from vsdpo_jax.policy import model_folder

    try:
        return Qwen3VLConfig.from_hf(model_folder(config.model))
    except UserError:
        if not config.size:
            raise
        return Qwen3VLConfig.preset(config.size)


def make_plan(
    config: ConfigDict, topology: Topology, wanted: tuple[str, ...] = (), *, thorough=False, say=print
) -> dict:
    """The plan as what `--out` writes.

    Args:
      wanted: names of stages, all if empty.
      thorough: let the compiler try as hard as for a run.
      say: called with what is going on.

    Raises:
      UserError: the config does not fit the number of chips, or nothing is known of the chip.
    """
    from vsdpo_jax.accelerators import accelerator_of
    from vsdpo_jax.plan import predict
    from vsdpo_jax.plan.stages import stages

    chip, model = accelerator_of(topology.kind), model_config(config)
    if chip is None:
        raise UserError(f"topology {topology.name}: nothing is known of the chip {topology.kind!r}")
    assumed, rows = predict.Assumptions(), {}
    for stage in stages(config, model, topology.devices):
        if wanted and stage.name not in wanted:
            continue
        say(f"compiling {stage.name} for {topology.name} ...")
        work = _work(stage, config, model, len(topology.devices), assumed)
        rows[stage.name] = _row(stage, work, config, chip, len(topology.devices), assumed, thorough)
    return _summary(config, topology, chip, rows, assumed)


def _row(stage, work, config: ConfigDict, chip, chips: int, assumed, thorough: bool) -> dict:
    """The figures of one stage; of one that the compiler refuses, why."""
    from jax.errors import JaxRuntimeError

    from vsdpo_jax.plan import predict
    from vsdpo_jax.plan.program import read_program

    try:
        program = read_program(stage.lower().compile(None if thorough else QUICK))
    except JaxRuntimeError as error:
        found = _REFUSED.search(str(error))
        row = {"fits": False, "error": " ".join(str(error).split())[:300]}
        return row | ({"hbm_gb": float(found[1]) * _UNITS[found[2]] / 1e9} if found else {})
    # The compiler counts the body of the decoding loop once, whose turns follow from the lengths.
    turns = assumed.response * config.lengths.response if stage.name == "decode" else 1
    times, traffic = (turns * sum(pair[i] for pair in program.collectives.values()) for i in range(2))
    taken = predict.seconds(work, traffic, chip, chips, assumed, times)
    # A program has no argument for what it does not read (decoding: the vision tower), but it is held all the same.
    inputs = max(program.arguments - sum(stage.parts.values()), 0)
    temporaries = {name: min(size, program.temporaries) for name, size in stage.temporaries.items()}
    parts = stage.parts | {
        "training state": stage.resident,
        "inputs": inputs,
        "outputs": program.outputs,
        **temporaries,
        "temporaries": max(program.temporaries - sum(temporaries.values()), 0),
    }
    hbm = sum(parts.values())
    return {
        "fits": hbm <= chip.hbm_gb * 1e9,
        "hbm_gb": hbm / 1e9,
        "parts_gb": {name: size / 1e9 for name, size in parts.items()},
        "flops": {"needed": work.needed, "executed": work.executed, "compiler_loops_once": program.flops * chips},
        "bytes": {"read_per_chip": work.read, "least_per_chip": work.least, "compiler": program.bytes_accessed},
        "collectives": {kind: {"count": n, "gb": size / 1e9} for kind, (n, size) in program.collectives.items()},
        "collective_gb": traffic / 1e9,
        "seconds": taken,
        "mfu": work.needed / chips / taken / chip.bf16_flops,
        "bandwidth_share": work.least / taken / (1e9 * chip.hbm_gb_per_second),
    }


def _work(stage, config, model, chips, assumed):
    from vsdpo_jax.plan import predict

    if stage.name == "update":
        return predict.update_work(config, model, stage.weights)
    if stage.name == "prefill":
        return predict.prefill_work(config, model, stage.weights)
    if stage.name == "decode":
        return predict.decode_work(config, model, stage.weights, chips, assumed.response)
    if stage.name == "pack":
        cache = 1.5 * stage.parts["KV cache"]
        return predict.Work(0.0, 0.0, cache, cache)
    # Read as float32, written as bfloat16.
    return predict.Work(0.0, 0.0, 1.5 * stage.weights, 1.5 * stage.weights)


def _summary(config: ConfigDict, topology: Topology, chip, rows: dict, assumed) -> dict:
    from vsdpo_jax.plan import predict

    compiled = {name: row for name, row in rows.items() if "seconds" in row}
    plan = {
        "topology": topology.name,
        "chip": chip.name,
        "chips": len(topology.devices),
        "hosts": topology.hosts,
        "size": config.size,
        "method": config.method,
        "prompts": config.batch.prompts,
        "group": config.batch.group,
        "lengths": config.lengths.to_dict(),
        "fits": all(row["fits"] for row in rows.values()),
        "hbm_gb": max((row["hbm_gb"] for row in rows.values() if "hbm_gb" in row), default=None),
        "hbm_limit_gb": chip.hbm_gb,
        "stages": rows,
        "step_seconds": sum(row["seconds"] for row in compiled.values()),
        "assumptions": dataclasses.asdict(assumed),
        "advice": advice(config, rows),
    }
    if config.slice and topology_name(config.slice) != topology.name:
        plan["advice"].insert(
            0, f"the settings are those of slice={config.slice}: give the config's argument slice= for this topology"
        )
    if "decode" in compiled:
        cores = predict.HOST_CORES.get(chip.name, 0) * topology.hosts
        plan["render_cores"] = predict.render_cores(config, compiled["decode"]["seconds"], assumed)
        plan["host_cores"] = cores
        plan["render_tail_seconds"] = predict.render_tail(config, compiled["decode"]["seconds"], cores, assumed)
        plan["step_seconds"] += plan["render_tail_seconds"]
    return plan


def advice(config: ConfigDict, rows: dict) -> list[str]:
    """What to change, by the stage that does not fit; nothing if all fit."""
    lines = []
    if not rows.get("update", {"fits": True})["fits"]:
        lines.append(f"raise config.batch.micro_batches (now {config.batch.micro_batches}) up to one prompt a chip")
        parts = config.batch.rollout_parts
        lines.append(f"raise config.batch.rollout_parts (now {parts}), which reads every prompt as often")
        lines.append(f"lower config.objective.chunk (now {config.objective.chunk}), or take config.teacher.kind=live")
        lines.append("use more chips, or config.mesh.tensor=2 with half as many on config.mesh.fsdp")
    if not all(rows[name]["fits"] for name in ("prefill", "decode", "reshard") if name in rows):
        lines.append(f"raise config.sampling.tensor (now {config.sampling.tensor}): fewer copies of the weights")
        lines.append(f"raise config.sampling.chunks (now {config.sampling.chunks}): fewer responses at a time")
    return lines
