"""Many jobs, a fifth of them hostile, while workers and browsers are killed at random."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import socket
import threading
import time
from pathlib import Path

from tests.hostile.programs import FAST, SLOW
from tests.render.processes import named, tree
from vsdpo_jax.render.farm import RenderFarm
from vsdpo_jax.render.limits import RenderLimits

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
    """What a soak found."""

    good: int = 0
    hostile: int = 0
    failed: list[str] = dataclasses.field(default_factory=list)
    kills: int = 0
    packets: int = 0
    memory: list[int] = dataclasses.field(default_factory=list)
    descriptors: list[int] = dataclasses.field(default_factory=list)
    left_behind: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0


def run(count: int, victim: Path, seed: int = 0) -> Outcome:
    """Runs `count` jobs; `victim` is a file outside of all jobs, in a folder of its own."""
    outcome, chance, began = Outcome(), random.Random(seed), time.monotonic()
    before = set(tree())
    with Canary() as canary:
        with RenderFarm(workers=2, limits=LIMITS, cache=0, pending=16) as farm:
            killer = Killer(before, chance.randrange(1 << 30))
            for start in range(0, count, 50):
                batch = [_job(chance, number, victim, canary.port) for number in range(start, min(count, start + 50))]
                futures = [farm.submit(source, kind) for _, kind, source in batch]
                killer.strike()
                for (is_good, kind, source), future in zip(batch, futures, strict=True):
                    scene = future.result(300)
                    outcome.good, outcome.hostile = outcome.good + is_good, outcome.hostile + (not is_good)
                    if is_good and scene.error is not None:
                        outcome.failed.append(f"{kind}: {scene.error} of {source!r}")
                outcome.memory.append(sum(map(_resident, _helpers(before))))
                outcome.descriptors.append(len(os.listdir("/proc/self/fd")) + sum(map(_open, named(SUPERVISOR))))
            outcome.kills = killer.kills
        outcome.packets = canary.visits
    outcome.left_behind = [command for process, command in tree().items() if process not in before]
    outcome.seconds = time.monotonic() - began
    return outcome


SUPERVISOR = "vsdpo_jax.render.supervisor"


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


def _helpers(before: set[int]) -> list[int]:
    """The supervisor and the workers themselves, without browsers and jobs, whose memory goes with them."""
    found = tree()
    return [process for process in found if process not in before and "vsdpo_jax.render." in found[process]]


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


class Killer:
    """Kills a random worker or browser of a farm, seldom enough that no job meets it twice."""

    def __init__(self, before: set[int], seed: int):
        self.before, self.chance, self.kills = before, random.Random(seed), 0

    def strike(self) -> None:
        """Kills one process after a moment."""
        threading.Timer(self.chance.random(), self._kill).start()

    def _kill(self) -> None:
        parts = ("vsdpo_jax.render.zygote", "vsdpo_jax.render.web", "--type=renderer", "--headless", "playwright")
        part = self.chance.choice(parts)
        found = [process for process in named(part) if process not in self.before]
        if found:
            try:
                os.kill(self.chance.choice(found), signal.SIGKILL)
                self.kills += 1
            except ProcessLookupError:
                # It ended by itself.
                return


class Canary:
    """Counts whoever calls a port of this machine, by TCP or UDP."""

    def __enter__(self) -> Canary:
        self.visits = 0
        self._tcp, self._udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        self._tcp.bind(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp.listen(64)
        self._tcp.setblocking(False)
        self._udp.setblocking(False)
        return self

    def __exit__(self, *exception: object) -> None:
        for one, take in ((self._tcp, self._tcp.accept), (self._udp, lambda: self._udp.recvfrom(99))):
            try:
                while take():
                    self.visits += 1
            except BlockingIOError:
                one.close()
