"""Scoring pages and slides against the obvious ways, measured in one run by processor time.

    python -m vsdpo_jax.bench.scoring_web

- Text blocks of a page: three pictures in one warm browser, against the reference procedure of Design2Code, which
  starts Python and a browser for each of the three. Both read the same pages.
- A whole comparison: blocks of the prediction, matching and scores, with the blocks of the reference remembered.
- The reward on an ordinary render: what the benchmarks' scores add to the time of rendering and detecting.

Processor time of all processes counts, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from vsdpo_jax.bench.processes import processor_seconds
from vsdpo_jax.feedback.detect import detect
from vsdpo_jax.render import block_markup
from vsdpo_jax.render.browser import find_chromium
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.reward import design2code, score

_SAMPLES = Path(__file__).resolve().parents[1] / "assets" / "eval_samples"
# Takes the pictures of `FOLDER/{0,1,2}.html`. The outer process inherits what a browser leaves behind, so that its time
# is counted (36 is PR_SET_CHILD_SUBREAPER).
_SHOT = """
import os, pathlib, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=arguments)
    page = browser.new_page()
    path = pathlib.Path(sys.argv[2])
    page.goto(path.as_uri())
    page.screenshot(path=path.with_suffix(".png"), full_page=True, animations="disabled")
    browser.close()
"""
_COLD = f"""
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
for number in range(3):
    subprocess.run([sys.executable, "-c", {_SHOT!r}, sys.argv[1], f"{{sys.argv[2]}}/{{number}}.html"], check=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""
ROUNDS = 2
PAGES = 6
COLD_PAGES = 3


def run() -> list[str]:
    """The measured lines."""
    pages = _texts(_SAMPLES / "design2code" / "testset_final")
    slides = _texts(_SAMPLES / "aeslides" / "examples" / "deck")
    warm, matching = _warm_blocks(pages)
    cold = _cold_blocks(pages[:COLD_PAGES])
    lines = ["scoring pages and slides, processor time an item:"]
    lines.append(f"  text blocks: warm browser {warm:.0f} ms, three cold browsers {cold:.0f} ms: {cold / warm:.1f}x")
    lines.append(f"  a comparison: {warm + matching:.0f} ms, of which {matching:.1f} ms match and score")
    for kind, texts in (("web", pages), ("slide", slides)):
        rendering, scoring = _reward(kind, texts)
        lines.append(f"  reward of a {kind}: {scoring:.1f} ms beside {rendering:.0f} ms of rendering: "
                     f"{100 * scoring / rendering:.0f}%")  # fmt: skip
    return lines


def _texts(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.rglob("*.html"))[:PAGES]]


def _warm_blocks(pages: list[str]) -> tuple[float, float]:
    """Milliseconds of the browser and of this process, the better of the rounds."""
    with RenderFarm(workers=1, cache=0) as farm:
        wanted = [design2code.page_blocks(scene) for scene in farm.render(pages, "page_blocks")]
        rendering = []
        for _ in range(ROUNDS):
            before = processor_seconds()
            scenes = farm.render(pages, "answer_blocks")
            rendering.append(processor_seconds() - before)
    found = [design2code.page_blocks(scene) for scene in scenes]
    matching = min(_spent(lambda: [design2code.score(*pair) for pair in zip(found, wanted, strict=True)])
                   for _ in range(ROUNDS))  # fmt: skip
    return 1000 * min(rendering) / len(pages), 1000 * matching / len(pages)


def _cold_blocks(pages: list[str]) -> float:
    """Milliseconds a page of three renders as published: each a new Python with a new browser, pictures not read."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for page in pages:
            colored = block_markup.colored(page)
            for number, text in enumerate((page, colored.first, colored.second)):
                (Path(folder) / f"{number}.html").write_text(text)
            before = _waited_for()
            subprocess.run([sys.executable, "-c", _COLD, find_chromium(), folder], check=True)
            times.append(_waited_for() - before)
    return 1000 * statistics.mean(times)


def _waited_for() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _reward(kind: str, texts: list[str]) -> tuple[float, float]:
    """Milliseconds of rendering and detecting, and of the benchmarks' scores, the better of the rounds."""
    with RenderFarm(workers=1, cache=0) as farm:
        farm.render(texts, kind)
        rendering = []
        for _ in range(ROUNDS):
            before = processor_seconds()
            scenes = farm.render(texts, kind)
            rendering.append(processor_seconds() - before)
    found = [detect(scene) for scene in scenes]
    pairs = list(zip(scenes, [*scenes[1:], scenes[0]], found, strict=True))
    # A page is compared with another one, which takes longer than with itself; slides need no reference.
    scoring = min(
        _spent(lambda: [score(a, b if kind == "web" else None, d, "benchmark") for a, b, d in pairs])
        for _ in range(ROUNDS)
    )
    return 1000 * min(rendering) / len(texts), 1000 * scoring / len(texts)


def _spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    print("\n".join(run()))
