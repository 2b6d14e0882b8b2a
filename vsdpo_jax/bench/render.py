"""Charts and pages a second and core against the obvious ways, measured in one run by processor time.

    python -m vsdpo_jax.bench.render

A chart through the farm is forked from a warm worker, isolated, traced to its statements and read out with all
boxes; the obvious way starts `python chart.py`. A page through the farm reuses one page of the browser; the obvious way
opens a fresh context of the full browser and takes a picture, without boxes or attribution. Processor time of all
processes counts, read from /proc, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable

from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.render.farm import RenderFarm, worker_environment

CHART = """import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(4, 3), dpi=80)
ax.bar(["north", "south", "east", "west"], [3, 5, 2, {value}], color="tab:blue", label="rain")
ax.set_title("Rain by region")
ax.set_xlabel("region")
ax.set_ylabel("mm")
ax.legend()
fig.savefig("chart.png")
"""
PAGE = """<!doctype html>
<style>body {{ font-family: Arial; margin: 40px }} .card {{ background: #eef; width: 220px }}</style>
<h1>Products {value}</h1><div class="card"><h2>One</h2><p>First thing</p></div><div class="card"><h2>Two</h2></div>
"""
CHARTS, COLD, PAGES = 40, 5, 20


def main() -> None:
    """Prints milliseconds of processor time per item, the better of two rounds of the farm."""
    charts = _best(lambda first: _farm("chart", CHART, CHARTS, first))
    cold = _cold_charts()
    print(f"chart: farm {charts:6.1f} ms   cold process {cold:6.1f} ms   ratio {cold / charts:4.1f}", flush=True)
    pages = _best(lambda first: _farm("web", PAGE, PAGES, first))
    fresh = _fresh_pages()
    print(f"page:  farm {pages:6.1f} ms   fresh context {fresh:6.1f} ms   ratio {fresh / pages:4.1f}")


def _best(measure: Callable[[int], float]) -> float:
    return min(measure(1000 * round_) for round_ in (1, 2))


def _farm(kind: str, template: str, count: int, first: int) -> float:
    with RenderFarm(workers=1) as farm:
        farm.submit(template.format(value=1), kind).result()
        before = processor_seconds()
        farm.render([template.format(value=first + index) for index in range(count)], kind)
        return 1000 * (processor_seconds() - before) / count


def _cold_charts() -> float:
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for value in range(COLD):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [sys.executable, "-c", CHART.format(value=value)]
            subprocess.run(command, cwd=folder, env=worker_environment(), check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return 1000 * statistics.median(times)


def _fresh_pages() -> float:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        before = 0.0
        for value in range(PAGES + 1):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.set_content(PAGE.format(value=value))
            page.screenshot(full_page=True)
            context.close()
            # The first page warms the browser up.
            before = before or processor_seconds()
        spent = processor_seconds() - before
        browser.close()
    return 1000 * spent / PAGES


def processor_seconds() -> float:
    """Processor time of all descendants of this process, those that have ended and been waited for included."""
    return sum(_spent(process) for process in _descendants(os.getpid())) / os.sysconf("SC_CLK_TCK")


def _spent(process: int) -> int:
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(int(value) for value in fields[11:15])


def _descendants(process: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{process}/task")
        for thread in threads:
            with open(f"/proc/{process}/task/{thread}/children") as file:
                for child in map(int, file.read().split()):
                    found += [child, *_descendants(child)]
    except FileNotFoundError:
        # It ended while being looked at.
        return found
    return found


if __name__ == "__main__":
    main()
