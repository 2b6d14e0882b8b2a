"""The benchmarks that `--benchmark` can name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping

from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.types import Benchmark

# Name -> module and class; imported when asked for, because each needs packages of its own.
BENCHMARKS = {
    "chartmimic": "vsdpo_jax.evaluation.chartmimic:ChartMimic",
    "design2code": "vsdpo_jax.evaluation.design2code:Design2Code",
    "aeslides": "vsdpo_jax.evaluation.aeslides:AeSlides",
}


def open_benchmark(name: str, options: Mapping[str, str]) -> Benchmark:
    """The benchmark with its options, the keyword arguments of its class.

    Raises:
      UserError: an unknown benchmark or option.
    """
    if name not in BENCHMARKS:
        raise UserError(f"benchmark {name!r} is unknown: choose from {', '.join(BENCHMARKS)}")
    module, _, attribute = BENCHMARKS[name].partition(":")
    maker = getattr(importlib.import_module(module), attribute)
    known = list(inspect.signature(maker).parameters)
    for option in options:
        if option not in known:
            raise UserError(f"{name} has no option {option!r}: it has {', '.join(known) or 'none'}")
    return maker(**options)
