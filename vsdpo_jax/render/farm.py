"""The trainer's side of the render farm: submit programs, get `Scene`s.

    with RenderFarm(workers=2) as farm:
        scene = farm.submit(source, "chart").result()

The supervisor is started with a plain `Popen`, which is safe beside a running JAX (a fork of this process would not
be), from a thread that lives as long as the farm, because the kernel ends the supervisor together with that thread.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from vsdpo_jax.errors import UserError
from vsdpo_jax.render import fonts, office_kit, sandbox, wire
from vsdpo_jax.render.answers import RenderSetupError, read_answer, with_pixels
from vsdpo_jax.render.folder import empty
from vsdpo_jax.render.limits import RenderLimits
from vsdpo_jax.render.measures import MEASURES
from vsdpo_jax.types import Scene

logger = logging.getLogger(__name__)

ZYGOTE = "vsdpo_jax.render.zygote"
BROWSER = "vsdpo_jax.render.web"
OFFICE = "vsdpo_jax.render.office"
# Decks that one LibreOffice draws: it grows with them.
DECKS_PER_OFFICE = 200
# A supervisor that dies this often in a row without an answer will not come back.
MOST_RESTARTS = 3
END_SECONDS = 6.0
DEFAULT_LIMITS = RenderLimits()


class RenderFarm:
    """Renders programs in isolated processes. Thread-safe.

    Args:
      workers: warm worker processes; cores - 1 is a good number beside a busy trainer. 0: one per core.
      limits: of every job.
      browsers: warm Chromium processes for web pages and HTML slides, started with the first page.
      pending: most jobs on their way; `submit` blocks beyond (back-pressure).
      cache: scenes of that many distinct jobs are kept; equal jobs are answered from them. 0 for none.
      slides: who draws the pixels of python-pptx slides: `builtin`, or `libreoffice` as a reference, which takes much
        longer. The elements and their boxes are those of the built-in layout either way.
      require_isolation: refuse to work when the kernel lacks Landlock or seccomp, instead of a warning.

    Every job gets exactly one answer. What goes wrong inside a job is a `Scene` with an `error`; only a farm that
    cannot work at all raises `RenderSetupError` from the future.

    Raises:
      UserError: `slides` is `libreoffice`, and LibreOffice is not installed.
    """

    def __init__(
        self,
        workers: int = 1,
        limits: RenderLimits = DEFAULT_LIMITS,
        *,
        browsers: int = 1,
        pending: int = 256,
        cache: int = 1024,
        slides: str = "builtin",
        require_isolation: bool = False,
    ):
        if workers < 0:
            raise ValueError(f"workers={workers} must be the number of processes, or 0 for one per core")
        if slides not in ("builtin", "libreoffice"):
            raise UserError(f"render.slides={slides} is not known: choose builtin or libreoffice")
        if slides == "libreoffice":
            office_kit.find_library()
        self.limits = limits
        self._slides = slides
        self.workers = workers or len(os.sched_getaffinity(0))
        # A browser grows a little with every page, whatever becomes of the pages.
        page = {"module": BROWSER, "workers": browsers, "recycle": 1000}
        chart = {"module": ZYGOTE, "workers": self.workers, "recycle": 5000}
        self._pools = {"chart": chart, "pptx": chart, "web": page, "slide": page, **dict.fromkeys(MEASURES, page)}
        self._pools["office"] = {"module": OFFICE, "workers": 1, "recycle": DECKS_PER_OFFICE}
        self._require_isolation = require_isolation
        self._slots = threading.BoundedSemaphore(pending)
        self._lock = threading.Lock()
        # Apart from the lock above: a send may block, and nobody else may wait for it.
        self._sending = threading.Lock()
        self._jobs: dict[int, _Entry] = {}
        self._count = 0
        self._cache: collections.OrderedDict[str, Scene] = collections.OrderedDict()
        self._cache_size = cache
        self._connection: socket.socket | None = None
        self._closed = False
        self._failure: RenderSetupError | None = None
        self._warned = False
        # Kinds of workers that have worked here: a new supervisor knows then that only a busy machine stops them.
        self._proven: set[str] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._manage, name="render-farm", daemon=True)
        self._thread.start()

    def submit(
        self,
        source: str,
        kind: str = "chart",
        *,
        max_side: int | None = None,
        assets: Mapping[str, bytes] | None = None,
        traces: bool = False,
        visible: bool = False,
    ) -> Future[Scene]:
        """Queues a program; blocks while `pending` jobs are on their way.

        Args:
          source: the program.
          kind: `chart`; `pptx` for a python-pptx program; `web` for a page 1280 pixels wide; `slide` for an HTML slide
            of 1280 x 720; or one of `measures.MEASURES`, which read a page as a benchmark does.
          max_side: longest side of a chart in pixels; None for the size that the program asks for. Pages keep their
            size, because another one would be another layout.
          assets: the only files that a page can load, by whole address or, beside the page, by name.
          traces: fill in `Scene.traces` of a chart.
          visible: fill in `Scene.front` and `Element.visible` of a chart, which takes another draw.

        Raises:
          RuntimeError: the farm is closed; `RenderSetupError` if it closed because it cannot work.
        """
        future: Future[Scene] = Future()
        job = {"kind": kind, "source": source, "max_side": max_side}
        if traces:
            job["traces"] = True
        if visible:
            job["visible"] = True
        if kind == "pptx" and self._slides == "libreoffice":
            job["hand_over"] = True
        if assets:
            job["assets"] = {name: base64.b64encode(data).decode() for name, data in assets.items()}
        key = hashlib.sha256(json.dumps([job, fonts.font_set()], sort_keys=True).encode()).hexdigest()
        with self._lock:
            self._check_open()
            cached = self._cache.get(key)
            if cached is not None:
                self._cache.move_to_end(key)
        if cached is not None:
            future.set_result(cached)
            return future
        self._slots.acquire()
        self._started.wait()
        try:
            with self._lock:
                # The farm may have closed while this thread waited.
                self._check_open()
                self._count += 1
                job["id"] = self._count
                self._jobs[job["id"]] = _Entry(future, job, key)
                connection = self._connection
        except RuntimeError:
            self._slots.release()
            raise
        self._send(connection, job)
        return future

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise RuntimeError("the render farm is closed")

    def render(self, sources: Iterable[str], kind: str = "chart", *, max_side: int | None = None) -> list[Scene]:
        """Renders several programs and waits for all, in their order."""
        futures = [self.submit(source, kind, max_side=max_side) for source in sources]
        return [future.result() for future in futures]

    def close(self) -> None:
        """Ends the supervisor, its workers and their jobs; unanswered futures are cancelled."""
        with self._lock:
            self._closed = True
        self._started.wait()
        with self._lock:
            self._hang_up()
        self._thread.join()

    def __enter__(self) -> RenderFarm:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def _send(self, connection: socket.socket | None, job: dict[str, Any]) -> None:
        # A send that fails means that the supervisor is gone; the restart sends every pending job again.
        if connection is not None:
            with contextlib.suppress(OSError), self._sending:
                connection.sendall(wire.pack(job))

    def _hang_up(self) -> None:
        """Ends the connection, on which `_receive` waits. The lock is held."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _manage(self) -> None:
        failure = None
        try:
            with tempfile.TemporaryDirectory(prefix="vsdpo-render-", ignore_cleanup_errors=True) as folder:
                self._supervise(folder)
                empty(folder)
        except RenderSetupError as error:
            failure = error
        except Exception as error:
            # Whatever goes wrong in this thread, no future may stay without an answer.
            failure = RenderSetupError(f"the render farm cannot run: {type(error).__name__}: {error}")
        self._abandon(failure)
        self._started.set()

    def _supervise(self, folder: str) -> None:
        """Keeps a supervisor alive until the farm is closed.

        Raises:
          RenderSetupError: it dies again and again.
        """
        restarts = 0
        while not self._closed and restarts <= MOST_RESTARTS:
            connection, process = self._start(folder)
            with self._lock:
                self._connection = connection
                waiting = [entry.job for entry in self._jobs.values()]
            self._started.set()
            for job in waiting:
                self._send(connection, job)
            answered = self._receive(connection)
            with self._lock:
                self._connection = None
            connection.close()
            _end(process)
            # Best effort: what is left behind may still write for a moment. All is removed when the farm is closed.
            with contextlib.suppress(OSError):
                empty(folder)
            restarts = 0 if answered else restarts + 1
            if not self._closed:
                logger.warning("the render supervisor ended unexpectedly; starting it again")
        if restarts > MOST_RESTARTS:
            raise RenderSetupError("the render supervisor does not stay alive")

    def _start(self, folder: str) -> tuple[socket.socket, subprocess.Popen]:
        ours, theirs = socket.socketpair()
        own = tempfile.mkdtemp(prefix="supervisor-", dir=folder)
        settings = {"limits": dataclasses.asdict(self.limits), "pools": self._pools, "folder": own}
        settings = json.dumps(settings | {"proven": sorted(self._proven)})
        arguments = [sys.executable, "-P", "-m", "vsdpo_jax.render.supervisor", str(theirs.fileno()), settings]
        process = subprocess.Popen(
            arguments, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=worker_environment()
        )
        theirs.close()
        return ours, process

    def _receive(self, connection: socket.socket) -> int:
        answered = 0
        while True:
            try:
                frame = wire.receive(connection)
            except (OSError, ValueError):
                frame = None
            if frame is None:
                return answered
            message, payload = frame
            if "worker" in message:
                self._proven.add(message["worker"]["module"])
                self._check_layers(message["worker"].get("layers"))
            else:
                answered += self._resolve(message, payload)

    def _resolve(self, message: dict[str, Any], payload: bytes) -> int:
        with self._lock:
            entry = self._jobs.pop(message["id"], None)
        if entry is None:
            return 0
        try:
            scene = read_answer(entry.job, message, payload)
            if "hand_over" in entry.job and scene.error is None and not entry.future.cancelled():
                self._redraw(entry, scene)
                return 1
            if entry.drawn is not None:
                scene = with_pixels(entry.drawn, scene)
        except RenderSetupError as error:
            scene = error
        self._slots.release()
        if not entry.future.set_running_or_notify_cancel():
            return 1
        if isinstance(scene, RenderSetupError):
            entry.future.set_exception(scene)
            return 1
        # What depended on the load of the machine is tried afresh next time.
        if self._cache_size and (scene.error is None or scene.error.status == "python-error"):
            with self._lock:
                self._cache[entry.key] = scene
                while len(self._cache) > self._cache_size:
                    self._cache.popitem(last=False)
        entry.future.set_result(scene)
        return 1

    def _redraw(self, entry: _Entry, scene: Scene) -> None:
        """Has LibreOffice draw the deck that a program made; the job keeps its number and its slot."""
        job = {"id": entry.job["id"], "kind": "office", "source": "", **scene.report}
        with self._lock:
            self._jobs[job["id"]] = _Entry(entry.future, job, entry.key, dataclasses.replace(scene, report={}))
            connection = self._connection
        self._send(connection, job)

    def _check_layers(self, layers: dict[str, Any] | None) -> None:
        if layers is None or self._warned:
            return
        missing = sandbox.Layers(**layers).missing
        if missing:
            self._warned = True
            text = f"this kernel lacks {' and '.join(missing)}: rendered programs are less isolated than they should be"
            if self._require_isolation:
                raise RenderSetupError(text)
            logger.warning(text)

    def _abandon(self, error: RenderSetupError | None) -> None:
        """Closes the farm and answers every job that is left."""
        with self._lock:
            self._closed = True
            self._failure = error
            jobs, self._jobs = self._jobs, {}
        for entry in jobs.values():
            self._slots.release()
            if error is None:
                entry.future.cancel()
            elif entry.future.set_running_or_notify_cancel():
                entry.future.set_exception(error)


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A job on its way, the key of its scene in the cache, and the scene if only its pixels are missing."""

    future: Future
    job: dict[str, Any]
    key: str
    drawn: Scene | None = None


def _end(process: subprocess.Popen) -> None:
    """A supervisor without a connection ends its workers, then itself; one that hangs is killed, and they with it."""
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def worker_environment() -> dict[str, str]:
    """The environment of render processes: fixed for the same bytes everywhere, and without the trainer's secrets."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vsdpo_jax" / "matplotlib"
    # Matplotlib lists the fonts once and never looks again, so another set of fonts needs a list of its own.
    cache /= fonts.font_set()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    kept = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "VSDPO_CHROMIUM", "PLAYWRIGHT_BROWSERS_PATH")
    fixed = {
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(cache),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        # Pictures are a few large blocks, which a fresh process gets in large pages for far less than in small ones.
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    return {name: os.environ[name] for name in kept if name in os.environ} | fixed
