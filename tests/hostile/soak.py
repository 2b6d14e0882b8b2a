"""Many jobs, a fifth of them hostile, while workers and browsers are killed at random."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.canary import Canary
from tests.hostile.killer import Killer
from tests.hostile.programs import FAST, SLOW
from tests.render.processes import tree
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits

BATCH = 50
# Seconds for an answer: the whole machine may be busy with something else.
PATIENCE = 900
_PR_SET_CHILD_SUBREAPER = 36
LIMITS = RenderLimits(wall_seconds=25, cpu_seconds=2, memory_bytes=2 << 30, folder_files=200)
GOOD = {
    "chart": (
        "import matplotlib.pyplot as plt\nplt.bar(['a', 'b'], [1, {n}])\nplt.title('{n}')\n",
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, {n}], label='x')\nax.legend()\n",
    ),
    "pptx": (
        "from pptx import Presentation\nprs = Presentation()\ns = prs.slides.add_slide(prs.slide_layouts[0])\n"
        "s.shapes.title.text = '{n}'\n",
    ),
    "web": ("<h1>{n}</h1><p>text</p>", "<ul><li>{n}</ul><script>document.body.append('{n}')</script>"),
}
# Programs of {victim}, a file that no job may touch, and {port}, where nobody may call.
REACHING = {
    "chart": (
        "open({victim!r}, 'w').write('broken {n}')",
        "import socket\nsocket.create_connection(('127.0.0.1', {port}))#{n}",
        "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'{n}', ('127.0.0.1', {port}))",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)#{n}",
        "import shutil, os\nshutil.rmtree(os.path.dirname({victim!r}))#{n}",
    ),
    "pptx": ("from pptx import Presentation\nPresentation().save({victim!r})\nopen({victim!r}, 'wb').write(b'{n}')\n",),
    "web": (
        "<img src='http://127.0.0.1:{port}/{n}'><script>new WebSocket('ws://127.0.0.1:{port}/{n}')</script>",
        "<script>fetch('http://127.0.0.1:{port}/{n}'); location = 'http://127.0.0.1:{port}/'; open('//x')</script>",
        "<script>let s = [{{urls: 'stun:127.0.0.1:{port}'}}];"
        " new RTCPeerConnection({{iceServers: s}}).createDataChannel('{n}')</script>",
        "<script>for (;;) document.body.append('{n}')</script>",
        "<script>let a = ['{n}']; for (;;) a = a.concat(a, a)</script>",
        "<meta http-equiv=refresh content='0;http://127.0.0.1:{port}/{n}'><div style='width:{n}00000px'>wide</div>",
    ),
}
# Pages that use up their time cost seconds each.
RARE = ("for (;;)",)


@dataclasses.dataclass
class Outcome:
    """What a soak found.

    Attributes:
      good, hostile: jobs that were answered.
      failed: good jobs without a picture.
      kills: how often each kind of process was killed.
      packets: calls of the port where nobody may call.
      memory, descriptors: of the trainer's side and of all Python processes of the farm, after every batch.
      zombies: processes that were zombies for a whole batch.
      left_behind: processes that still exist after the farm was closed.
      touched: what has changed in the folders beside the farm's own.
    """

    good: int = 0
    hostile: int = 0
    failed: list[str] = dataclasses.field(default_factory=list)
    kills: Counter[str] = dataclasses.field(default_factory=Counter)
    packets: int = 0
    memory: list[int] = dataclasses.field(default_factory=list)
    descriptors: list[int] = dataclasses.field(default_factory=list)
    zombies: set[int] = dataclasses.field(default_factory=set)
    left_behind: list[str] = dataclasses.field(default_factory=list)
    touched: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0


def run(count: int, folder: Path, victim: Path, seed: int = 0) -> Outcome:
    """Runs `count` jobs.

    Args:
      count: the number of jobs.
      folder: an empty one; the farm's own folder is made in it.
      victim: a file outside of all jobs, in a folder of its own.
      seed: of the choice of jobs and of what is killed.
    """
    outcome, chance, began = Outcome(), random.Random(seed), time.monotonic()
    before, watched = set(tree()), _watched()
    with _adopting(), _temporary(folder), Canary() as canary:
        with RenderFarm(workers=2, limits=LIMITS, cache=0, pending=16) as farm:
            killer = Killer(before, chance.randrange(1 << 30))
            zombies: set[int] = set()
            for start in range(0, count, BATCH):
                numbers = range(start, min(count, start + BATCH))
                _run_batch(farm, [_job(chance, number, victim, canary.port) for number in numbers], killer, outcome)
                _measure(before, outcome)
                now = {process for process in _reaped(before) if _is_zombie(process)}
                outcome.zombies |= zombies & now
                zombies = now
            outcome.kills = killer.kills
        outcome.left_behind = _still_there(before)
    # Leaving the canary has counted its visits.
    outcome.packets = canary.visits
    outcome.touched = sorted(_watched() ^ watched) + [entry.name for entry in folder.iterdir()]
    outcome.seconds = time.monotonic() - began
    return outcome


def _run_batch(farm: RenderFarm, batch: list[tuple[bool, str, str]], killer: Killer, outcome: Outcome) -> None:
    strike = killer.chance.randrange(len(batch))
    futures = []
    for number, (_, kind, source) in enumerate(batch):
        if number == strike:
            killer.strike()
        futures.append(farm.submit(source, kind))
    for (is_good, kind, source), future in zip(batch, futures, strict=True):
        scene = future.result(PATIENCE)
        outcome.good, outcome.hostile = outcome.good + is_good, outcome.hostile + (not is_good)
        if is_good and scene.error is not None:
            outcome.failed.append(f"{kind}: {scene.error} of {source!r}")
    killer.rest()


def _measure(before: set[int], outcome: Outcome) -> None:
    """Without browsers and jobs, whose memory goes with them."""
    found = tree()
    helpers = [p for p, command in found.items() if p not in before and "-m vsdpo_jax.render." in command]
    processes = [os.getpid(), *helpers]
    outcome.memory.append(sum(map(_resident, processes)))
    outcome.descriptors.append(sum(map(_open, processes)))


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Processes whose parents were killed become children of this one, so that they are still found."""
    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        library.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[None]:
    """Temporary files are made in `folder`."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _watched() -> set[str]:
    """Where a program that got out would most likely write."""
    return {entry.path for place in (Path.home(), "/dev/shm", os.getcwd()) for entry in os.scandir(place)}


def _reaped(before: set[int]) -> list[int]:
    """What the farm started and left, after orphans of killed supervisors have been waited for, as PID 1 would."""
    found = []
    for process, command in tree().items():
        if process in before:
            continue
        with contextlib.suppress(ChildProcessError):
            # The farm itself waits for its supervisor.
            if "vsdpo_jax.render.supervisor" not in command and os.waitpid(process, os.WNOHANG)[0]:
                continue
        found.append(process)
    return found


def _still_there(before: set[int]) -> list[str]:
    """Commands of the processes that do not end within some seconds."""
    deadline = time.monotonic() + PATIENCE / 10
    while (left := _reaped(before)) and time.monotonic() < deadline:
        time.sleep(0.1)
    commands = tree()
    return [commands.get(process, "zombie") for process in left]


def _is_zombie(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def _job(chance: random.Random, number: int, victim: Path, port: int) -> tuple[bool, str, str]:
    kind = chance.choices(("chart", "pptx", "web"), (6, 2, 2))[0]
    fill = {"n": number, "victim": str(victim), "port": port}
    if chance.random() >= 0.2:
        return True, kind, chance.choice(GOOD[kind]).format(**fill)
    if kind == "chart" and chance.random() < 0.7:
        programs = SLOW if chance.random() < 0.02 else FAST
        return False, kind, chance.choice(list(programs.values()))[0] + f"\n#{number}"
    source = chance.choice(REACHING[kind])
    while any(rare in source for rare in RARE) and chance.random() < 0.9:
        source = chance.choice(REACHING[kind])
    return False, kind, source.format(**fill)


def _resident(process: int) -> int:
    try:
        with open(f"/proc/{process}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _open(process: int) -> int:
    try:
        return len(os.listdir(f"/proc/{process}/fd"))
    except OSError:
        return 0
