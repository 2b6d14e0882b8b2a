"""TPU slices to compile for, on a machine that has none: libtpu holds the compiler and describes the devices."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
from typing import Any

from vsdpo_jax.errors import UserError

# Slices by the name that Google's tools give them (v5p counts cores, two a chip; v5e and v6e count chips).
SLICES = {
    "v5e-4": "v5e:2x2",
    "v5e-8": "v5e:2x4",
    "v5e-16": "v5e:4x4",
    "v5e-32": "v5e:4x8",
    "v5e-64": "v5e:8x8",
    "v5e-128": "v5e:8x16",
    "v5e-256": "v5e:16x16",
    "v5p-8": "v5p:2x2x1",
    "v5p-16": "v5p:2x2x2",
    "v5p-32": "v5p:2x2x4",
    "v5p-64": "v5p:2x4x4",
    "v5p-128": "v5p:4x4x4",
    "v5p-256": "v5p:4x4x8",
    "v6e-4": "v6e:2x2",
    "v6e-8": "v6e:2x4",
    "v6e-16": "v6e:4x4",
    "v6e-32": "v6e:4x8",
    "v6e-64": "v6e:8x8",
    "v6e-128": "v6e:8x16",
    "v6e-256": "v6e:16x16",
}
_NAME = re.compile(r"(v\d+[a-z]*):(\d+x\d+(?:x\d+)?)")
# Libtpu asks Google's metadata server who it is, and narrates that there is none; a compiler needs no answer.
_ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # Nothing is locked: several plans may be made at once.
    "TPU_ACCELERATOR_TYPE": "v5p-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TPU_MIN_LOG_LEVEL": "3",
}


@dataclasses.dataclass(frozen=True)
class Topology:
    """A described slice.

    Attributes:
      name: for instance `v5p:2x2x4`.
      devices: to build a mesh of; programs can be compiled for them, not run.
      hosts: machines that the chips are spread over.
    """

    name: str
    devices: tuple[Any, ...]
    hosts: int

    @property
    def kind(self) -> str:
        """The chip as JAX names it, for instance `TPU v5 lite`."""
        return self.devices[0].device_kind


def topology_name(name: str) -> str:
    """`GENERATION:AxBxC` of a slice (`v5p-32`) or of itself; raises UserError for anything else."""
    if name in SLICES:
        return SLICES[name]
    if not _NAME.fullmatch(name):
        raise UserError(f"topology {name!r} is unknown: give one such as v5p:2x2x4, or a slice: {', '.join(SLICES)}")
    return name


def open_topology(name: str) -> Topology:
    """The slice `name`, as `topology_name` takes it.

    Raises:
      UserError: libtpu is not installed, or knows no such slice.
    """
    name = topology_name(name)
    if importlib.util.find_spec("libtpu") is None:
        raise UserError("the TPU compiler (libtpu) is not installed: pip install 'vsdpo_jax[plan]'")
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    from jax.errors import JaxRuntimeError
    from jax.experimental import topologies

    try:
        devices = tuple(topologies.get_topology_desc(platform="tpu", topology_name=name).devices)
    except JaxRuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"topology {name!r} is not one that the TPU compiler knows: {reason}") from error
    return Topology(name, devices, len({device.process_index for device in devices}))
