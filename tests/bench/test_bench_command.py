"""The command that runs measurements, and the measurement of the device at hand."""

import dataclasses
import importlib
import json
import math
import types

import pytest

from vsdpo_jax.accelerators import ACCELERATORS
from vsdpo_jax.bench import __main__ as bench
from vsdpo_jax.bench import device, shared_prefix
from vsdpo_jax.bench.result import Line
from vsdpo_jax.errors import UserError


def test_figures_go_to_the_screen_and_to_the_file(tmp_path, monkeypatch, capsys):
    found = [Line("shared_prefix/time", 0.25, "s", 1.75, "small")]
    monkeypatch.setattr(shared_prefix, "run", lambda options: found)
    assert bench.main(["--only=shared_prefix", f"--out={tmp_path / 'bench.json'}"]) == 0
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["results"] == {"shared_prefix": [dataclasses.asdict(found[0])]}
    assert "cpu" in written["device"]
    assert "1.75x  small" in capsys.readouterr().out


def test_unknown_names_are_refused(capsys):
    assert bench.main(["--only=shared_prefix,speed"]) == 2
    assert "no measurement 'speed': choose from objective" in capsys.readouterr().err


def test_a_measurement_that_cannot_run_does_not_stop_the_others(monkeypatch, capsys):
    def refuse(options):
        raise UserError("no network")

    monkeypatch.setattr(shared_prefix, "run", refuse)
    monkeypatch.setattr(device, "run", lambda options: [Line("device/tiny/update", 1.0, "tokens/s")])
    assert bench.main(["shared_prefix", "device"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: no network\n" and "device/tiny/update" in captured.out


def test_every_measurement_has_a_module_that_runs():
    for name in bench.MEASUREMENTS:
        assert callable(importlib.import_module(f"vsdpo_jax.bench.{name}").run)


@pytest.mark.slow
def test_device_measures_update_prefill_and_decode(monkeypatch):
    small = dataclasses.replace(device.TINY_SHAPE, prompts=1, branches=2, prefix=40, response=8, feedback=40)
    monkeypatch.setattr(device, "TINY_SHAPE", small)
    monkeypatch.setattr(device, "REPEATS", 1)
    lines = {line.name: line for line in device.run(types.SimpleNamespace(size="tiny"))}
    assert set(lines) == {"device/tiny/update", "device/tiny/prefill", "device/tiny/decode"}
    assert all(math.isfinite(line.value) for line in lines.values())
    # A CPU has no peak to compare with, and the table must not invent one.
    assert not any("MFU" in line.note or "roofline" in line.note for line in lines.values())


def test_a_step_of_8b_reads_its_parameters_and_cache():
    config, shape = device.Qwen3VLConfig.preset("8b"), device.LARGE_SHAPE
    # 7.57 G parameters without the embedding rows that a step does not read; keys and values of 36 layers x 8 x 128
    # for 1,283 shared and 8 x 1,024 own tokens: 1.4 GB. Repeated for every branch they would be 2.7 GB.
    read = device.bytes_per_step(config, shape, devices=1)
    assert read == pytest.approx(2 * 7.57e9 + 1.40e9, rel=0.01)
    assert read / (1e9 * ACCELERATORS["h100"].hbm_gb_per_second) == pytest.approx(4.9e-3, rel=0.02)


def test_unknown_sizes_are_refused():
    with pytest.raises(UserError, match="--size=9b is unknown: choose one of tiny, 2b"):
        device.model_and_shape("9b")
