"""What a run will need on a TPU slice, before it is paid for; no TPU is needed.

    python -m vsdpo_jax.plan --config=configs/chart.py:size=8b,slice=v5p-32 [--topology=v5p:2x2x4] [--out=plan.json]

The functions of a step are compiled ahead of time by the TPU compiler itself; memory and collectives are its figures.
Seconds are predictions from rooflines, under the assumptions that the table ends with.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from vsdpo_jax import flags as config_flags
from vsdpo_jax.errors import UserError
from vsdpo_jax.plan.topology import Topology, open_topology

# A plan needs a program that is right, not one that is fast.
QUICK = {"exec_time_optimization_effort": -1.0}

TOPOLOGY = flags.DEFINE_string("topology", "", "Slice to compile for: v5p:2x2x4 or v5p-32; empty: the config's.")
OUT = flags.DEFINE_string("out", "", "JSON file to write.")
STAGES = flags.DEFINE_list("stages", [], "Compile these only: reshard, prefill, decode, update; empty: all.")
THOROUGH = flags.DEFINE_bool(
    "thorough", False, "Let the compiler optimize as for a run: ten times as long, and up to a tenth less memory."
)


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
      UserError: the config does not fit the number of chips, or a stage does not compile.
    """
    from jax.errors import JaxRuntimeError

    from vsdpo_jax.accelerators import accelerator_of
    from vsdpo_jax.plan import predict
    from vsdpo_jax.plan.program import read_program
    from vsdpo_jax.plan.stages import stages

    chip, chips, model = accelerator_of(topology.kind), len(topology.devices), model_config(config)
    if chip is None:
        raise UserError(f"topology {topology.name}: nothing is known of the chip {topology.kind!r}")
    assumed, rows = predict.Assumptions(), {}
    for stage in stages(config, model, topology.devices):
        if wanted and stage.name not in wanted:
            continue
        say(f"compiling {stage.name} for {topology.name} ...")
        try:
            program = read_program(stage.lower().compile(None if thorough else QUICK))
        except JaxRuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            rows[stage.name] = {"fits": False, "error": reason}
            continue
        work = _work(stage, config, model, chips, assumed)
        tokens = assumed.response * config.lengths.response if stage.name == "decode" else 1
        traffic = tokens * sum(size for _, size in program.collectives.values())
        taken = predict.seconds(work, traffic, chip, chips, assumed)
        # A program has no argument for what it does not read (decoding: the vision tower), but it is held all the same.
        inputs = max(program.arguments - sum(stage.parts.values()), 0)
        hbm = sum(stage.parts.values()) + inputs + program.outputs + program.temporaries + stage.resident
        rows[stage.name] = {
            "fits": hbm <= chip.hbm_gb * 1e9,
            "hbm_gb": hbm / 1e9,
            "parts_gb": {name: size / 1e9 for name, size in stage.parts.items()}
            | {
                "resident": stage.resident / 1e9,
                "inputs": inputs / 1e9,
                "outputs": program.outputs / 1e9,
                "temporaries": program.temporaries / 1e9,
            },
            "flops": {"needed": work.needed, "executed": work.executed, "compiler_loops_once": program.flops * chips},
            "bytes": {"read_per_chip": work.read, "compiler_loops_once": program.bytes_accessed},
            "collectives": {kind: {"count": n, "gb": size / 1e9} for kind, (n, size) in program.collectives.items()},
            "seconds": taken,
            "mfu": work.needed / chips / taken / chip.bf16_flops,
        }
    return _summary(config, topology, chip, rows, assumed)


def _work(stage, config, model, chips, assumed):
    from vsdpo_jax.plan import predict

    held = next(iter(stage.parts.values()))
    if stage.name == "update":
        return predict.update_work(config, model, held)
    if stage.name == "prefill":
        return predict.prefill_work(config, model, held)
    if stage.name == "decode":
        return predict.decode_work(config, model, held, chips, assumed.response)
    return predict.Work(0.0, 0.0, 1.5 * held)


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
        "fits": all(row["fits"] for row in rows.values()),
        "hbm_gb": max((row["hbm_gb"] for row in compiled.values()), default=None),
        "hbm_limit_gb": chip.hbm_gb,
        "stages": rows,
        "step_seconds": sum(row["seconds"] for row in compiled.values()),
        "assumptions": dataclasses.asdict(assumed),
        "advice": [] if all(row["fits"] for row in rows.values()) else advice(config, rows),
    }
    if "decode" in compiled:
        plan["render_cores"] = predict.render_cores(config, compiled["decode"]["seconds"], assumed)
        plan["host_cores"] = predict.HOST_CORES.get(chip.name, 0) * topology.hosts
    return plan


def advice(config: ConfigDict, rows: dict) -> list[str]:
    """What to change, by the stage that does not fit."""
    lines = []
    if not rows.get("update", {"fits": True})["fits"]:
        lines.append(f"raise config.batch.micro_batches (now {config.batch.micro_batches}) up to one prompt a chip")
        lines.append(f"lower config.objective.chunk (now {config.objective.chunk}), or take config.teacher.kind=live")
        lines.append("use more chips, or config.mesh.tensor=2 with half as many on config.mesh.fsdp")
    if not all(rows[name]["fits"] for name in ("prefill", "decode", "reshard") if name in rows):
        lines.append(f"raise config.sampling.tensor (now {config.sampling.tensor}): fewer copies of the weights")
        lines.append(f"raise config.sampling.chunks (now {config.sampling.chunks}): fewer responses at a time")
    return lines


def table(plan: dict) -> str:
    """For people."""
    lines = [
        f"{plan['size'] or 'model'} {plan['method']} on {plan['topology']}: {plan['chips']} chips, "
        f"{plan['hosts']} hosts, {plan['prompts']} prompts x {plan['group']} rollouts",
        "",
        "| stage | GB a chip | of | parts | PFLOP | MFU | collectives a chip | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in plan["stages"].items():
        if "error" in row:
            lines.append(f"| {name} | does not compile | {plan['hbm_limit_gb']} | {row['error']} | | | | |")
            continue
        parts = ", ".join(f"{part} {size:.2f}" for part, size in row["parts_gb"].items() if size >= 0.005)
        moved = ", ".join(f"{c['count']} {kind} {c['gb']:.1f} GB" for kind, c in row["collectives"].items())
        lines.append(
            f"| {name} | {row['hbm_gb']:.2f} | {plan['hbm_limit_gb']} | {parts} | "
            f"{row['flops']['needed'] / 1e15:.2f} | {row['mfu']:.0%} | {moved or '-'} | {row['seconds']:.1f} |"
        )
    lines += ["", f"A step: {plan['step_seconds']:.0f} s. " + ("It fits." if plan["fits"] else "It does not fit.")]
    if "render_cores" in plan:
        lines.append(
            f"Rendering keeps up with decoding on {plan['render_cores']} cores of the {plan['host_cores']} that the "
            "hosts have."
        )
    assumed = ", ".join(f"{name} {value}" for name, value in plan["assumptions"].items())
    lines.append(f"Seconds are predictions; not measured on a TPU: {assumed}.")
    return "\n".join(lines + [f"- {line}" for line in plan["advice"]])


def main(config: ConfigDict) -> None:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    topology = open_topology(TOPOLOGY.value or config.slice)
    plan = make_plan(config, topology, tuple(STAGES.value), thorough=THOROUGH.value)
    print(table(plan))
    if OUT.value:
        Path(OUT.value).write_text(json.dumps(plan, indent=2))
    raise SystemExit(0 if plan["fits"] else 1)


if __name__ == "__main__":
    config_flags.run(main)
