"""What a measurement returns, as a table and as JSON."""

from __future__ import annotations

import dataclasses
import json
import platform
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Line:
    """One figure.

    Attributes:
      name: `measurement/what/who`.
      value: the figure, in `unit`.
      ratio: to the alternative, more than 1 if ours is better; None if the line has none.
      note: what else a reader should know.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    note: str = ""


def device_name() -> str:
    """The accelerator that JAX computes on, or the processor."""
    import jax

    device = jax.devices()[0]
    return f"{_processor()} ({jax.local_device_count()} x cpu)" if device.platform == "cpu" else device.device_kind


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{named[0]}, {len(named)} cores" if named else platform.machine()


def table(lines: list[Line]) -> list[str]:
    """Readable lines, one a figure."""
    width = max((len(line.name) for line in lines), default=0)
    rows = []
    for line in lines:
        ratio = "      " if line.ratio is None else f"{line.ratio:5.2f}x"
        rows.append(f"  {line.name:{width}s} {_number(line.value):>10s} {line.unit:12s} {ratio}  {line.note}".rstrip())
    return rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write(path: Path, results: dict[str, list[Line]], device: str) -> None:
    """All figures as JSON: `{"device": …, "results": {measurement: [{name, value, unit, ratio, note}]}}`."""
    found = {name: [dataclasses.asdict(line) for line in lines] for name, lines in results.items()}
    path.write_text(json.dumps({"device": device, "results": found}, indent=2) + "\n")
