"""What tracing a chart to its statements costs: the same isolated jobs with and without hooks, chains and boxes.

    python -m vsdpo_jax.bench.attribution

prints JSON, milliseconds of processor time a chart: `plain` is a job of the renderer without its hooks, which returns
pixels and no elements; `traced` is the job as it is. Both fork a warm process. A process of its own, because it forks.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import tempfile
from collections.abc import Callable

from vsdpo_jax.bench.programs import CHARTS
from vsdpo_jax.render import chart, sandbox
from vsdpo_jax.render.limits import RenderLimits

ROUNDS = 12


def main() -> None:
    """Prints the two medians over the rounds of the mean over the programs."""
    chart.warm_up()
    chart.warm_up()
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        box = sandbox.Sandbox(sandbox.probe(), folder, sandbox.readable_folders(), RenderLimits())
        plain, traced = [], []
        for _ in range(ROUNDS):
            # In turn, so that other work on the machine meets both.
            plain.append(_mean(box, folder, _plain))
            traced.append(_mean(box, folder, _traced))
    print(json.dumps({"plain": statistics.median(plain), "traced": statistics.median(traced)}))


def _mean(box: sandbox.Sandbox, folder: str, job: Callable[[str], bytes]) -> float:
    return statistics.mean(_run(box, folder, job, source.format(value=4)) for source in CHARTS)


def _run(box: sandbox.Sandbox, folder: str, job: Callable[[str], bytes], source: str) -> float:
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            box.enter(parent, writer)
            view = memoryview(job(source))
            while view:
                view = view[os.write(writer, view) :]
        finally:
            os._exit(0)
    os.close(writer)
    size = 0
    while piece := os.read(reader, 1 << 20):
        size += len(piece)
    os.close(reader)
    _, _, usage = os.wait4(child, 0)
    if size < 100_000:
        raise RuntimeError("a job of the measurement drew nothing")
    return 1000 * (usage.ru_utime + usage.ru_stime)


def _plain(source: str) -> bytes:
    chart.hooks.install = lambda: None
    chart.Collector.collect = lambda collector: []
    return _traced(source)


def _traced(source: str) -> bytes:
    chart.install(warm=False)
    answers: list[bytes] = []
    chart.run(source, RenderLimits(), lambda message, pixels: answers.append(json.dumps(message).encode() + pixels))
    return answers[-1]


if __name__ == "__main__":
    main()
