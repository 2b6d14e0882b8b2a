"""Tokens a second and MFU by hand."""

import types

import jax
import numpy as np
import pytest

from vsdpo_jax import throughput


def batch():
    valid = lambda *lengths: types.SimpleNamespace(  # noqa: E731
        valid=np.array([[np.arange(8) < length for length in lengths]])
    )
    return types.SimpleNamespace(
        prefix=valid(5), student=valid(3, 2), teacher=valid(7, 6), response_ngr=np.array([[[1, 1], [1, 0]]], bool),
    )  # fmt: skip


def test_speed_by_hand(monkeypatch):
    metrics = {"timing_s/update": 2.0, "timing_s/rollout": 4.0, "completions/num_tokens": 100.0}
    found = throughput.speed_metrics(metrics, batch(), 10.0, 6e12)
    devices = jax.device_count()
    assert found["perf/total_num_tokens"] == 10  # the prompt once, 5, and 3 + 2 tokens after it
    assert found["perf/throughput"] == pytest.approx(1.0 / devices)
    assert found["perf/rollout_tokens_per_second"] == 25
    assert found["perf/update_flops_per_second"] == 3e12
    assert "perf/mfu" not in found  # nobody states the peak of a CPU
    chip = types.SimpleNamespace(device_kind="TPU v5p", memory_stats=lambda: {"peak_bytes_in_use": 5e9})
    monkeypatch.setattr(jax, "local_devices", lambda: [chip, chip])
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    found = throughput.speed_metrics(metrics, batch(), 10.0, 6e12)
    assert found["perf/mfu"] == pytest.approx(3e12 / 2 / 459e12)
    assert found["perf/max_memory_allocated_gb"] == 5
