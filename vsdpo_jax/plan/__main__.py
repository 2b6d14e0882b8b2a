"""What a run will need on a TPU slice, before it is paid for; no TPU is needed.

    python -m vsdpo_jax.plan --config=configs/chart.py:size=8b,slice=v5p-32 [--topology=v5p:2x2x4] [--out=plan.json]

The functions of a step are compiled ahead of time by the TPU compiler itself; memory and collectives are its figures.
Seconds are predictions from rooflines, under the assumptions that the table ends with. Exit status 1: it does not fit.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from vsdpo_jax import flags as config_flags
from vsdpo_jax.errors import UserError
from vsdpo_jax.plan.build import make_plan
from vsdpo_jax.plan.page import assumptions, tables
from vsdpo_jax.plan.topology import open_topology

TOPOLOGY = flags.DEFINE_string("topology", "", "Slice to compile for: v5p:2x2x4 or v5p-32; empty: the config's.")
OUT = flags.DEFINE_string("out", "", "JSON file to write.")
STAGES = flags.DEFINE_list("stages", [], "Compile these only: reshard, prefill, decode, pack, update; empty: all.")
THOROUGH = flags.DEFINE_bool(
    "thorough", False, "Let the compiler optimize as for a run: ten times as long, and up to a tenth less memory."
)


def main(config: ConfigDict) -> None:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if not (TOPOLOGY.value or config.slice):
        raise UserError("which slice? Give --topology, for instance v5p:2x2x4 or v5p-32")
    topology = open_topology(TOPOLOGY.value or config.slice)
    plan = make_plan(config, topology, tuple(STAGES.value), thorough=THOROUGH.value)
    print(tables(plan))
    print(assumptions(plan))
    if OUT.value:
        Path(OUT.value).write_text(json.dumps(plan, indent=2))
    raise SystemExit(0 if plan["fits"] else 1)


if __name__ == "__main__":
    config_flags.run(main)
