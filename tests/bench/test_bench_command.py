"""The command that runs measurements, and the measurement of the device at hand."""

import dataclasses
import importlib
import json
import math
import types

import jax
import pytest

from vsdpo_jax.accelerators import Accelerator
from vsdpo_jax.bench import __main__ as bench
from vsdpo_jax.bench import device, shared_prefix
from vsdpo_jax.bench.result import Line
from vsdpo_jax.errors import UserError
from vsdpo_jax.plan import predict


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
    # Beside each figure the plan's, by a peak that was measured, because nobody states that of a CPU.
    assert all("planned" in line.note and "measured" in line.note and line.ratio > 0 for line in lines.values())


def test_a_line_sets_the_measurement_beside_the_plan(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 2)
    chip = Accelerator("a chip", 100e12, 16, 1000, ())
    work = predict.Work(needed=120e12, executed=180e12, read=900e9, least=600e9)
    line = device._line("device/8b/decode", 5000, 2.5, work, chip, "the vendor's")
    # Planned: 90 TFLOP a chip at 60% of the peak take 1.5 s, 900 GB at 75% of the bandwidth 1.2 s.
    assert line.value == 2000 and line.ratio == pytest.approx(1.5 / 2.5)
    assert "2.5 s, planned 1.5 s; MFU 24.0%, planned 40.0%, of the vendor's 100 TFLOP/s; 24.0% of" in line.note


def test_unknown_sizes_are_refused():
    with pytest.raises(UserError, match="--size=9b is unknown: choose one of tiny, 2b"):
        device.model_and_shape("9b")
