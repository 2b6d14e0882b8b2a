"""Charts, pages and slides a second and core against the obvious ways, measured in one run by processor time.

    python -m vsdpo_jax.bench.render

A chart through the farm is forked from a warm worker, isolated, traced to its statements and read out with all
boxes; the obvious way starts `python chart.py`. A page through the farm reuses one page of the browser; the obvious way
opens a fresh context of the full browser, loads the page and takes a picture, without boxes or attribution. A deck
through the farm runs the program, draws it and reads it out, or has a warm LibreOffice draw it; the obvious way runs
the program and starts LibreOffice on its file. Pages and slides count until their pixels are in this process.
Processor time of all processes counts, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vsdpo_jax.bench.processes import processor_seconds
from vsdpo_jax.bench.programs import CHARTS, DECKS, PAGES
from vsdpo_jax.render.browser import find_full_chromium
from vsdpo_jax.render.farm import RenderFarm, worker_environment
from vsdpo_jax.render.office_kit import find_office
from vsdpo_jax.render.png import read_png

ROUNDS = 2
COUNTS = {"chart": 40, "web": 30, "pptx": 40}
COLD_ROUNDS = 3
AGING_ROUNDS = 12


def run() -> list[str]:
    """The measured lines: milliseconds of processor time an item, items a second and core, and the ratios."""
    lines = ["rendering, processor time per item (one core):"]
    lines.append(_line("chart", _farm("chart", CHARTS), "cold process", _cold(_cold_chart, CHARTS)))
    lines.append(_line("page", _farm("web", PAGES), "fresh context, full Chromium", _fresh_pages()))
    lines.append(_aged_pages())
    slides = _farm("pptx", DECKS)
    if find_office() is None:
        lines.append(f"  slide: farm {slides:.1f} ms ({1000 / slides:.1f}/s); LibreOffice is not installed to compare")
    else:
        cold = _cold(_cold_deck, DECKS)
        lines.append(_line("slide", slides, "cold LibreOffice", cold))
        lines.append(
            _line("slide with warm LibreOffice", _farm("pptx", DECKS, "libreoffice"), "cold LibreOffice", cold)
        )
    command = [sys.executable, "-m", "vsdpo_jax.bench.attribution"]
    done = subprocess.run(command, env=worker_environment(), check=True, capture_output=True, text=True)
    cost = json.loads(done.stdout)
    extra = 100 * (cost["traced"] / cost["plain"] - 1)
    lines.append(f"  attribution: {cost['plain']:.1f} ms without, {cost['traced']:.1f} ms with: {extra:+.0f}%")
    return lines


def _line(name: str, ours: float, other: str, theirs: float) -> str:
    return (
        f"  {name}: farm {ours:.1f} ms ({1000 / ours:.1f}/s), {other} {theirs:.1f} ms ({1000 / theirs:.1f}/s): "
        f"{theirs / ours:.1f}x"
    )


def _farm(kind: str, templates: tuple[str, ...], slides: str = "builtin") -> float:
    """The better of the rounds: what disturbs only ever adds."""
    with RenderFarm(workers=1, cache=0, slides=slides) as farm:
        farm.render([template.format(value=3) for template in templates], kind)
        return min(_farm_round(farm, kind, templates, 100 * round_) for round_ in range(1, ROUNDS + 1))


def _farm_round(farm: RenderFarm, kind: str, templates: tuple[str, ...], first: int) -> float:
    sources = [templates[index % len(templates)].format(value=first + index) for index in range(COUNTS[kind])]
    before = _spent()
    scenes = farm.render(sources, kind)
    spent = _spent() - before
    failed = next((scene.error for scene in scenes if scene.error is not None), None)
    if failed is not None:
        raise RuntimeError(f"a program of the measurement failed: {failed.message}")
    return 1000 * spent / len(sources)


def _aged_pages() -> str:
    """What a page costs in a browser that has drawn many: all pages without scripts share one tab."""
    with RenderFarm(workers=1, cache=0) as farm:
        farm.render([template.format(value=3) for template in PAGES], "web")
        costs = [_farm_round(farm, "web", PAGES, 100 * round_) for round_ in range(AGING_ROUNDS)]
    count = COUNTS["web"] * (AGING_ROUNDS - 1)
    return f"  page after {count} others: {costs[-1]:.1f} ms, at first {costs[0]:.1f} ms: {costs[-1] / costs[0]:.2f}x"


def _spent() -> float:
    """Processor seconds of this process and of all that it has started: pictures are unpacked here."""
    return processor_seconds() + time.process_time()


def _cold(job: Callable[[str, str], None], templates: tuple[str, ...]) -> float:
    """Mean over the programs of the median over the rounds; the first run of all is not counted (cold disk)."""
    times: dict[str, list[float]] = {template: [] for template in templates}
    with tempfile.TemporaryDirectory() as folder:
        job(templates[0].format(value=0), folder)
        for value in range(COLD_ROUNDS):
            for template, found in times.items():
                before = _waited_for() + time.process_time()
                job(template.format(value=value), folder)
                found.append(_waited_for() + time.process_time() - before)
    return 1000 * statistics.mean(map(statistics.median, times.values()))


def _waited_for() -> float:
    """Processor seconds of all children that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _cold_chart(source: str, folder: str) -> None:
    subprocess.run([sys.executable, "-c", source], cwd=folder, env=worker_environment(), check=True)


def _cold_deck(source: str, folder: str) -> None:
    _cold_chart(source, folder)
    profile = (Path(folder) / "profile").as_uri()
    command = [find_office(), f"-env:UserInstallation={profile}", "--headless", "--convert-to", "png", "deck.pptx"]
    environment = {**worker_environment(), "HOME": folder}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    read_png((Path(folder) / "deck.png").read_bytes())
    os.unlink(Path(folder) / "deck.png")


def _fresh_pages() -> float:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=find_full_chromium(), args=arguments)
        count, before = COUNTS["web"], 0.0
        for index in range(-2, count):
            if index == 0:
                # The first two pages warmed the browser up.
                before = _spent()
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.set_content(PAGES[index % len(PAGES)].format(value=index))
            read_png(page.screenshot(full_page=True))
            context.close()
        spent = _spent() - before
        browser.close()
    return 1000 * spent / count


if __name__ == "__main__":
    print("\n".join(run()))
