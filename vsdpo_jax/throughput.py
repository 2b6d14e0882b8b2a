"""How fast a step was: tokens a second, and the share of the devices' peak (MFU) of the work that `flops` counts."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from vsdpo_jax.accelerators import accelerator_of
from vsdpo_jax.pack import PackedBatch


def speed_metrics(metrics: Mapping[str, float], batch: PackedBatch, seconds: float, flops: float) -> dict[str, float]:
    """Tokens a second, in verl's terms for each device, and MFU where the device's peak is known.

    Args:
      metrics: with the stages' seconds, `timing_s/…`.
      batch: of all hosts.
      seconds: of the whole step.
      flops: of the update.
    """
    devices = jax.device_count()
    tokens = float(sum(np.sum(part.valid) for part in (batch.prefix, batch.student)))
    found = {"step_time": seconds, "perf/total_num_tokens": tokens, "perf/throughput": tokens / seconds / devices}
    update, rollout = metrics.get("timing_s/update", 0.0), metrics.get("timing_s/rollout", 0.0)
    if rollout and "completions/num_tokens" in metrics:
        found["perf/rollout_tokens_per_second"] = metrics["completions/num_tokens"] / rollout
    if update:
        found["perf/update_flops_per_second"] = flops / update
        chip = accelerator_of(jax.local_devices()[0].device_kind)
        if chip is not None:
            found["perf/mfu"] = flops / update / devices / chip.bf16_flops
    peak = [(device.memory_stats() or {}).get("peak_bytes_in_use") for device in jax.local_devices()]
    if all(peak):
        found["perf/max_memory_allocated_gb"] = max(peak) / 1e9
    return found
