"""The table of chips is found by JAX's device kinds and holds the figures that plans are checked against."""

import jax
import pytest

from vsdpo_jax.accelerators import ACCELERATORS, accelerator_of


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("TPU v5 lite", "v5e"),
        ("TPU v5", "v5p"),
        ("TPU v5p", "v5p"),
        ("TPU v6 lite", "v6e"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
    ],
)
def test_device_kinds_name_their_chip(kind, name):
    # By prefix, "TPU v5 lite" would be taken for a v5p with twice its peak.
    assert accelerator_of(kind) is ACCELERATORS[name]


def test_unknown_chips_have_no_peak():
    assert accelerator_of(jax.devices("cpu")[0].device_kind) is None
    assert accelerator_of("TPU v4 lite") is None
    assert accelerator_of("NVIDIA H100 PCIe") is None


def test_figures_are_those_of_one_chip():
    # v5p: 459 TFLOP/s bf16, 95 GB at 2,765 GB/s; a row's swapped columns would show.
    chip = ACCELERATORS["v5p"]
    assert (chip.bf16_flops, chip.hbm_gb, chip.hbm_gb_per_second) == (459e12, 95, 2765)
    for chip in ACCELERATORS.values():
        assert 100e12 < chip.bf16_flops < 1e15 and 10 < chip.hbm_gb < 200 < chip.hbm_gb_per_second < 10_000
