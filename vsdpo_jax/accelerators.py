"""What the vendors say that their chips can do: the one table behind MFU, rooflines and the planner's limits.

TPU figures are those of cloud.google.com/tpu/docs/system-architecture-tpu-vm, for one chip. GPU figures are those of
the SXM data sheets, without sparsity.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """One chip.

    Attributes:
      name: as in the name of a TPU topology (`v5p`), or lower case.
      bf16_flops: peak of the matrix units, FLOP/s, for bfloat16 inputs.
      hbm_gb: memory in GB (1e9 bytes).
      hbm_gb_per_second: bandwidth of that memory, GB/s.
      kinds: the values of `jax.Device.device_kind` that mean it.
    """

    name: str
    bf16_flops: float
    hbm_gb: float
    hbm_gb_per_second: float
    kinds: tuple[str, ...]


ACCELERATORS = {
    chip.name: chip
    for chip in (
        Accelerator("v4", 275e12, 32, 1228, ("TPU v4",)),
        Accelerator("v5e", 197e12, 16, 819, ("TPU v5 lite", "TPU v5e")),
        Accelerator("v5p", 459e12, 95, 2765, ("TPU v5", "TPU v5p")),
        Accelerator("v6e", 918e12, 32, 1640, ("TPU v6 lite", "TPU v6e")),
        Accelerator("a100", 312e12, 80, 2039, ("NVIDIA A100-SXM4-80GB",)),
        Accelerator("h100", 989e12, 80, 3350, ("NVIDIA H100 80GB HBM3",)),
        Accelerator("h200", 989e12, 141, 4800, ("NVIDIA H200",)),
    )
}


def accelerator_of(device_kind: str) -> Accelerator | None:
    """The chip of a `jax.Device.device_kind`; None for a CPU and for chips that the table does not have.

    Only whole names count: `TPU v4 lite` is another chip than `TPU v4`, an H100 for PCIe slots another than `NVIDIA
    H100 80GB HBM3`.
    """
    return next((chip for chip in ACCELERATORS.values() if device_kind in chip.kinds), None)
