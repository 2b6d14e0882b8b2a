"""Every measurement in turn (`python -m vsdpo_jax.bench`), or those that are named (`… objective`)."""

from __future__ import annotations

import importlib
import sys

MEASUREMENTS = ("objective", "generation", "render")


def main(names: list[str]) -> int:
    """Runs the named measurements, or all; returns the exit status."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"error: no measurement {unknown[0]!r}: choose from {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    for name in names or MEASUREMENTS:
        print("\n".join(importlib.import_module(f"vsdpo_jax.bench.{name}").run()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
