"""Every measurement in turn, or those that are named; a table, and JSON if wanted.

python -m vsdpo_jax.bench
python -m vsdpo_jax.bench --only=device,generation --size=2b --out=bench.json
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from vsdpo_jax.bench.result import Line, device_name, table, write
from vsdpo_jax.errors import UserError

# Each is a module of this package with `run`, which returns lines of text, or, given the options, `Line`s.
MEASUREMENTS = {
    "objective": "fused head and divergence against the plain one",
    "shared_prefix": "update in the group layout against separate sequences",
    "generation": "prefill and decoding against transformers",
    "tail": "decoding in segments, ended responses left out, against decoding until the last one ends",
    "device": "update, prefill and decoding of any size on this device",
    "trl": "update and generation against TRL's SDPOTrainer",
    "render": "charts, pages and slides against cold renderers",
    "scoring": "what scoring adds to rendering",
    "scoring_web": "text blocks of pages against cold browsers, and what scoring pages and slides adds to rendering",
    "loading": "host memory of loading and exporting a checkpoint of the 2B shape",
}
WITH_OPTIONS = ("device", "shared_prefix", "trl")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options; exits with a message when they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m vsdpo_jax.bench", description=__doc__.partition("\n")[0])
    known = "; ".join(f"{name}: {what}" for name, what in MEASUREMENTS.items())
    parser.add_argument("names", nargs="*", help=f"measurements, all if none is named ({known})")
    parser.add_argument("--only", default="", help="the same, separated by commas")
    parser.add_argument("--size", default="tiny", help="model of `device`: tiny, 2b, 4b, 8b or 32b")
    parser.add_argument("--out", type=Path, help="file for all figures as JSON")
    parser.add_argument(
        "--trl_environment", default="~/.cache/vsdpo_jax/bench/trl-1.16.0", help="folder of TRL's own environment"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Runs what is asked for; returns the exit status: 2 if the user must change something, else 0."""
    options = parse(arguments)
    names = [*options.names, *filter(None, options.only.split(","))] or list(MEASUREMENTS)
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"error: no measurement {unknown[0]!r}: choose from {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    device, results, failed = device_name(), {}, False
    print(f"device: {device}", flush=True)
    for name in names:
        module = importlib.import_module(f"vsdpo_jax.bench.{name}")
        print(f"{name}: {MEASUREMENTS[name]}", flush=True)
        try:
            found = module.run(options) if name in WITH_OPTIONS else module.run()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            failed = True
            continue
        # Some modules print their own table.
        results[name] = [line if isinstance(line, Line) else Line(name, 0.0, "", note=line) for line in found]
        print("\n".join(table(found) if isinstance(found[0], Line) else found), flush=True)
        if options.out:
            write(options.out, results, device)
    return 2 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
